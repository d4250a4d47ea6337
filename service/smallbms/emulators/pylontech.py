"""A Pylontech battery as seen from its RS485 port: answers what can be read, and misbehaves on request."""

from __future__ import annotations

from collections.abc import Callable

from smallbms.drivers.pylontech import (
    ABOVE,
    ABSENT,
    BELOW,
    CHARGE_ENABLED,
    DISCHARGE_ENABLED,
    STATUS_1,
    Command,
)
from smallbms.emulators.ascii_hex import AsciiHexBoard, counted, sensor, word
from smallbms.model import BatteryReading
from smallbms.words import Fault

FLAGS = b"\x00"
CELL_CHARGE_V, CELL_EMPTY_V = 3.55, 3.00
MOST_SMALL_AH = 65.0  # what 16 bits can say
MOSFETS_ON = 0x0E
MAKER_NAME = b"Pylon"
COLD = {Fault.CHARGE_COLD, Fault.DISCHARGE_COLD}


class PylontechBoard(AsciiHexBoard):
    """One battery; several on a SharedLine are a group."""

    def __init__(
        self,
        state: Callable[[], BatteryReading],
        *,
        address: int = 2,
        name: str = "EMULATED",
        serial: str = "EMULATOR00000001",
    ) -> None:
        super().__init__(state, address=address)
        self._name = name
        self._serial = serial

    def _info(self, command: int, state: BatteryReading) -> bytes | None:
        own = bytes((self._address,))
        match command:
            case Command.ANALOG:
                return FLAGS + own + _analog(state)
            case Command.ALARMS:
                return FLAGS + own + _alarms(state)
            case Command.MANAGEMENT:
                return own + _management(state)
            case Command.SERIAL:
                return own + self._serial.encode("ascii").ljust(16, b"\0")
            case Command.MAKER:
                return self._name.encode("ascii").ljust(10, b"\0") + b"\x01\x00" + MAKER_NAME.ljust(20, b"-")
        return None


def _temperatures_c(state: BatteryReading) -> tuple[float | None, ...]:
    """The board's own comes first."""
    return (state.board_temperatures_c or (None,)) + state.cell_temperatures_c


def _analog(state: BatteryReading) -> bytes:
    remaining_mah = None if state.remaining_ah is None else round(state.remaining_ah * 1000)
    capacity_mah = 0 if state.capacity_ah is None else round(state.capacity_ah * 1000)
    large = max(state.capacity_ah or 0.0, state.remaining_ah or 0.0) > MOST_SMALL_AH
    head = (
        counted([word((volts or 0) * 1000) for volts in state.cell_voltages_v])
        + counted([sensor(t) for t in _temperatures_c(state)])
        + word(min((state.current_a or 0) * 10, 0x7FFF))
        + word((state.voltage_v or 0) * 1000)
    )
    cycles = word(state.cycles or 0)
    if large:
        return head + word(ABSENT) + b"\x04" + word(ABSENT) + cycles + _three(remaining_mah or 0) + _three(capacity_mah)
    return head + word(ABSENT if remaining_mah is None else remaining_mah) + b"\x02" + word(capacity_mah) + cycles


def _three(value: int) -> bytes:
    return value.to_bytes(3)


def _alarms(state: BatteryReading) -> bytes:
    cells = bytearray(len(state.cell_voltages_v))
    sensors = bytearray(len(_temperatures_c(state)))
    if Fault.CELL_HIGH in state.faults:
        cells[0] = ABOVE
    if state.faults & COLD:
        sensors[0] = BELOW
    status_1 = sum(1 << STATUS_1.index(fault) for fault in state.faults if fault in STATUS_1)
    other = state.faults - {*STATUS_1, *COLD, Fault.CELL_HIGH}
    states = bytes((len(cells), *cells, len(sensors), *sensors, 0, 0, 0))
    return states + bytes((status_1, MOSFETS_ON, 0, bool(other), 0))


def _management(state: BatteryReading) -> bytes:
    cells, capacity_ah = len(state.cell_voltages_v), state.capacity_ah or 0.0
    charge_a = capacity_ah if state.charge_limit_a is None else state.charge_limit_a
    discharge_a = capacity_ah if state.discharge_limit_a is None else state.discharge_limit_a
    status = (state.charge_switch_on is not False) * CHARGE_ENABLED
    status |= (state.discharge_switch_on is not False) * DISCHARGE_ENABLED
    return (
        word((state.charge_voltage_limit_v or cells * CELL_CHARGE_V) * 1000)
        + word(cells * CELL_EMPTY_V * 1000)
        + word(charge_a * 10)
        + word(-discharge_a * 10)
        + bytes((status,))
    )
