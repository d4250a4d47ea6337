"""A Daly board as seen from its UART: answers what can be read, and misbehaves on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smallbms.drivers.daly import (
    CELLS_A_PART,
    CODE_PARTS,
    HEADER,
    HOST,
    LENGTH,
    NO_CURRENT,
    PACK,
    PROTECTIONS,
    RATED,
    SENSORS_A_PART,
    SIZE,
    START,
    STATUS,
    SWITCHES,
    WARNINGS,
    ZERO_CELSIUS,
    Command,
    frame,
)
from smallbms.emulators.board import EmulatedBoard, bits_of
from smallbms.model import BatteryReading

OPEN_SENSOR = 0  # raw
PADDING = b"\xff"


class DalyBoard(EmulatedBoard):
    """`state()` is asked at each request.

    `protection` is or-ed into the protection bits, from byte 0 on; `payloads` replaces the data of the frames that
    answer a command, under good checksums.
    """

    def __init__(self, state: Callable[[], BatteryReading], *, address: int = 1, code: str = "DALY-EMULATOR") -> None:
        super().__init__()
        self.protection = 0
        self.payloads: dict[int, list[bytes]] = {}
        self._state = state
        self._address = address
        self._code = code

    def _next_request(self) -> bytes:
        return self._cut(bytes((START,)), SIZE)

    def _is_for_us(self, request: bytes) -> bool:
        return request[1] == HOST + self._address

    def _answer(self, request: bytes) -> bytes:
        command = request[2]
        if request != frame(request[1], command, request[HEADER:-1]):
            return b""
        parts = self.payloads.get(command) or self._payload(command, self._state())
        return b"".join([frame(self._address, command, part) for part in parts])

    def _payload(self, command: int, state: BatteryReading) -> Sequence[bytes]:
        temperatures_c = state.cell_temperatures_c + state.board_temperatures_c
        match command:
            case Command.STATUS:
                return [STATUS.pack(len(state.cell_voltages_v), len(temperatures_c), state.cycles or 0)]
            case Command.PACK:
                return [_pack(state)]
            case Command.SWITCHES:
                on = state.charge_switch_on is not False, state.discharge_switch_on is not False
                return [SWITCHES.pack(*on, round((state.remaining_ah or 0) * 1000))]
            case Command.FAULTS:
                bits = self.protection | bits_of(state.faults, PROTECTIONS) | bits_of(state.warnings, WARNINGS)
                return [bits.to_bytes(LENGTH, "little")]
            case Command.CELLS:
                volts = [round((volts or 0) * 1000).to_bytes(2) for volts in state.cell_voltages_v]
                return _numbered(b"".join(volts), 2 * CELLS_A_PART)
            case Command.TEMPERATURES:
                return _numbered(bytes([_raw(t) for t in temperatures_c]), SENSORS_A_PART)
            case Command.RATED:
                return [RATED.pack(round((state.capacity_ah or 0) * 1000))]
            case Command.CODE:
                return _numbered(self._code.encode("ascii").ljust(CODE_PARTS * (LENGTH - 1)), LENGTH - 1)
        return []


def _pack(state: BatteryReading) -> bytes:
    current = NO_CURRENT - round((state.current_a or 0) * 10)
    return PACK.pack(
        round((state.voltage_v or 0) * 10),
        min(max(current, 0), 0xFFFF),
        0xFFFF if state.soc_pct is None else round(state.soc_pct * 10),
    )


def _numbered(data: bytes, size: int) -> list[bytes]:
    """So many bytes in each part, after its number from 1 on."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return [bytes((number,)) + part.ljust(LENGTH - 1, PADDING) for number, part in enumerate(parts, start=1)]


def _raw(temperature_c: float | None) -> int:
    return OPEN_SENSOR if temperature_c is None else min(max(round(temperature_c) + ZERO_CELSIUS, 0), 0xFF)
