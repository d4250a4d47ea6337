"""Which batteries are worth more of their line than the others, and which readings a decision at once."""

from __future__ import annotations

from smallbms.core.permissions import Latches
from smallbms.model import Bank, BatteryReading, Thresholds

NEAR_LIMIT_V = 0.050
CALM_V = 0.020  # between two readings; who is not near a limit is not over it then


def urgent_cells(latches: Latches) -> frozenset[int]:
    """Batteries whose first reading of a high cell, or of one at the cut-off, waits for a second."""
    return frozenset(
        latch.finding.battery
        for row in ("high_cell", "low_cell")
        for latch in latches.get(row, {}).values()
        if latch.readings and not latch.tripped
    )


def near_limit(pack: Bank, trip: Thresholds) -> frozenset[int]:
    """Batteries with a cell near a limit at which it trips."""
    high_v, low_v = trip.high_cell_v - NEAR_LIMIT_V, trip.low_cell_v + NEAR_LIMIT_V
    if (pack.cell_max is None or pack.cell_max.value < high_v) and (
        pack.cell_min is None or pack.cell_min.value > low_v
    ):
        return frozenset()
    return frozenset(
        b.number
        for b in pack.batteries
        if (b.cell_max_v is not None and b.cell_max_v >= high_v) or (b.cell_min_v is not None and b.cell_min_v <= low_v)
    )


def is_calm(before: BatteryReading, reading: BatteryReading) -> bool:
    """It says of cells, switches and protections what the one before it said."""
    return (
        _is_as(before.cell_max_v, reading.cell_max_v)
        and _is_as(before.cell_min_v, reading.cell_min_v)
        and len(before.cell_voltages_v) == len(reading.cell_voltages_v)
        and before.charge_switch_on is reading.charge_switch_on
        and before.discharge_switch_on is reading.discharge_switch_on
        and before.faults == reading.faults
        and before.warnings == reading.warnings
    )


def _is_as(before_v: float | None, now_v: float | None) -> bool:
    return before_v is not None and now_v is not None and abs(now_v - before_v) <= CALM_V
