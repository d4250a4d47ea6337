"""The history page (manual §5.1): what happened since installation, or since it was last cleared."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any

from smallbms.core.soc import GAP_S
from smallbms.frozen import frozen
from smallbms.model import Bank, History

CYCLE_LOW_PCT, CYCLE_HIGH_PCT = 65.0, 90.0
FULL_DISCHARGE_BACK_PCT = 10.0


@frozen
class HistoryMemory:
    """`marks`: the page's extremes and counters, which seldom change; beside them what changes in every step.

    `below`: the SoC has been under 65 %; `empty`: a full discharge has been counted and not left yet.
    """

    marks: History = field(default_factory=History)
    total_ah_drawn: float = 0.0
    discharged_wh: float = 0.0
    charged_wh: float = 0.0
    since_full_s: float | None = None
    below: bool = False
    empty: bool = False


def page(memory: HistoryMemory) -> History:
    """The page as it stands now."""
    return replace(
        memory.marks,
        total_ah_drawn=memory.total_ah_drawn,
        discharged_wh=memory.discharged_wh,
        charged_wh=memory.charged_wh,
        since_full_s=memory.since_full_s,
    )


def resumed(page: History, *, below: bool, empty: bool) -> HistoryMemory:
    """The memory that goes on from a page."""
    return HistoryMemory(
        marks=replace(page, total_ah_drawn=0.0, discharged_wh=0.0, charged_wh=0.0, since_full_s=None),
        total_ah_drawn=page.total_ah_drawn,
        discharged_wh=page.discharged_wh,
        charged_wh=page.charged_wh,
        since_full_s=page.since_full_s,
        below=below,
        empty=empty,
    )


def record(
    memory: HistoryMemory, bank: Bank, *, soc_pct: float | None, consumed_ah: float | None, emptied: bool, dt_s: float
) -> HistoryMemory:
    """One step; what was not read teaches nothing."""
    below, empty, cycled = _cycle(memory, soc_pct)
    discharged = not empty and (emptied or soc_pct == 0.0)
    if discharged:
        empty = True
    elif empty and not emptied and soc_pct is not None and soc_pct > FULL_DISCHARGE_BACK_PCT:
        empty = False
    drawn_ah, charged_wh, discharged_wh = _flow(bank, dt_s)
    return HistoryMemory(
        marks=_marks(memory.marks, bank, consumed_ah, cycled, discharged),
        total_ah_drawn=memory.total_ah_drawn + drawn_ah,
        discharged_wh=memory.discharged_wh + discharged_wh,
        charged_wh=memory.charged_wh + charged_wh,
        since_full_s=None if memory.since_full_s is None else memory.since_full_s + dt_s,
        below=below,
        empty=empty,
    )


def filled(memory: HistoryMemory, wall_s: float, *, synchronised: bool) -> HistoryMemory:
    """A full charge; it counts as a synchronisation unless the battery had been kept full."""
    marks = memory.marks
    count = marks.synchronisations + synchronised
    return replace(
        memory, marks=replace(marks, synchronisations=count, last_full_charge_wall_s=wall_s), since_full_s=0.0
    )


def cleared(memory: HistoryMemory) -> HistoryMemory:
    """All of the page but the last full charge, which the balancer and the charge voltage need."""
    return HistoryMemory(
        marks=History(last_full_charge_wall_s=memory.marks.last_full_charge_wall_s),
        since_full_s=memory.since_full_s,
        below=memory.below,
        empty=memory.empty,
    )


def _cycle(memory: HistoryMemory, soc_pct: float | None) -> tuple[bool, bool, bool]:
    if soc_pct is None:
        return memory.below, memory.empty, False
    if soc_pct < CYCLE_LOW_PCT:
        return True, memory.empty, False
    if soc_pct > CYCLE_HIGH_PCT and memory.below:
        return False, memory.empty, True
    return memory.below, memory.empty, False


def _marks(marks: History, bank: Bank, consumed_ah: float | None, cycled: bool, discharged: bool) -> History:
    """The same object while nothing is a new extreme."""
    low_cell, high_cell = bank.cell_min, bank.cell_max
    cold, hot = bank.temperature_min, bank.temperature_max
    beyond: dict[str, Any] = {
        name: value
        for name, value, known, sign in (
            ("deepest_discharge_ah", consumed_ah, marks.deepest_discharge_ah, -1),
            ("min_voltage_v", bank.voltage_v, marks.min_voltage_v, -1),
            ("max_voltage_v", bank.voltage_v, marks.max_voltage_v, 1),
            ("min_cell_v", low_cell.value if low_cell else None, marks.min_cell_v, -1),
            ("max_cell_v", high_cell.value if high_cell else None, marks.max_cell_v, 1),
            ("min_temperature_c", cold.value if cold else None, marks.min_temperature_c, -1),
            ("max_temperature_c", hot.value if hot else None, marks.max_temperature_c, 1),
        )
        if value is not None and (known is None or (value - known) * sign > 0.0)
    }
    if not (beyond or cycled or discharged):
        return marks
    return replace(marks, cycles=marks.cycles + cycled, full_discharges=marks.full_discharges + discharged, **beyond)


def _flow(bank: Bank, dt_s: float) -> tuple[float, float, float]:
    """Ah drawn, Wh charged, Wh discharged in this step; nothing over a gap."""
    amps, volts = bank.current_a, bank.voltage_v
    if amps is None or volts is None or not 0.0 < dt_s <= GAP_S:
        return 0.0, 0.0, 0.0
    hours = dt_s / 3600.0
    if amps < 0.0:
        return -amps * hours, 0.0, -amps * volts * hours
    return 0.0, amps * volts * hours, 0.0
