"""When a tripped reason may release, and when a trip may wait: only what is read can give anything back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from smallbms.core.latch import NOWHERE, Latch, Place
from smallbms.core.plausibility import fresh
from smallbms.core.view import View
from smallbms.model import Battery

PRE_ALARM_LEAD_S = 30.0  # manual §2.2: at least so long before the load disconnect
CUTOFF_READINGS = 2
COLD_RELEASE_C = 2.0
HOT_RELEASE_C = 3.0
FLOOR_RELEASE_PCT = 3.0

Release = Callable[[View, Latch], bool]


def _every_battery(view: View) -> bool:
    """Nobody is missing whose cells or temperature may be the reason still."""
    return view.bank.online == len(view.bank.batteries)


def _every_cell(view: View) -> bool:
    return _every_battery(view) and not any(
        b.cell_min_v is None or b.cell_max_v is None or (b.reading and None in b.reading.cell_voltages_v)
        for b in view.bank.batteries
    )


def high_cell(view: View, latch: Latch) -> bool:
    top = view.bank.cell_max
    return top is not None and top.value < view.limits.high_cell_release_v and _every_cell(view)


def low_cell(view: View, latch: Latch) -> bool:
    low = view.bank.cell_min
    return low is not None and low.value >= view.limits.low_cell_release_v and _every_cell(view)


def _outside(is_well: Callable[[float, float], bool]) -> Callable[[View, Latch], frozenset[Place]]:
    """The sensors last read outside the release band. One that is not read now, or whose battery is lost, stays: others
    cannot speak for it. An acknowledgement says that a person has looked after it. A battery that is no longer
    configured holds nothing."""

    def unwell(view: View, latch: Latch) -> frozenset[Place]:
        limit, last = latch.finding.limit or 0.0, len(view.bank.batteries)
        places = {place for place in latch.unwell if place[0] <= last and not view.acknowledged}
        for place, value in sensors(view):
            if is_well(value, limit):
                places.discard(place)
            else:
                places.add(place)
        return frozenset(places) if places else NOWHERE

    return unwell


def sensors(view: View) -> Iterator[tuple[Place, float]]:
    """Every cell temperature that is read now."""
    for b in view.bank.batteries:
        if b.online and b.reading:
            for number, value in enumerate(b.reading.cell_temperatures_c, 1):
                if value is not None:
                    yield (b.number, number), value


def every_battery(view: View, latch: Latch) -> bool:
    """For what `unwell` follows sensor by sensor: one that is not read holds it there."""
    return _every_battery(view)


not_warm = _outside(lambda value, limit: value >= limit + COLD_RELEASE_C)
not_cool = _outside(lambda value, limit: value <= limit - HOT_RELEASE_C)


def floor(view: View, latch: Latch) -> bool:
    floor_pct, soc_pct = view.settings.discharge_floor_pct, view.soc_pct
    if soc_pct is None or view.synchronised or view.soc_set or floor_pct < latch.mark:
        return True
    return soc_pct >= floor_pct + FLOOR_RELEASE_PCT


def _its_battery_is(good: Callable[[Battery, float], bool]) -> Release:
    """What is not read releases nothing; a battery that is no longer configured holds nothing."""
    return lambda view, latch: all(
        good(b, view.now_s) for b in view.bank.batteries if b.number == latch.finding.battery
    )


read_again = _its_battery_is(fresh)
read_still = _its_battery_is(lambda battery, now_s: battery.online)


def acknowledged(view: View, latch: Latch) -> bool:
    return view.acknowledged


def warned_in_time(view: View, latch: Latch) -> bool:
    """With ATD on, the pre-alarm has been on for its 30 s, or a cell is at the cut-off in two readings."""
    since_s = view.pre_alarm_since_s
    warned = since_s is not None and view.now_s - since_s >= PRE_ALARM_LEAD_S
    return not view.atd or warned or latch.readings >= CUTOFF_READINGS
