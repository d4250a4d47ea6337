"""The history page (manual §5.1): what happened since installation, or since it was last cleared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from smallbms.core.soc import GAP_S
from smallbms.model import Bank, History

CYCLE_LOW_PCT, CYCLE_HIGH_PCT = 65.0, 90.0
FULL_DISCHARGE_BACK_PCT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMemory:
    """`below`: the SoC has been under 65 %; `empty`: a full discharge has been counted and not left yet."""

    page: History = field(default_factory=History)
    below: bool = False
    empty: bool = False


def record(
    memory: HistoryMemory,
    bank: Bank,
    *,
    soc_pct: float | None,
    consumed_ah: float | None,
    emptied: bool,
    dt_s: float,
) -> HistoryMemory:
    """One step; what was not read teaches nothing."""
    page = memory.page
    below, empty, cycles, full_discharges = memory.below, memory.empty, page.cycles, page.full_discharges
    if soc_pct is not None:
        if soc_pct < CYCLE_LOW_PCT:
            below = True
        elif soc_pct > CYCLE_HIGH_PCT and below:
            below, cycles = False, cycles + 1
    if (emptied or soc_pct == 0.0) and not empty:
        empty, full_discharges = True, full_discharges + 1
    elif empty and not emptied and soc_pct is not None and soc_pct > FULL_DISCHARGE_BACK_PCT:
        empty = False
    drawn_ah, charged_wh, discharged_wh = _flow(bank, dt_s)
    page = replace(
        page,
        deepest_discharge_ah=_least(page.deepest_discharge_ah, consumed_ah),
        total_ah_drawn=page.total_ah_drawn + drawn_ah,
        charged_wh=page.charged_wh + charged_wh,
        discharged_wh=page.discharged_wh + discharged_wh,
        cycles=cycles,
        full_discharges=full_discharges,
        since_full_s=None if page.since_full_s is None else page.since_full_s + dt_s,
        min_voltage_v=_least(page.min_voltage_v, bank.voltage_v),
        max_voltage_v=_most(page.max_voltage_v, bank.voltage_v),
        min_cell_v=_least(page.min_cell_v, bank.cell_min.value if bank.cell_min else None),
        max_cell_v=_most(page.max_cell_v, bank.cell_max.value if bank.cell_max else None),
        min_temperature_c=_least(page.min_temperature_c, bank.temperature_min.value if bank.temperature_min else None),
        max_temperature_c=_most(page.max_temperature_c, bank.temperature_max.value if bank.temperature_max else None),
    )
    return HistoryMemory(page=page, below=below, empty=empty)


def synchronised(memory: HistoryMemory, wall_s: float) -> HistoryMemory:
    page = memory.page
    page = replace(page, synchronisations=page.synchronisations + 1, last_full_charge_wall_s=wall_s, since_full_s=0.0)
    return replace(memory, page=page)


def cleared(memory: HistoryMemory) -> HistoryMemory:
    """All of the page but the last full charge, which the balancer and the charge voltage need."""
    page = memory.page
    return HistoryMemory(
        page=History(last_full_charge_wall_s=page.last_full_charge_wall_s, since_full_s=page.since_full_s),
        below=memory.below,
        empty=memory.empty,
    )


def _flow(bank: Bank, dt_s: float) -> tuple[float, float, float]:
    """Ah drawn, Wh charged, Wh discharged in this step; nothing over a gap."""
    if bank.current_a is None or bank.voltage_v is None or not 0.0 < dt_s <= GAP_S:
        return 0.0, 0.0, 0.0
    hours = dt_s / 3600.0
    energy_wh = bank.voltage_v * bank.current_a * hours
    return max(0.0, -bank.current_a) * hours, max(0.0, energy_wh), max(0.0, -energy_wh)


def _least(known: float | None, value: float | None) -> float | None:
    if value is None or (known is not None and known <= value):
        return known
    return value


def _most(known: float | None, value: float | None) -> float | None:
    if value is None or (known is not None and known >= value):
        return known
    return value
