"""State of charge: counting, gaps, synchronisation, by hand, time to go."""

from __future__ import annotations

import pytest

from smallbms.changes import SetSoc, Synchronise
from smallbms.settings import Settings
from smallbms.words import AlarmCode, AlarmLevel, SocState

from .bench_battery import Rig


def soc_state(rig: Rig) -> SocState:
    return rig.decision.soc_state


# --- counting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("current_a", "moved_pct"), [(-20.0, -10.0), (20.0, 9.95), (0.0, 0.0)])
@pytest.mark.parametrize(("count", "series"), [(1, 1), (2, 1), (4, 4), (4, 2)])
def test_the_current_is_counted_with_the_charge_efficiency(
    current_a: float, moved_pct: float, count: int, series: int
) -> None:
    rig = Rig(count, series=series).start()
    rig.each(current_a=current_a)
    rig.step()
    rig.advance(1800.0, step=2.0)
    assert rig.decision.soc_pct == pytest.approx(50.0 + moved_pct, abs=0.02)


def test_the_count_stays_within_0_and_100() -> None:
    rig = Rig().start()
    rig.battery.current_a = 90.0
    assert rig.advance(3000.0, step=5.0).soc_pct == 100.0
    rig.battery.current_a = -90.0
    assert rig.advance(5000.0, step=5.0).soc_pct == 0.0
    assert rig.decision.consumed_ah == -100.0


def test_a_current_that_is_not_read_for_a_short_while_is_counted_over() -> None:
    rig = Rig().start()
    rig.battery.current_a = -36.0
    rig.advance(10.0)
    before_pct = rig.decision.soc_pct
    rig.battery.answers = False
    rig.advance(20.0)
    rig.battery.answers = True
    rig.advance(10.0)
    assert before_pct is not None
    assert rig.decision.soc_pct == pytest.approx(before_pct - 0.3, abs=0.02)


# --- gaps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after", "moved_pct"), [
    ({"remaining_ah": 80.0}, {"remaining_ah": 70.0}, -10.0),
    ({"soc_pct": 90.0}, {"soc_pct": 95.0}, 5.0),
    ({"remaining_ah": 80.0, "soc_pct": 20.0}, {"remaining_ah": 90.0, "soc_pct": 99.0}, 10.0),
    ({"soc_pct": None}, {"soc_pct": None}, 0.0),
    ({"soc_pct": None}, {"soc_pct": 99.0}, 0.0),  # nothing to compare with
    ({"remaining_ah": 80.0}, {"remaining_ah": None, "soc_pct": 20.0}, 0.0),  # two kinds of figures have no difference
])  # fmt: skip
def test_a_long_gap_is_bridged_by_the_change_of_the_batteries_own_figures(
    before: dict[str, float | None], after: dict[str, float | None], moved_pct: float
) -> None:
    rig = Rig().start()
    rig.step(SetSoc(soc_pct=50.0))
    rig.each(current_a=-50.0, **before)
    rig.advance(0.5)
    counted_pct = rig.decision.soc_pct
    assert soc_state(rig) is SocState.GOOD
    rig.each(**after)
    rig.advance(31.0, step=31.0)
    assert counted_pct is not None
    assert rig.decision.soc_pct == pytest.approx(counted_pct + moved_pct)
    assert soc_state(rig) is SocState.UNCERTAIN


def test_a_gap_of_30_s_is_counted() -> None:
    rig = Rig().start()
    rig.battery.current_a = -36.0
    rig.step()
    before_pct = rig.decision.soc_pct
    rig.advance(30.0, step=30.0)
    assert before_pct is not None
    assert rig.decision.soc_pct == pytest.approx(before_pct - 0.3)


@pytest.mark.parametrize(("remaining_ah", "moved_pct"), [(80.0, 0.0), (75.0, -5.0), (200.0, 50.0), (0.0, -50.0)])
def test_a_restart_is_a_gap(remaining_ah: float, moved_pct: float) -> None:
    rig = Rig().start()
    rig.step(SetSoc(soc_pct=50.0))
    rig.battery.remaining_ah = 80.0
    rig.advance(1.0)
    rig.restart(off_s=3600.0)
    rig.battery.remaining_ah = remaining_ah
    rig.step()
    rig.advance(1.0)
    assert rig.decision.soc_pct == pytest.approx(50.0 + moved_pct)
    assert soc_state(rig) is SocState.UNCERTAIN


# --- the first start -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reported_pct", "soc_pct"), [
    ([40.0, 30.0], 30.0), ([40.0, None], None), ([None, None], None), ([0.0, 30.0], 0.0), ([40.0, 255.0], None),
])  # fmt: skip
def test_the_first_soc_is_the_lowest_that_all_batteries_report(
    reported_pct: list[float | None], soc_pct: float | None
) -> None:
    rig = Rig(2)
    rig.settings = Settings(discharge_floor_pct=0)
    for battery, reported in zip(rig.batteries.values(), reported_pct, strict=True):
        battery.soc_pct = reported
    rig.step()
    rig.advance(1.0)
    assert rig.decision.soc_pct == soc_pct
    assert soc_state(rig) is (SocState.UNKNOWN if soc_pct is None else SocState.UNCERTAIN)
    assert "new bank: charge fully first" in rig.decision.notices
    assert rig.allowed == (True, True)


def test_the_first_soc_waits_for_the_last_battery() -> None:
    rig = Rig(2)
    rig.batteries[2].answers = False
    rig.step()
    assert rig.advance(5.0).soc_pct is None
    rig.batteries[2].answers = True
    assert rig.advance(0.5).soc_pct == 50.0


def test_an_unknown_soc_is_warned_of_and_has_no_time_to_go() -> None:
    rig = Rig(soc_pct=None).start()
    rig.battery.current_a = -10.0
    decision = rig.advance(30.0)
    assert (decision.soc_pct, decision.time_to_go_s, decision.consumed_ah) == (None, None, None)
    assert rig.alarm(AlarmCode.LOW_SOC) is AlarmLevel.WARNING
    assert "SoC unknown: charge fully or set it" in decision.notices


def test_a_lost_battery_makes_the_soc_uncertain_until_the_next_sync() -> None:
    rig = Rig(2).start()
    rig.step(Synchronise())
    assert soc_state(rig) is SocState.GOOD
    rig.each(cell_v=3.3, current_a=-18.0)
    rig.advance(100.0)
    rig.unplug(2)
    rig.advance(10.0)
    assert soc_state(rig) is SocState.UNCERTAIN
    rig.batteries[2].answers = True
    rig.advance(90.0)
    assert soc_state(rig) is SocState.UNCERTAIN
    assert rig.decision.soc_pct == pytest.approx(99.0, abs=0.05)  # counted on with the mean of the rest
    rig.step(Synchronise())
    assert soc_state(rig) is SocState.GOOD


# --- by hand -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish_pct", "soc_pct"), [(30.0, 30.0), (0.0, 0.0), (100.0, 100.0), (101.0, 100.0), (-3.0, 0.0)]
)
def test_an_soc_set_by_hand_acts_at_once(wish_pct: float, soc_pct: float) -> None:
    rig = Rig().start()
    decision = rig.step(SetSoc(soc_pct=wish_pct, origin="web"))
    assert (decision.soc_pct, decision.soc_state) == (soc_pct, SocState.GOOD)
    assert decision.allow_to_discharge is (soc_pct > 10.0)
    assert any(event.text == f"state of charge set to {wish_pct:g} %, by web" for event in decision.events)


def test_synchronise_by_hand_is_a_full_charge() -> None:
    rig = Rig(soc_pct=None).start()
    decision = rig.step(Synchronise())
    assert (decision.soc_pct, decision.soc_state, rig.state.history.marks.synchronisations) == (100.0, SocState.GOOD, 1)
    assert rig.state.history.marks.last_full_charge_wall_s == rig.wall_s
    assert "new bank: charge fully first" not in decision.notices


# --- time to go ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("current_a", "soc_pct", "floor_pct", "time_to_go_s"), [
    (-40.0, 50.0, 10, 3600), (-40.0, 50.0, 0, 4500), (-41.0, 50.0, 10, 3480), (-40.0, 10.0, 10, 0),
    (-40.0, 5.0, 10, 0), (0.0, 50.0, 10, None), (10.0, 50.0, 10, None), (-0.1, 90.0, 10, 864_000),
    (-0.04, 90.0, 10, None),
])  # fmt: skip
def test_the_time_to_go_is_that_to_the_floor_in_whole_minutes(
    current_a: float, soc_pct: float, floor_pct: int, time_to_go_s: int | None
) -> None:
    rig = Rig()
    rig.settings = Settings(discharge_floor_pct=floor_pct)
    rig.each(current_a=current_a)
    rig.start()
    rig.step(SetSoc(soc_pct=soc_pct))
    assert rig.decision.time_to_go_s == time_to_go_s


def test_the_time_to_go_smooths_the_current_over_25_s() -> None:
    rig = Rig()
    rig.each(current_a=-10.0)
    rig.start()
    rig.each(current_a=-60.0)
    rig.advance(25.0)
    smoothed_a = rig.state.soc.smoothed_a
    assert smoothed_a == pytest.approx(-60.0 + 50.0 / 2.71828, abs=0.2)


@pytest.mark.parametrize(("soc_pct", "consumed_ah"), [(100.0, 0.0), (75.0, -50.0), (0.0, -200.0)])
def test_consumed_ah_are_negative_since_the_last_full_charge(soc_pct: float, consumed_ah: float) -> None:
    rig = Rig(4, series=2).start()
    rig.step(SetSoc(soc_pct=soc_pct))
    assert rig.decision.consumed_ah == pytest.approx(consumed_ah)


def test_a_long_time_to_go_is_exact() -> None:
    rig = Rig().start()
    rig.battery.current_a = -0.5
    rig.step(SetSoc(soc_pct=50.0))
    rig.advance(400.0, step=4.0)
    assert rig.decision.soc_pct is not None
    assert rig.decision.time_to_go_s == int((rig.decision.soc_pct - 10.0) * 3600.0 / 0.5 // 60.0 * 60.0)


def test_a_gap_is_bridged_by_the_mean_of_what_the_batteries_say() -> None:
    rig = Rig(2).start()
    rig.each(remaining_ah=50.0)
    rig.advance(1.0)
    rig.restart()
    rig.batteries[1].remaining_ah, rig.batteries[2].remaining_ah = 40.0, 44.0
    rig.advance(1.0)
    assert rig.decision.soc_pct == pytest.approx(42.0)
