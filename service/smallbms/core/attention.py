"""Which batteries are worth more of their line than the others."""

from __future__ import annotations

from smallbms.core.permissions import Latches
from smallbms.model import Bank, Thresholds

NEAR_LIMIT_V = 0.050


def urgent_cells(latches: Latches) -> frozenset[int]:
    """Batteries whose first high reading waits for a second."""
    return frozenset(n for n, latch in latches.get("high_cell", {}).items() if not latch.tripped and latch.readings)


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
