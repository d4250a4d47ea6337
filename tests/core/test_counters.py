"""Charge that batteries count themselves, and the state of charge that follows from it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallbms.changes import SetSoc
from smallbms.core import saving
from smallbms.model import ShuntReading
from smallbms.words import SocState

from .bench_battery import BenchBattery, Rig

CAPACITY_AH = 100.0


def counting(count: int = 1, *, series: int = 1, soc_pct: float = 50.0) -> Rig:
    """A bank whose batteries have counted for a day."""
    rig = Rig(count, series=series)
    for battery in rig.batteries.values():
        battery.charge_ah, battery.charge_time_s = -12.5, 86_400.0
    rig.start()
    rig.step(SetSoc(soc_pct=soc_pct))
    return rig


def flow(battery: BenchBattery, current_a: float, seconds: float) -> None:
    """Charge that the battery counts, whatever current it shows at the end."""
    battery.charge_ah = (battery.charge_ah or 0.0) + current_a * seconds / 3600.0
    battery.charge_time_s = (battery.charge_time_s or 0.0) + seconds


def soc_pct(rig: Rig) -> float:
    assert rig.decision.soc_pct is not None
    return rig.decision.soc_pct


def test_a_load_between_two_readings_is_counted() -> None:
    rig = counting()
    for _ in range(900):
        flow(rig.battery, -20.0, 1.0)  # never at a moment at which it is read
        rig.advance(1.0, step=1.0)
    assert rig.decision.bank.current_a == 0.0
    assert soc_pct(rig) == pytest.approx(45.0, abs=0.01)
    assert rig.decision.soc_state is SocState.GOOD


def test_a_charge_is_counted_with_its_efficiency() -> None:
    rig = counting()
    for _ in range(1800):
        flow(rig.battery, 20.0, 1.0)
        rig.advance(1.0, step=1.0)
    assert soc_pct(rig) == pytest.approx(59.95, abs=0.01)


@pytest.mark.parametrize(("count", "series"), [(2, 1), (4, 2), (3, 1)])
def test_a_bank_counts_the_mean_of_its_batteries(count: int, series: int) -> None:
    rig = counting(count, series=series)
    for _ in range(600):
        for number, battery in rig.batteries.items():
            flow(battery, -10.0 * number, 1.0)
        rig.advance(1.0, step=1.0)
    mean_a = 10.0 * sum(rig.batteries) / count
    assert soc_pct(rig) == pytest.approx(50.0 - mean_a / 6.0, abs=0.01)


def _anew(battery: BenchBattery) -> None:
    battery.charge_ah, battery.charge_time_s = 0.0, 0.0


def _leap(battery: BenchBattery) -> None:
    battery.charge_ah = 900.0


def _no_clock(battery: BenchBattery) -> None:
    battery.charge_time_s = None


def _nonsense(battery: BenchBattery) -> None:
    battery.charge_ah, battery.charge_time_s = float("nan"), float("inf")


@pytest.mark.parametrize("breaks", [_anew, _leap, _no_clock, _nonsense])
def test_a_counter_that_began_anew_is_replaced_by_the_current_meanwhile(breaks: Callable[[BenchBattery], None]) -> None:
    rig = counting(2)
    rig.each(current_a=-36.0)
    for second in range(200):
        for battery in rig.batteries.values():
            flow(battery, -36.0, 1.0)
        if second == 100:
            breaks(rig.batteries[2])
        rig.advance(1.0, step=1.0)
    assert soc_pct(rig) == pytest.approx(48.0, abs=0.03)


def test_a_bank_in_which_one_does_not_count_is_counted_by_its_current() -> None:
    rig = counting(2)
    rig.batteries[2].charge_ah = None
    rig.each(current_a=-36.0)
    rig.advance(100.0, step=1.0)
    assert soc_pct(rig) == pytest.approx(49.0, abs=0.03)


def test_a_shunt_goes_before_the_counters() -> None:
    rig = counting()
    for _ in range(100):
        flow(rig.battery, -36.0, 1.0)
        rig.battery.current_a = -36.0
        rig.shunt = ShuntReading(taken_at_s=rig.now_s + 1.0, current_a=-34.0)
        rig.advance(1.0, step=1.0)
    assert soc_pct(rig) == pytest.approx(50.0 - 100 * 34 / 36 / 100, abs=0.02)


def test_a_battery_that_was_lost_is_not_counted_twice() -> None:
    rig = counting(2)
    rig.each(current_a=-36.0)
    for second in range(200):
        for battery in rig.batteries.values():
            flow(battery, -36.0, 1.0)
        rig.batteries[2].answers = not 50 <= second < 120
        rig.advance(1.0, step=1.0)
    assert soc_pct(rig) == pytest.approx(48.0, abs=0.15)


@pytest.mark.parametrize("anew", [False, True])
def test_a_gap_is_bridged_by_what_was_counted_and_by_nothing_else(anew: bool) -> None:
    rig = counting()
    rig.battery.current_a = -50.0
    rig.advance(1.0, step=1.0, read=False)
    flow(rig.battery, -10.0, 361.0)
    if anew:
        _anew(rig.battery)
    before_pct = soc_pct(rig)
    rig.now_s += 360.0
    rig.step()
    assert soc_pct(rig) == pytest.approx(before_pct if anew else before_pct - 1.0, abs=0.01)
    assert rig.decision.soc_state is SocState.UNCERTAIN


def restarted(rig: Rig, *, off_s: float, wall_error_s: float = 0.0) -> Rig:
    assert rig.restart(off_s=off_s, wall_error_s=wall_error_s) == ()
    rig.step()
    rig.advance(1.0)
    return rig


@pytest.mark.parametrize("off_s", [1.0, 3600.0, 7 * 86_400.0])
def test_what_was_counted_while_nobody_looked_is_taken(off_s: float) -> None:
    rig = counting(2)
    rig.advance(1.0, step=1.0)
    for battery in rig.batteries.values():
        flow(battery, -10.0 * 3600.0 / off_s, off_s + 1.0)
    restarted(rig, off_s=off_s)
    assert soc_pct(rig) == pytest.approx(40.0, abs=0.02 + 10.0 / off_s)
    assert rig.decision.soc_state is SocState.UNCERTAIN


@pytest.mark.parametrize(
    ("wall_error_s", "breaks"), [(3600.0, None), (-3600.0, None), (0.0, _anew), (0.0, _leap), (0.0, _no_clock)]
)
def test_a_counter_or_a_clock_that_began_anew_bridges_no_restart(
    wall_error_s: float, breaks: Callable[[BenchBattery], None] | None
) -> None:
    rig = counting()
    flow(rig.battery, -10.0, 3600.0)
    if breaks is not None:
        breaks(rig.battery)
    restarted(rig, off_s=3600.0, wall_error_s=wall_error_s)
    assert soc_pct(rig) == pytest.approx(50.0, abs=0.01)


def test_counters_in_the_store_that_cannot_be_read_are_told() -> None:
    rig = counting()
    kept = saving.saved(rig.state, rig.wall_s)
    kept["soc"]["counts"] = {"cell works 1": ["much", 1.0, 1.0]}
    _, notices = saving.restored(kept, 100.0, rig.wall_s)
    assert [notice.split(" cannot")[0] for notice in notices] == ["stored state of charge"]


@settings(deadline=None, max_examples=30)
@given(
    steps=st.lists(
        st.tuples(
            st.floats(0.05, 3.0),
            st.floats(-90.0, 90.0),
            st.floats(-90.0, 90.0),
            st.booleans(),
        ),
        min_size=1,
        max_size=60,
    ),
    start_pct=st.floats(20.0, 80.0),
)
def test_whatever_flows_between_readings_and_whoever_is_read_it_adds_up(
    steps: list[tuple[float, float, float, bool]], start_pct: float
) -> None:
    rig = counting(soc_pct=start_pct)
    kept_ah = pending_ah = 0.0
    for seconds, flowing_a, shown_a, read in [*steps, (1.0, 0.0, 0.0, True)]:
        flow(rig.battery, flowing_a, seconds)
        rig.battery.current_a = shown_a
        pending_ah += flowing_a * seconds / 3600.0
        rig.advance(seconds, step=seconds, read=read)
        if read:
            kept_ah += pending_ah * (0.995 if pending_ah > 0.0 else 1.0)
            pending_ah = 0.0
    online = rig.decision.bank.online == 1
    assert not online or soc_pct(rig) == pytest.approx(start_pct + kept_ah, abs=0.3)
