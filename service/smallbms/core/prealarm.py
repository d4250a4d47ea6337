"""The pre-alarm output: on in good time before the load disconnect (manual §2.2)."""

from __future__ import annotations

from smallbms.core.view import View
from smallbms.frozen import frozen
from smallbms.settings import PRE_ALARM_ABOVE_LOW_CELL_V

RELEASE_V = 0.05
RELEASE_PCT = 1.0
SHORTEST_S = 30.0


@frozen
class PreAlarmMemory:
    """`since_s`: since when it is on; `cell`, `soc`: which cause holds, each with its own release."""

    since_s: float | None = None
    cell: bool = False
    soc: bool = False


def watch(memory: PreAlarmMemory, view: View) -> PreAlarmMemory:
    """What the cells and the SoC say now; ATD is looked at afterwards, by `follow`."""
    cell, soc = _cell(memory, view), _soc(memory, view)
    wanted = cell or soc
    since_s = memory.since_s
    if wanted and since_s is None and view.atd:
        since_s = view.now_s
    elif not wanted and since_s is not None and view.now_s - since_s >= SHORTEST_S:
        since_s = None
    if (cell, soc, since_s) == (memory.cell, memory.soc, memory.since_s):
        return memory
    return PreAlarmMemory(since_s=since_s, cell=cell, soc=soc)


def follow(memory: PreAlarmMemory, allow_to_discharge: bool, now_s: float) -> PreAlarmMemory:
    """It goes off with ATD, stays off until ATD is back, and then comes at once if a cause still holds."""
    if allow_to_discharge:
        if (memory.cell or memory.soc) and memory.since_s is None:
            return PreAlarmMemory(since_s=now_s, cell=memory.cell, soc=memory.soc)
        return memory
    return memory if memory.since_s is None else PreAlarmMemory(cell=memory.cell, soc=memory.soc)


def _cell(memory: PreAlarmMemory, view: View) -> bool:
    low = view.bank.cell_min
    if low is None:
        return memory.cell
    level_v = max(view.settings.pre_alarm_cell_v, view.limits.low_cell_v + PRE_ALARM_ABOVE_LOW_CELL_V)
    return low.value <= level_v if not memory.cell else low.value < level_v + RELEASE_V


def _soc(memory: PreAlarmMemory, view: View) -> bool:
    if view.soc_pct is None:
        return False
    level_pct = view.settings.low_soc_warning_pct
    return view.soc_pct <= level_pct if not memory.soc else view.soc_pct < level_pct + RELEASE_PCT
