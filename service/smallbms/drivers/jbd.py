"""JBD boards (also sold as Overkill and LLT) on UART or RS485: 9600 8N1, big-endian, one battery a line.

Frames and offsets: register map JBD-BMS-SERIAL-INTERFACE, checked against captures. Reading never writes, and
the serial number is not read: it sits behind the factory mode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from struct import Struct, unpack
from typing import NamedTuple

from smallbms.drivers.base import Driver, DriverInfo, Request, Want
from smallbms.drivers.common import bits
from smallbms.errors import FrameError
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

START, END = 0xDD, 0x77
READ, WRITE = 0xA5, 0x5A
HEADER = 4  # START, register, status, length
TRAILER = 3  # checksum, END
LONGEST = HEADER + 0xFF + TRAILER


class Register(IntEnum):
    PACK = 0x03
    CELLS = 0x04
    NAME = 0x05
    SWITCHES = 0xE1


class Status(IntEnum):
    OK = 0x00
    UNKNOWN_REGISTER = 0x80
    NOT_ALLOWED = 0x81
    WRONG_CHECKSUM = 0x82
    WRONG_PASSWORD = 0x83


REFUSALS = {int(status): status.name.lower().replace("_", " ") for status in Status}


class Pack(NamedTuple):
    """The fixed part of register 0x03; `sensors` temperatures of 0.1 K follow, then what newer firmware adds."""

    voltage_10mv: int  # 0   u16
    current_10ma: int  # 2   s16, + = charge
    remaining_10mah: int  # 4   u16
    capacity_10mah: int  # 6   u16
    cycles: int  # 8   u16
    production_date: int  # 10  u16, bits 15-9 year - 2000, 8-5 month, 4-0 day
    balancing_low: int  # 12  u16, cells 1-16, bit 0 = cell 1
    balancing_high: int  # 14  u16, cells 17-32
    protection: int  # 16  u16, PROTECTION
    software: int  # 18  u8, BCD
    soc_pct: int  # 19  u8
    switches: int  # 20  u8, bit 0 = charge on, bit 1 = discharge on
    cells: int  # 21  u8
    sensors: int  # 22  u8


PACK = Struct(">HhHHHHHHHBBBBB")

PROTECTION = (  # by bit; the last two are named nowhere, and an unknown protection is a protection
    Fault.CELL_HIGH,
    Fault.CELL_LOW,
    Fault.PACK_HIGH,
    Fault.PACK_LOW,
    Fault.CHARGE_HOT,
    Fault.CHARGE_COLD,
    Fault.DISCHARGE_HOT,
    Fault.DISCHARGE_COLD,
    Fault.CHARGE_OVER_CURRENT,
    Fault.DISCHARGE_OVER_CURRENT,
    Fault.SHORT_CIRCUIT,
    Fault.INTERNAL,
    Fault.SWITCH_LOCKED,
    Fault.CHARGE_TIMEOUT,
    Fault.INTERNAL,
    Fault.INTERNAL,
)

ZERO_CELSIUS = 2731  # 0.1 K
SENSOR_RANGE_C = (-40.0, 120.0)  # at and beyond its ends a sensor is open or short
ABSENT = 0xFFFF


def frame(first: int, body: bytes) -> bytes:
    """A frame of either direction: START, `first`, body, checksum over the body, END."""
    return bytes((START, first)) + body + _trailer(body)


class Jbd(Driver):
    """One JBD board."""

    INFO = DriverInfo(name="jbd", baud=9600, addressed=False, turnaround_s=0.08)

    def __init__(self, *, key: str, unit: int = 1, board_sensors: frozenset[int] = frozenset()) -> None:
        super().__init__(key=key, unit=unit, board_sensors=board_sensors)
        self._pack: Pack | None = None
        self._pack_at_s = 0.0
        self._cell_temperatures_c: tuple[float | None, ...] = ()
        self._board_temperatures_c: tuple[float | None, ...] = ()
        self._cells_v: tuple[float, ...] = ()
        self._cells_at_s = 0.0
        self._identity = Identity(key=key)
        self._sizes: dict[Register, int] = {}  # of the last good replies, so that a link can wait for all bytes at once
        self._questions = (
            (Want.PACK, self._question("pack values", Register.PACK, 40, self._take_pack)),
            (Want.CELLS, self._question("cell voltages", Register.CELLS, 32, self._take_cells)),
            (Want.IDENTITY, self._question("name", Register.NAME, 32, self._take_name)),
        )

    def requests(self, want: Want) -> tuple[Request, ...]:
        return tuple(request for part, request in self._questions if part in want)

    def reading(self) -> BatteryReading | None:
        pack = self._pack
        if pack is None or not self._cells_v:
            return None
        return BatteryReading(
            taken_at_s=self._pack_at_s,
            cells_taken_at_s=self._cells_at_s,
            identity=self._identity,
            voltage_v=pack.voltage_10mv / 100,
            current_a=pack.current_10ma / 100,
            cell_voltages_v=self._cells_v,
            cell_min_v=min(self._cells_v),
            cell_max_v=max(self._cells_v),
            cell_temperatures_c=self._cell_temperatures_c,
            board_temperatures_c=self._board_temperatures_c,
            charge_switch_on=bool(pack.switches & 1),
            discharge_switch_on=bool(pack.switches & 2),
            remaining_ah=None if pack.remaining_10mah == ABSENT else pack.remaining_10mah / 100,
            capacity_ah=None if pack.capacity_10mah in (0, ABSENT) else pack.capacity_10mah / 100,
            soc_pct=float(pack.soc_pct) if pack.soc_pct <= 100 else None,
            cycles=pack.cycles,
            balancing_cells=bits(pack.balancing_low | pack.balancing_high << 16),
            faults=frozenset([PROTECTION[number - 1] for number in bits(pack.protection)]),
        )

    def _question(self, what: str, register: Register, size: int, take: Callable[[bytes, float], None]) -> Request:
        mark = bytes((START, register))

        def missing(reply: bytes) -> int:
            return _search(mark, reply).lacking if reply else self._sizes.get(register, HEADER)

        def decode(reply: bytes, now_s: float) -> None:
            self._sizes.pop(register, None)
            data = _data(register, _search(mark, reply))
            take(data, now_s)
            self._sizes[register] = HEADER + len(data) + TRAILER

        return Request(
            what=what,
            data=frame(READ, bytes((register, 0))),
            reply_size=HEADER + size + TRAILER,
            missing=missing,
            decode=decode,
        )

    def _take_pack(self, data: bytes, now_s: float) -> None:
        if len(data) < PACK.size:
            raise FrameError(f"pack values of {len(data)} bytes, at least {PACK.size} wanted")
        pack = Pack._make(PACK.unpack_from(data))
        end = PACK.size + 2 * pack.sensors
        if len(data) < end:
            raise FrameError(f"pack values of {len(data)} bytes, {end} wanted for {pack.sensors} sensors")
        if self._pack is None or self._pack.software != pack.software:
            self._identity = replace(self._identity, firmware=f"{pack.software >> 4}.{pack.software & 15}")
        self._pack, self._pack_at_s = pack, now_s
        by_number = [(n, _temperature_c(raw)) for n, raw in enumerate(_words(data[PACK.size : end]), start=1)]
        self._cell_temperatures_c = tuple([value for n, value in by_number if n not in self.board_sensors])
        self._board_temperatures_c = tuple([value for n, value in by_number if n in self.board_sensors])

    def _take_cells(self, data: bytes, now_s: float) -> None:
        cells = self._pack.cells if self._pack else len(data) // 2
        if not data or len(data) != 2 * cells:
            raise FrameError(f"cell voltages of {len(data)} bytes, {2 * cells} wanted for {cells} cells")
        self._cells_v = tuple([millivolts / 1000 for millivolts in _words(data)])
        self._cells_at_s = now_s

    def _take_name(self, data: bytes, _now_s: float) -> None:
        self._identity = replace(self._identity, model=data.decode("ascii", errors="replace").strip("\0 ") or None)


def _trailer(body: bytes) -> bytes:
    return ((-sum(body) & 0xFFFF) << 8 | END).to_bytes(TRAILER)


def _words(data: bytes) -> tuple[int, ...]:
    return unpack(f">{len(data) // 2}H", data)


def _temperature_c(raw: int) -> float | None:
    low_c, high_c = SENSOR_RANGE_C
    temperature_c = (raw - ZERO_CELSIUS) / 10
    return temperature_c if low_c < temperature_c < high_c else None


class _Found(NamedTuple):
    """The first sound frame of a reply; without one `lacking`, as Request.missing, and what is wrong."""

    frame: bytes
    lacking: int = 0
    flaw: str = ""


def _search(mark: bytes, reply: bytes) -> _Found:
    """Look at every place where a frame of this register may begin; noise may look like one."""
    at = reply.find(mark)
    if at < 0:
        return _Found(b"", HEADER, f"no answer among {len(reply)} bytes")
    lacking, flaw = 0, ""
    while at >= 0:
        body, size = at + HEADER, len(reply)
        end = body + reply[body - 1] + TRAILER if body <= size else body
        if end > size:
            lacking, flaw = min(lacking or LONGEST, end - size), f"{end - size} bytes short"
        elif reply.startswith(_trailer(reply[at + 2 : end - TRAILER]), end - TRAILER):
            return _Found(reply[at:end])
        else:
            flaw = "wrong checksum"
        at = reply.find(mark, at + 1)
    return _Found(b"", lacking, flaw)


def _data(register: Register, found: _Found) -> bytes:
    """The data of a frame; raises FrameError if there is none, or if the board refuses."""
    frame, _, flaw = found
    if not frame:
        raise FrameError(f"register 0x{register:02X}: {flaw}")
    if status := frame[2]:  # 0 is OK
        raise FrameError(f"register 0x{register:02X} refused: {REFUSALS.get(status, f'status 0x{status:02X}')}")
    return frame[HEADER:-TRAILER]
