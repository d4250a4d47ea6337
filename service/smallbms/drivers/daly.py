"""Daly boards on UART or RS485: 9600 8N1, frames of 13 bytes, big-endian; board n has address n.

Layout: Daly UART protocol 1.2, checked against captures of four boards. Where sources differ:
- A raw current above 30000 is read as discharging: a capture shows it with the state "discharging" and sagging cells.
  Some boards have it the other way round; their battery says `current_factor = -1`.
- Frames of several parts count from 1, as every capture on UART shows, and must be complete and in order.
- The order of the balancing bits (0x97) is known for no board: they are not read.
Requests are filled with 0xAA, whose edges a board's weak UART follows better than zeros; a reading one ignores it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from math import ceil
from struct import Struct, unpack
from typing import NamedTuple

from smallbms.drivers.base import Driver, DriverInfo, Request, Want
from smallbms.drivers.common import NO_FAULTS, beginnings, faults_of
from smallbms.errors import FrameError
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

START = 0xA5
HOST = 0x3F  # + the board's number: whom a request is for
LENGTH = 8
HEADER = 4  # START, address, command, LENGTH
SIZE = HEADER + LENGTH + 1
FILLING = b"\xaa" * LENGTH


class Command(IntEnum):
    """What can be asked; each of them reads."""

    RATED = 0x50
    CODE = 0x57
    PACK = 0x90
    SWITCHES = 0x93
    STATUS = 0x94
    CELLS = 0x95
    TEMPERATURES = 0x96
    FAULTS = 0x98


PACK = Struct(">HxxHH")  # voltage 0.1 V, gathered voltage, current 0.1 A from NO_CURRENT, SoC 0.1 %
SWITCHES = Struct(">xBBxI")  # state, charge on, discharge on, life counter, remaining mAh
STATUS = Struct(">BBxxxHx")  # cells, sensors, charger, load, inputs and outputs, cycles
RATED = Struct(">Ixxxx")  # capacity mAh, cell voltage mV
CELLS_A_PART, SENSORS_A_PART, CODE_PARTS = 3, 7, 5
MOST_CELLS, MOST_SENSORS = 48, 16
MOST_PARTS = 8  # of 24 cells; the rest of 48 cells comes in the time that is given to a slow adapter
NO_CURRENT = 30000
ZERO_CELSIUS = 40
SENSOR_RANGE_C = (-40.0, 120.0)  # at and beyond its ends a sensor is open or short

# fmt: off
PROTECTIONS: tuple[Fault | None, ...] = (
    # By bit from byte 0 on. None: a first level, at which the board only warns; levels of the SoC, which is a count and
    # is read itself; the clock, and the talk with a vehicle. What no source names is an internal fault.
    None, Fault.CELL_HIGH, None, Fault.CELL_LOW, None, Fault.PACK_HIGH, None, Fault.PACK_LOW,
    None, Fault.CHARGE_HOT, None, Fault.CHARGE_COLD, None, Fault.DISCHARGE_HOT, None, Fault.DISCHARGE_COLD,
    None, Fault.CHARGE_OVER_CURRENT, None, Fault.DISCHARGE_OVER_CURRENT, None, None, None, None,
    None, Fault.CELL_IMBALANCE, None, Fault.INTERNAL,  # cells differ; temperatures differ
    Fault.INTERNAL, Fault.INTERNAL, Fault.INTERNAL, Fault.INTERNAL,
    Fault.BOARD_HOT, Fault.BOARD_HOT, Fault.TEMPERATURE_SENSOR, Fault.TEMPERATURE_SENSOR,  # of the MOSFETs
    Fault.INTERNAL, Fault.INTERNAL, Fault.INTERNAL, Fault.INTERNAL,  # MOSFETs stuck; open
    Fault.INTERNAL, Fault.INTERNAL, Fault.TEMPERATURE_SENSOR, Fault.INTERNAL,  # AFE, voltages, …, EEPROM
    None, Fault.INTERNAL, None, Fault.INTERNAL,  # clock, precharge, vehicle, inner communication
    Fault.INTERNAL, Fault.INTERNAL, Fault.SHORT_CIRCUIT, Fault.INTERNAL,  # current, main voltage; too low to be charged
    Fault.INTERNAL, Fault.INTERNAL, Fault.INTERNAL, Fault.INTERNAL,
    *[Fault.INTERNAL] * 8,  # a fault code
)
# fmt: on
FIRST_LEVELS = range(0, 28, 2)  # each a bit before its protection
ACCESSORIES = (44, 46)
WARNINGS = tuple(
    PROTECTIONS[bit + 1] if bit in FIRST_LEVELS else Fault.INTERNAL if bit in ACCESSORIES else None for bit in range(64)
)


def frame(address: int, command: int, data: bytes = FILLING) -> bytes:
    """A frame of either direction."""
    body = bytes((START, address, command, LENGTH)) + data
    return body + bytes((sum(body) & 0xFF,))


class Pack(NamedTuple):
    voltage_100mv: int
    current_100ma: int
    soc_permille: int


class Switches(NamedTuple):
    charge: int
    discharge: int
    remaining_mah: int


class Status(NamedTuple):
    cells: int
    sensors: int
    cycles: int


PACK_FRAMES = frozenset({Command.STATUS, Command.PACK, Command.SWITCHES, Command.FAULTS, Command.TEMPERATURES})


class Daly(Driver):
    """One Daly board."""

    INFO = DriverInfo(name="daly", baud=9600, addressed=True, turnaround_s=0.1, pause_s=0.02, addresses=range(1, 17))

    def __init__(self, *, key: str, unit: int = 1, board_sensors: frozenset[int] = frozenset()) -> None:
        super().__init__(key=key, unit=unit, board_sensors=board_sensors)
        self._stamps_s: dict[Command, float] = {}
        self._status = Status(0, 0, 0)
        self._pack = Pack(0, NO_CURRENT, 0)
        self._switches = Switches(0, 0, 0)
        self._faults = self._warnings = NO_FAULTS
        self._cells_v: tuple[float, ...] = ()
        self._temperatures_c: tuple[float | None, ...] = ()
        self._capacity_ah: float | None = None
        self._identity = Identity(key=key)
        single, several = self._single, self._question
        self._questions = (  # the status first, as it says how many parts there are of cells and temperatures
            (Want.PACK, single("status", Command.STATUS, self._take_status)),
            (Want.PACK, single("pack values", Command.PACK, self._take_pack)),
            (Want.PACK, single("switches", Command.SWITCHES, self._take_switches)),
            (Want.PACK, single("faults", Command.FAULTS, self._take_faults)),
            (Want.CELLS, several("cell voltages", Command.CELLS, MOST_PARTS, self._cell_parts, self._take_cells)),
            (Want.PACK, several("temperatures", Command.TEMPERATURES, 1, self._sensor_parts, self._take_sensors)),
            (Want.IDENTITY, single("rated capacity", Command.RATED, self._take_rated)),
            (Want.IDENTITY, several("battery code", Command.CODE, CODE_PARTS, lambda: CODE_PARTS, self._take_code)),
        )

    def requests(self, want: Want) -> tuple[Request, ...]:
        return tuple(request for part, request in self._questions if part in want)

    def reading(self) -> BatteryReading | None:
        """As old as the oldest of its pack frames."""
        stamps_s, needed = self._stamps_s, self._needed()
        if not self._cells_v or not needed <= stamps_s.keys():
            return None
        pack, switches = self._pack, self._switches
        by_number = list(enumerate(self._temperatures_c, start=1))
        return BatteryReading(
            taken_at_s=min([stamps_s[command] for command in needed]),
            cells_taken_at_s=stamps_s[Command.CELLS],
            identity=self._identity,
            voltage_v=pack.voltage_100mv / 10,
            current_a=(NO_CURRENT - pack.current_100ma) / 10,
            cell_voltages_v=self._cells_v,
            cell_min_v=min(self._cells_v),
            cell_max_v=max(self._cells_v),
            cell_temperatures_c=tuple([t for n, t in by_number if n not in self.board_sensors]),
            board_temperatures_c=tuple([t for n, t in by_number if n in self.board_sensors]),
            charge_switch_on=switches.charge != 0,
            discharge_switch_on=switches.discharge != 0,
            remaining_ah=switches.remaining_mah / 1000,
            capacity_ah=self._capacity_ah,
            soc_pct=pack.soc_permille / 10 if pack.soc_permille <= 1000 else None,
            cycles=self._status.cycles,
            faults=self._faults,
            warnings=self._warnings,
        )

    def _needed(self) -> frozenset[Command]:
        """What a reading is made of beside the cells; a board without sensors need not answer about them."""
        return PACK_FRAMES if self._status.sensors else PACK_FRAMES - {Command.TEMPERATURES}

    def _single(self, what: str, command: Command, take: Callable[[bytes], None]) -> Request:
        return self._question(what, command, 1, lambda: 1, lambda parts: take(parts[0]))

    def _question(
        self,
        what: str,
        command: Command,
        most: int,
        parts: Callable[[], int],
        take: Callable[[list[bytes]], None],
    ) -> Request:
        mark = bytes((START, self.unit, command, LENGTH))

        def missing(reply: bytes) -> int:
            return _search(mark, reply, parts()).lacking

        def decode(reply: bytes, now_s: float) -> None:
            wanted = parts()
            found = _search(mark, reply, wanted).data
            if len(found) < wanted:
                raise FrameError(f"{len(found)} of {wanted} frames among {len(reply)} bytes")
            take(found)
            self._stamps_s[command] = now_s

        return Request(
            what=what, data=frame(HOST + self.unit, command), reply_size=most * SIZE, missing=missing, decode=decode
        )

    def _cell_parts(self) -> int:
        return max(1, ceil(self._status.cells / CELLS_A_PART))

    def _sensor_parts(self) -> int:
        return max(1, ceil(self._status.sensors / SENSORS_A_PART))

    def _take_status(self, data: bytes) -> None:
        status = Status._make(STATUS.unpack(data))
        if not 0 < status.cells <= MOST_CELLS or status.sensors > MOST_SENSORS:
            raise FrameError(f"{status.cells} cells and {status.sensors} sensors, at most {MOST_CELLS}, {MOST_SENSORS}")
        self._status = status

    def _take_pack(self, data: bytes) -> None:
        self._pack = Pack._make(PACK.unpack(data))

    def _take_switches(self, data: bytes) -> None:
        self._switches = Switches._make(SWITCHES.unpack(data))

    def _take_faults(self, data: bytes) -> None:
        bits = int.from_bytes(data, "little")
        self._faults, self._warnings = faults_of(bits, PROTECTIONS), faults_of(bits, WARNINGS)

    def _take_cells(self, parts: list[bytes]) -> None:
        cells = self._status.cells
        if not cells:
            raise FrameError("how many cells there are is not known yet")
        millivolts = unpack(f">{CELLS_A_PART * len(parts)}H", _joined(parts, CELLS_A_PART * 2))
        self._cells_v = tuple([value / 1000 for value in millivolts[:cells]])

    def _take_sensors(self, parts: list[bytes]) -> None:
        raw = _joined(parts, SENSORS_A_PART)[: self._status.sensors]
        self._temperatures_c = tuple([_temperature_c(value) for value in raw])

    def _take_rated(self, data: bytes) -> None:
        (capacity_mah,) = RATED.unpack(data)
        self._capacity_ah = capacity_mah / 1000 if capacity_mah else None

    def _take_code(self, parts: list[bytes]) -> None:
        code = _joined(parts, LENGTH - 1).decode("ascii", errors="replace").strip("\0 ")
        self._identity = replace(self._identity, serial=code or None)


def _joined(parts: list[bytes], size: int) -> bytes:
    """So many bytes of each part, after its number."""
    numbers = [part[0] for part in parts]
    if numbers != list(range(1, len(parts) + 1)):
        raise FrameError(f"parts {numbers}, wanted are 1 to {len(parts)}")
    return b"".join([part[1 : 1 + size] for part in parts])


def _temperature_c(raw: int) -> float | None:
    low_c, high_c = SENSOR_RANGE_C
    temperature_c = float(raw - ZERO_CELSIUS)
    return temperature_c if low_c < temperature_c < high_c else None


class _Found(NamedTuple):
    """The data of the sound frames, and how many bytes may still come."""

    data: list[bytes]
    lacking: int


def _search(mark: bytes, reply: bytes, wanted: int) -> _Found:
    """The first `wanted` sound frames; a broken one came too, and is not waited for."""
    data: list[bytes] = []
    broken = end = 0
    for at in beginnings(mark, reply):
        if at < end or len(data) == wanted:
            continue
        if at + SIZE > len(reply):
            return _Found(data, max(0, (wanted - len(data) - broken) * SIZE - (len(reply) - at)))
        if sum(reply[at : at + SIZE - 1]) & 0xFF == reply[at + SIZE - 1]:
            data.append(reply[at + HEADER : at + SIZE - 1])
            end = at + SIZE
        else:
            broken += 1
    return _Found(data, max(0, wanted - len(data) - broken) * SIZE)
