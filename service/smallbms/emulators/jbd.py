"""A JBD board as seen from its UART: answers reads, obeys the MOS register, and misbehaves on request."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from smallbms.drivers.jbd import (
    ABSENT,
    HEADER,
    PACK,
    PROTECTION,
    READ,
    START,
    TRAILER,
    WRITE,
    ZERO_CELSIUS,
    Pack,
    Register,
    Status,
    frame,
)
from smallbms.emulators.board import EmulatedBoard
from smallbms.model import BatteryReading
from smallbms.words import Fault

SWITCH_LOCK_BIT = PROTECTION.index(Fault.SWITCH_LOCKED)


OPEN_SENSOR = 0  # raw


class JbdBoard(EmulatedBoard):
    """`state()` is asked at each request.

    `protection` is or-ed into the protection bits; `payloads` replaces the data of a register, whatever nonsense it
    holds, under a good checksum.
    """

    def __init__(self, state: Callable[[], BatteryReading], *, name: str = "JBD-EMULATOR") -> None:
        super().__init__()
        self.protection = 0
        self.payloads: dict[int, bytes] = {}
        self._state = state
        self._name = name
        self._switches_off = 0  # register 0xE1: bit 0 = charge, bit 1 = discharge

    def _next_request(self) -> bytes:
        at = self._received.find(START)
        known = at >= 0 and len(self._received) >= at + HEADER
        return self._cut(bytes((START,)), HEADER + TRAILER + (self._received[at + HEADER - 1] if known else 0))

    def _answer(self, request: bytes) -> bytes:
        direction, register, data = request[1], request[2], request[HEADER:-TRAILER]
        if request != frame(direction, request[2:-TRAILER]):
            return _reply(register, Status.WRONG_CHECKSUM)
        if direction == WRITE:
            return self._write(register, data)
        payload = self.payloads.get(register)
        if payload is None and direction == READ:
            payload = self._payload(register)
        return _reply(register, Status.UNKNOWN_REGISTER) if payload is None else _reply(register, Status.OK, payload)

    def _write(self, register: int, data: bytes) -> bytes:
        if register != Register.SWITCHES:
            return _reply(register, Status.NOT_ALLOWED)
        self._switches_off = int.from_bytes(data) & 3
        return _reply(register, Status.OK)

    def _payload(self, register: int) -> bytes | None:
        match register:
            case Register.PACK:
                return self._pack(self._state())
            case Register.CELLS:
                return _words(round((volts or 0) * 1000) for volts in self._state().cell_voltages_v)
            case Register.NAME:
                return self._name.encode("ascii")
        return None

    def _pack(self, state: BatteryReading) -> bytes:
        balancing = sum(1 << (cell - 1) for cell in state.balancing_cells or ())
        protection = self.protection | sum(1 << PROTECTION.index(fault) for fault in state.faults)
        if self._switches_off:
            protection |= 1 << SWITCH_LOCK_BIT
        wanted_on = (state.charge_switch_on is not False) | (state.discharge_switch_on is not False) << 1
        temperatures_c = state.cell_temperatures_c + state.board_temperatures_c
        return PACK.pack(
            *Pack(
                voltage_10mv=min(round((state.voltage_v or 0) * 100), 0xFFFF),
                current_10ma=min(max(round((state.current_a or 0) * 100), -0x8000), 0x7FFF),  # a board shows no more
                remaining_10mah=ABSENT if state.remaining_ah is None else round(state.remaining_ah * 100),
                capacity_10mah=ABSENT if state.capacity_ah is None else round(state.capacity_ah * 100),
                cycles=state.cycles or 0,
                production_date=0,
                balancing_low=balancing & 0xFFFF,
                balancing_high=balancing >> 16,
                protection=protection,
                software=0x10,
                soc_pct=0xFF if state.soc_pct is None else round(state.soc_pct),
                switches=wanted_on & ~self._switches_off,
                cells=len(state.cell_voltages_v),
                sensors=len(temperatures_c),
            )
        ) + _words(OPEN_SENSOR if t is None else round(t * 10) + ZERO_CELSIUS for t in temperatures_c)


def _reply(register: int, status: Status, data: bytes = b"") -> bytes:
    return frame(register, bytes((status, len(data))) + data)


def _words(values: Iterable[int]) -> bytes:
    """Big-endian u16, held within their range as a converter does."""
    return b"".join(min(max(value, 0), 0xFFFF).to_bytes(2) for value in values)
