"""A JK board of the PB series as seen from RS485: answers what can be read, and misbehaves on request."""

from __future__ import annotations

from collections.abc import Callable

from smallbms.drivers.jk_pb import (
    ABOUT,
    CELLS,
    KINDS,
    PROTECTIONS,
    REQUEST,
    SENSOR_BITS,
    SETTINGS,
    SIZE,
    START,
    STATUS,
    WARNINGS,
    Register,
    Status,
    acknowledgement,
    request,
)
from smallbms.emulators.board import EmulatedBoard, bits_of
from smallbms.model import BatteryReading

NO_SENSOR = -2000  # raw
UNKNOWN_PCT = 0xFF


class JkPbBoard(EmulatedBoard):
    """`state()` is asked at each request; its last board temperature, if any, is that of the MOSFETs.

    `alarms` are or-ed into the alarm bits; `frames` replaces the answer to a register, from its kind on, under a good
    checksum.
    """

    def __init__(self, state: Callable[[], BatteryReading], *, address: int = 1, serial: str = "40100000001") -> None:
        super().__init__()
        self.alarms = 0
        self.frames: dict[int, bytes] = {}
        self.serial = serial
        self._state = state
        self._address = address
        self._answered = 0

    def _next_request(self) -> bytes:
        return self._cut(bytes((self._address, request(0, 0)[1])), REQUEST)

    def _answer(self, asked: bytes) -> bytes:
        register = int.from_bytes(asked[2:4])
        if register not in KINDS or asked != request(self._address, register):
            return b""
        self._answered += 1
        plain = self.frames.get(register) or self._frame(Register(register))
        kind = START + bytes((KINDS[Register(register)], self._answered & 0xFF))
        sealed = kind + plain[len(kind) : SIZE - 1]
        return sealed + bytes((sum(sealed) & 0xFF, 0)) + acknowledgement(self._address, register)

    def _frame(self, register: Register) -> bytes:
        state = self._state()
        match register:
            case Register.STATUS:
                return self._status(state)
            case Register.SETTINGS:
                return SETTINGS.pack(len(state.cell_voltages_v))
            case Register.ABOUT:
                return ABOUT.pack(b"JK_PB-EMULATOR", b"15A", b"15.41", self.serial.encode("ascii"))

    def _status(self, state: BatteryReading) -> bytes:
        cells_v = state.cell_voltages_v
        millivolts = [round((volts or 0) * 1000) for volts in cells_v] + [0] * (CELLS - len(cells_v))
        sensors = [_raw(t) for t in state.cell_temperatures_c] + [NO_SENSOR] * len(SENSOR_BITS)
        read = [bit for bit, value in zip(SENSOR_BITS, sensors, strict=False) if value != NO_SENSOR]
        mosfet = _raw(state.board_temperatures_c[-1] if state.board_temperatures_c else None)
        return STATUS.pack(
            *millivolts,
            *Status(
                present=sum(1 << at for at, volts in enumerate(cells_v) if volts is not None),
                mosfet_100mc=mosfet,
                voltage_mv=round((state.voltage_v or 0) * 1000),
                current_ma=round((state.current_a or 0) * 1000),
                sensor_1_100mc=sensors[0],
                sensor_2_100mc=sensors[1],
                alarms=self.alarms | bits_of(state.faults, PROTECTIONS) | bits_of(state.warnings, WARNINGS),
                balancing=int(bool(state.balancing_cells)),
                soc_pct=UNKNOWN_PCT if state.soc_pct is None else round(state.soc_pct),
                remaining_mah=round((state.remaining_ah or 0) * 1000),
                capacity_mah=round((state.capacity_ah or 0) * 1000),
                cycles=state.cycles or 0,
                soh_pct=UNKNOWN_PCT if state.soh_pct is None else round(state.soh_pct),
                charge=state.charge_switch_on is not False,
                discharge=state.discharge_switch_on is not False,
                sensors=sum(1 << bit for bit in read) | (mosfet != NO_SENSOR),
                sensor_3_100mc=sensors[2],
                sensor_4_100mc=sensors[3],
            ),
        )


def _raw(temperature_c: float | None) -> int:
    return NO_SENSOR if temperature_c is None else round(temperature_c * 10)
