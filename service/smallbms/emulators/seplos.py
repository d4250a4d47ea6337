"""A Seplos board as seen from its RS485 port: answers what can be read, and misbehaves on request."""

from __future__ import annotations

from collections.abc import Callable

from smallbms.drivers.seplos import (
    CELL_SENSORS,
    CHARGE_ON,
    DISCHARGE_ON,
    EVENTS,
    Bit,
    Command,
)
from smallbms.emulators.ascii_hex import AsciiHexBoard, counted, sensor, word
from smallbms.model import BatteryReading
from smallbms.words import Fault

HEAD = b"\x00\x01"  # flags, group
MORE = b"\x0a"  # fields
CUSTOM = 20  # bytes of events and states
TOLD = {bit.faults[0] for row in EVENTS for bit in row if len(bit.faults) == 1}  # others as an internal fault


class SeplosBoard(AsciiHexBoard):
    """One board."""

    def __init__(self, state: Callable[[], BatteryReading], *, address: int = 0, name: str = "EMULATED") -> None:
        super().__init__(state, address=address)
        self._name = name

    def _info(self, command: int, state: BatteryReading) -> bytes | None:
        match command:
            case Command.TELEMETRY:
                return HEAD + _telemetry(state)
            case Command.ALARMS:
                return HEAD + _alarms(state)
            case Command.MAKER:
                return self._name.encode("ascii").ljust(10) + b"\x01\x00" + b"CAN".ljust(20)
        return None


def _sensors_c(state: BatteryReading) -> tuple[float | None, ...]:
    """Those at cells have four places."""
    cells = (*state.cell_temperatures_c, *[None] * CELL_SENSORS)[:CELL_SENSORS]
    return cells + state.board_temperatures_c


def _telemetry(state: BatteryReading) -> bytes:
    capacity = word((state.capacity_ah or 0) * 100)
    volts = word((state.voltage_v or 0) * 100)
    return (
        counted([word((volts or 0) * 1000) for volts in state.cell_voltages_v])
        + counted([sensor(t) for t in _sensors_c(state)])
        + word(min((state.current_a or 0) * 100, 0x7FFF))
        + volts
        + word((state.remaining_ah or 0) * 100)
        + MORE
        + capacity
        + word((state.soc_pct or 0) * 10)
        + capacity
        + word(state.cycles or 0)
        + word((state.soh_pct or 0) * 10)
        + volts
        + bytes(8)
    )


def _alarms(state: BatteryReading) -> bytes:
    cells, sensors = bytes(len(state.cell_voltages_v)), bytes(len(_sensors_c(state)))
    faults = frozenset([fault if fault in TOLD else Fault.INTERNAL for fault in state.faults])
    events = [_event(faults, state.warnings, row) for row in EVENTS]
    switches = (state.charge_switch_on is not False) * CHARGE_ON
    switches |= (state.discharge_switch_on is not False) * DISCHARGE_ON
    balancing = sum(1 << (cell - 1) for cell in state.balancing_cells or ())
    return (
        bytes((len(cells), *cells, len(sensors), *sensors, 0, 0, CUSTOM, *events[:6], switches))
        + balancing.to_bytes(2, "little")
        + bytes((0, 0, 0, *events[6:], *[0] * 6))
    )


def _event(faults: frozenset[Fault], warnings: frozenset[Fault], row: tuple[Bit, ...]) -> int:
    """The bits that say these, and nothing else."""
    return sum(
        1 << number
        for number, bit in enumerate(row)
        if (len(bit.faults) == 1 and faults.issuperset(bit.faults))
        or (bit.warnings and warnings.issuperset(bit.warnings))
    )
