"""A sample of aiobmsble, which reads some fifty kinds of batteries by Bluetooth, as a reading.

The keys are those of its `BMSSample`, as read and without what it would derive; what a battery does not tell is not in
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smallbms.drivers.jbd import PROTECTION
from smallbms.model import BatteryReading, Identity
from smallbms.wording import finite
from smallbms.words import Fault

CELL_SENSORS = frozenset({"CELL", "CELL_MIN", "CELL_MAX", "GENERIC"})  # a generic one is at the cells, mostly
PROBLEMS: Mapping[str, Sequence[Fault]] = {"jbd_bms": PROTECTION}  # bits of `problem_code`, where they are known


def ble_reading(
    sample: Mapping[str, Any], *, kind: str, identity: Identity, board_sensors: frozenset[int], taken_at_s: float
) -> BatteryReading:
    """One sample, taken at once; `board_sensors` are positions, from 1, of sensors that are not at cells."""
    cells = _cells(sample)
    at_cells, on_board = _temperatures(sample, board_sensors)
    voltage_v = finite(sample.get("voltage"))
    if voltage_v is None and cells and None not in cells:
        voltage_v = sum(volts for volts in cells if volts is not None)
    cycles = finite(sample.get("cycles"))
    return BatteryReading(
        taken_at_s=taken_at_s,
        cells_taken_at_s=taken_at_s,
        identity=identity,
        voltage_v=voltage_v,
        current_a=finite(sample.get("current")),
        cell_voltages_v=cells,
        cell_temperatures_c=at_cells,
        board_temperatures_c=on_board,
        charge_switch_on=sample.get("chrg_mosfet"),
        discharge_switch_on=sample.get("dischrg_mosfet"),
        remaining_ah=finite(sample.get("cycle_charge")),
        capacity_ah=finite(sample.get("design_capacity")),
        soc_pct=finite(sample.get("battery_level")),
        soh_pct=finite(sample.get("battery_health")),
        cycles=None if cycles is None else int(cycles),
        faults=_faults(sample, kind),
    )


def _cells(sample: Mapping[str, Any]) -> tuple[float | None, ...]:
    """A cell that reads 0 V is left out there, and the others move up: then it is not known which is which."""
    cells = tuple(finite(volts) for volts in sample.get("cell_voltages", ()))
    count = sample.get("cell_count", len(cells))
    return cells if len(cells) == count else (None,) * count


def _temperatures(
    sample: Mapping[str, Any], board_sensors: frozenset[int]
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    at_cells: list[float | None] = []
    on_board: list[float | None] = []
    for position, sensor in enumerate(sample.get("temp_values", ()), 1):
        is_cell = sensor.type.name in CELL_SENSORS and position not in board_sensors
        (at_cells if is_cell else on_board).append(finite(sensor.value))
    return tuple(at_cells), tuple(on_board)


def _faults(sample: Mapping[str, Any], kind: str) -> frozenset[Fault]:
    """What a code means is known of few kinds. Of the others the switches say which direction it is against; a problem
    of one that does not tell its switches is against both."""
    code = int(sample.get("problem_code", 0))
    named = PROBLEMS.get(kind)
    if named is not None:
        known = {fault for bit, fault in enumerate(named) if code >> bit & 1}
        return frozenset(known | {Fault.INTERNAL} if code >> len(named) else known)
    if not (code or sample.get("problem")):
        return frozenset()
    tells_switches = "chrg_mosfet" in sample and "dischrg_mosfet" in sample
    return frozenset({Fault.UNNAMED if tells_switches else Fault.INTERNAL})
