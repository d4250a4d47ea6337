"""Absorption and float over clouds and months, and the voltage of a bank in series."""

from __future__ import annotations

import pytest

from smallbms.changes import SetSoc
from smallbms.words import BalancerStatus

from .bench_battery import Rig

HOUR_S = 3600.0
CHARGE_V, FLOAT_V = 14.2, 13.5


def charge(rig: Rig, *, minutes: float, spread_v: float = 0.0, cell_v: float = 3.47) -> None:
    rig.each(cell_v=cell_v, current_a=1.0)
    rig.battery.cells_v[0] = cell_v + spread_v
    rig.advance(minutes * 60.0, step=2.0)


def test_clouds_take_nothing_from_the_2_h_of_an_absorption_while_the_battery_is_full() -> None:
    rig = Rig().start()
    charge(rig, minutes=4.0, spread_v=0.05)
    for _ in range(3):
        charge(rig, minutes=20.0, spread_v=0.05)
        charge(rig, minutes=15.0, cell_v=3.38)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)
    charge(rig, minutes=20.0, spread_v=0.05)
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V)


def test_the_charge_after_30_days_of_float_is_a_whole_one() -> None:
    rig = Rig().start()
    charge(rig, minutes=130.0, spread_v=0.05)
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V)
    rig.each(cell_v=3.36, current_a=0.0)
    rig.advance(30 * 24 * HOUR_S + 60.0, step=6 * HOUR_S)
    rig.step(SetSoc(soc_pct=99.0))
    for _ in range(20):
        rig.advance(10.0)
        assert rig.decision.cvl_v == pytest.approx(CHARGE_V)
    charge(rig, minutes=5.0, spread_v=0.05)
    charge(rig, minutes=100.0, spread_v=0.05)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)


@pytest.mark.parametrize(("type_name", "series"), [("12.8/100", 4), ("25.6/100", 2)])
def test_a_high_cell_lowers_the_voltage_of_a_string_to_its_float_at_most(type_name: str, series: int) -> None:
    rig = Rig(series, type_name=type_name, series=series).start()
    rig.each(cell_v=3.45)
    rig.battery.cells_v[0] = 3.70
    rig.advance(600.0, step=1.5)
    assert rig.decision.cvl_v == pytest.approx(4 * FLOAT_V)


@pytest.mark.parametrize(("type_name", "series"), [("12.8/100", 4), ("25.6/100", 2)])
def test_a_string_that_may_not_be_charged_rests_10_mv_a_cell_below_its_voltage(type_name: str, series: int) -> None:
    rig = Rig(series, type_name=type_name, series=series).start()
    rig.each(charge_switch_on=False)
    decision = rig.advance(1.0)
    assert decision.cvl_v == pytest.approx(16 * (3.30 - 0.010))


def test_no_full_charge_is_seen_in_what_is_not_read() -> None:
    rig = Rig(2).start()
    charge(rig, minutes=2.0)
    for number in rig.batteries:
        rig.unplug(number)
    rig.advance(600.0, step=2.0)
    assert rig.decision.soc_pct == pytest.approx(50.0, abs=0.1)
    assert rig.state.history.marks.last_full_charge_wall_s is None


def test_a_battery_that_is_kept_full_was_full_when_it_became_so() -> None:
    rig = Rig().start()
    assert rig.decision.notices == ("new bank: charge fully first",)
    charge(rig, minutes=4.0)
    became_s = rig.state.history.marks.last_full_charge_wall_s
    assert became_s is not None
    charge(rig, minutes=30.0)
    assert rig.state.history.marks.last_full_charge_wall_s == became_s
    assert rig.state.history.since_full_s == pytest.approx(rig.wall_s - became_s, abs=2.0)
    assert (rig.decision.notices, rig.decision.balancer) == ((), BalancerStatus.BALANCED)
    rig.each(cell_v=3.3, current_a=-10.0)
    rig.advance(600.0, step=2.0)
    assert rig.decision.notices == ()
