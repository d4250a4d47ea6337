"""JK boards of the PB series on RS485: 115200 8N1; a board has the address of its switches, 1…15.

The host asks by a Modbus command for writing (function 16) whose register says what is wanted and whose value is 0;
nothing is written. The board answers 300 bytes of its own, little-endian, and then acknowledges the command. Only the
acknowledgement bears an address: an answer without it may be that of another board.
Layout: JK "BMS RS485 Modbus V1.1" and JK02, checked against a capture of a PB2A16S20P. Where sources differ:
- A temperature of 99 °C and more is read by some as an older protocol's -1 °C and less: here it is not read.
- The serial number is at 86; what is at 46 is the name that the owner gave.
A board with address 0 is the master of its line and speaks unasked: it cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from smallbms.drivers.base import Driver, DriverInfo, Request, Want
from smallbms.drivers.common import beginnings, faults_of
from smallbms.errors import FrameError
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

START = bytes.fromhex("55AAEB90")
SIZE = 300  # its last byte is the sum of those before
COMMAND = 0x10
ACKNOWLEDGEMENT = 8
REQUEST = 11
CELLS = 32  # places


class Register(IntEnum):
    """What can be asked."""

    ABOUT = 0x161C
    SETTINGS = 0x161E
    STATUS = 0x1620


KINDS = {Register.SETTINGS: 1, Register.STATUS: 2, Register.ABOUT: 3}  # byte 4 of the answer


class Status(NamedTuple):
    """What follows the 32 cells of u16 mV at 6."""

    present: int  # 70   u32, bit 0 = cell 1
    mosfet_100mc: int  # 144  s16, 0.1 °C
    voltage_mv: int  # 150  u32
    current_ma: int  # 158  s32, + = charge
    sensor_1_100mc: int  # 162  s16
    sensor_2_100mc: int  # 164  s16
    alarms: int  # 166  u32, PROTECTIONS
    balancing: int  # 172  u8, 0 = not
    soc_pct: int  # 173  u8
    remaining_mah: int  # 174  s32
    capacity_mah: int  # 178  u32
    cycles: int  # 182  u32
    soh_pct: int  # 190  u8
    charge: int  # 198  u8
    discharge: int  # 199  u8
    sensors: int  # 214  u8, SENSOR_BITS
    sensor_3_100mc: int  # 256  s16
    sensor_4_100mc: int  # 258  s16


STATUS = Struct("<6x 32H I 70x h 4x I 4x i hh I 2x B B i I I 4x B 7x BB 14x B 41x hh 40x")
SETTINGS = Struct("<114x I 182x")  # cells
ABOUT = Struct("<6x 16s 8s 8s 48x 11s 203x")  # model, hardware, software; serial number
SENSOR_BITS = (1, 2, 4, 5)  # of sensors 1 to 4; bit 0 is that of the MOSFETs
SENSOR_RANGE_C = (-40.0, 99.0)  # at and beyond its ends it is not read; -200 is that of a missing sensor

# fmt: off
PROTECTIONS: tuple[Fault | None, ...] = (
    # By bit. None: a lost GPS receiver, the advice to change a password, the PLC module. What no source names is an
    # internal fault.
    Fault.INTERNAL,  # a wire to a cell
    Fault.BOARD_HOT,
    Fault.INTERNAL,  # other cells than set
    Fault.INTERNAL,  # current sensor
    Fault.CELL_HIGH,
    Fault.PACK_HIGH,
    Fault.CHARGE_OVER_CURRENT,
    Fault.SHORT_CIRCUIT,
    Fault.CHARGE_HOT,
    Fault.CHARGE_COLD,
    Fault.INTERNAL,  # talk to its second processor
    Fault.CELL_LOW,
    Fault.PACK_LOW,
    Fault.DISCHARGE_OVER_CURRENT,
    Fault.SHORT_CIRCUIT,
    Fault.DISCHARGE_HOT,
    Fault.INTERNAL,  # charge MOSFETs
    Fault.INTERNAL,  # discharge MOSFETs
    None,
    None,
    Fault.INTERNAL,  # discharging could not be switched on
    Fault.DISCHARGE_HOT,  # a level of its own, to warn
    Fault.TEMPERATURE_SENSOR,
    None,
    *[Fault.INTERNAL] * 8,
)
# fmt: on
ACCESSORIES = (18, 23)
WARNINGS = tuple(Fault.INTERNAL if bit in ACCESSORIES else None for bit in range(32))


def with_crc(body: bytes) -> bytes:
    """A Modbus frame: the body and its CRC."""
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return body + crc.to_bytes(2, "little")


def acknowledgement(address: int, register: int) -> bytes:
    return with_crc(bytes((address, COMMAND)) + register.to_bytes(2) + b"\0\1")


def request(address: int, register: int) -> bytes:
    return with_crc(bytes((address, COMMAND)) + register.to_bytes(2) + b"\0\1\2\0\0")


class JkPb(Driver):
    """One JK board of the PB series."""

    INFO = DriverInfo(
        name="jk-pb", baud=115200, addressed=True, turnaround_s=0.05, pause_s=0.12, addresses=range(1, 16)
    )

    def __init__(self, *, key: str, unit: int = 1, board_sensors: frozenset[int] = frozenset()) -> None:
        super().__init__(key=key, unit=unit, board_sensors=board_sensors)
        self._status: Status | None = None
        self._taken_at_s = 0.0
        self._cells_v: tuple[float | None, ...] = ()
        self._cells_set = 0
        self._identity = Identity(key=key)
        self._sizes: dict[Register, int] = {}  # of the last good answers, so that a link can wait for all bytes at once
        status = self._question("status", Register.STATUS, self._take_status)
        self._questions = (
            (Want.PACK | Want.CELLS, status),
            (Want.IDENTITY, self._question("settings", Register.SETTINGS, self._take_settings)),
            (Want.IDENTITY, self._question("about", Register.ABOUT, self._take_about)),
        )

    def requests(self, want: Want) -> tuple[Request, ...]:
        return tuple(request for part, request in self._questions if part & want)

    def reading(self) -> BatteryReading | None:
        status, cells_v = self._status, self._cells_v
        if status is None:
            return None
        read_v = [volts for volts in cells_v if volts is not None]
        low_v, high_v = min(read_v), max(read_v)
        worked_on = {cells_v.index(low_v) + 1, cells_v.index(high_v) + 1}  # it moves charge from one to the other
        cell_temperatures_c, board_temperatures_c = self._temperatures_c(status)
        return BatteryReading(
            taken_at_s=self._taken_at_s,
            cells_taken_at_s=self._taken_at_s,
            identity=self._identity,
            voltage_v=status.voltage_mv / 1000,
            current_a=status.current_ma / 1000,
            cell_voltages_v=cells_v,
            cell_min_v=low_v,
            cell_max_v=high_v,
            cell_temperatures_c=cell_temperatures_c,
            board_temperatures_c=board_temperatures_c,
            charge_switch_on=status.charge != 0,
            discharge_switch_on=status.discharge != 0,
            remaining_ah=status.remaining_mah / 1000,
            capacity_ah=status.capacity_mah / 1000 if status.capacity_mah else None,
            soc_pct=float(status.soc_pct) if status.soc_pct <= 100 else None,
            soh_pct=float(status.soh_pct) if status.soh_pct <= 100 else None,
            cycles=status.cycles,
            balancing_cells=tuple(sorted(worked_on)) if status.balancing else (),
            faults=faults_of(status.alarms, PROTECTIONS),
            warnings=faults_of(status.alarms, WARNINGS),
        )

    def _temperatures_c(self, status: Status) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
        """Of the cells, and of the board, whose MOSFETs come first."""
        raw = (status.sensor_1_100mc, status.sensor_2_100mc, status.sensor_3_100mc, status.sensor_4_100mc)
        there = status.sensors
        read = [_temperature_c(value, there >> bit & 1) for value, bit in zip(raw, SENSOR_BITS, strict=True)]
        by_number = list(enumerate(read, start=1))
        mosfet_c = _temperature_c(status.mosfet_100mc, there & 1)
        cells = tuple([value for n, value in by_number if n not in self.board_sensors])
        return cells, (mosfet_c, *[value for n, value in by_number if n in self.board_sensors])

    def _question(self, what: str, register: Register, take: Callable[[bytes, float], None]) -> Request:
        mark = START + bytes((KINDS[register],))
        acknowledged = acknowledgement(self.unit, register)

        def missing(reply: bytes) -> int:
            if not reply:
                return self._sizes.get(register, SIZE + ACKNOWLEDGEMENT)
            return _search(mark, acknowledged, reply).lacking

        def decode(reply: bytes, now_s: float) -> None:
            self._sizes.pop(register, None)
            frame, _, flaw, size = _search(mark, acknowledged, reply)
            if not frame:
                raise FrameError(flaw)
            take(frame, now_s)
            self._sizes[register] = size

        return Request(
            what=what,
            data=request(self.unit, register),
            reply_size=SIZE + 1 + ACKNOWLEDGEMENT,
            missing=missing,
            decode=decode,
        )

    def _take_status(self, frame: bytes, now_s: float) -> None:
        values = STATUS.unpack(frame)
        status = Status._make(values[CELLS:])
        if not status.present:
            raise FrameError("a status without cells")
        count, present = max(status.present.bit_length(), self._cells_set), status.present
        self._cells_v = tuple([mv / 1000 if present >> at & 1 else None for at, mv in enumerate(values[:count])])
        self._status, self._taken_at_s = status, now_s

    def _take_settings(self, frame: bytes, _now_s: float) -> None:
        (cells,) = SETTINGS.unpack(frame)
        if not 0 < cells <= CELLS:
            raise FrameError(f"settings of {cells} cells, at most {CELLS}")
        self._cells_set = cells

    def _take_about(self, frame: bytes, _now_s: float) -> None:
        model, hardware, software, serial = [_text(field) for field in ABOUT.unpack(frame)]
        known = self._identity
        swapped = None not in (known.serial, serial) and serial != known.serial  # then its key changes, and only then
        self._identity = replace(
            known,
            key=f"{self.INFO.name}:{serial}" if swapped else known.key,
            serial=serial or known.serial,
            model=model,
            firmware=" ".join(filter(None, (hardware, software))) or None,
        )


def _text(field: bytes) -> str | None:
    return field.split(b"\0")[0].decode("ascii", errors="replace").strip() or None


def _temperature_c(raw: int, there: int) -> float | None:
    low_c, high_c = SENSOR_RANGE_C
    temperature_c = raw / 10
    return temperature_c if there and low_c < temperature_c < high_c else None


class _Found(NamedTuple):
    """The first sound frame of a reply; without one `lacking`, as Request.missing, and what is wrong."""

    frame: bytes
    lacking: int
    flaw: str
    size: int = 0  # with its acknowledgement


def _search(mark: bytes, acknowledged: bytes, reply: bytes) -> _Found:
    """An acknowledged frame; zeros may come before the acknowledgement, and noise may look like a frame."""
    lacking, flaw = 0, f"no answer among {len(reply)} bytes"
    for at in beginnings(mark, reply):
        end = at + SIZE
        tail = reply[end:]
        acknowledging = tail.lstrip(b"\0")
        short = max(0, end - len(reply)) + ACKNOWLEDGEMENT - len(acknowledging)
        if short > 0:
            lacking, flaw = min(lacking or short, short), f"{short} bytes short"
        elif sum(reply[at : end - 1]) & 0xFF != reply[end - 1]:
            flaw = "wrong checksum"
        elif not acknowledging.startswith(acknowledged):
            flaw = f"acknowledged by {acknowledging[:ACKNOWLEDGEMENT].hex(' ')}, not by this board"
        else:
            return _Found(reply[at:end], 0, "", end - at + len(tail) - len(acknowledging) + ACKNOWLEDGEMENT)
    if not lacking and flaw.startswith("no answer"):
        lacking = SIZE + ACKNOWLEDGEMENT
    return _Found(b"", lacking, flaw)
