"""CVL, CCL and DCL: phases, the high cell, resting while charging is not allowed, the ramps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smallbms.changes import SetSoc
from smallbms.core.limits import LimitsMemory, Phase
from smallbms.settings import Settings
from smallbms.words import BalancerStatus, Mode

from .bench_battery import Rig

HOUR_S = 3600.0
CHARGE_V, FLOAT_V = 14.2, 13.5


def full(rig: Rig, *, spread_v: float = 0.0) -> None:
    rig.each(cell_v=3.47, current_a=1.0)
    rig.battery.cells_v[0] = 3.47 + spread_v
    rig.advance(250.0, step=1.0)
    assert rig.decision.soc_pct == 100.0


# --- phases --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spread_v", "is_floating"), [(0.0, True), (0.019, True), (0.021, False)])
def test_full_and_balanced_goes_to_float(spread_v: float, is_floating: bool) -> None:
    rig = Rig().start()
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)
    full(rig, spread_v=spread_v)
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V if is_floating else CHARGE_V)


def test_full_and_unbalanced_goes_to_float_after_2_h() -> None:
    rig = Rig().start()
    full(rig, spread_v=0.05)
    rig.advance(1.9 * HOUR_S, step=5.0)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)
    rig.advance(0.1 * HOUR_S, step=5.0)
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V)


def test_what_was_full_and_was_used_again_has_its_2_h_anew() -> None:
    rig = Rig().start()
    full(rig, spread_v=0.05)
    rig.each(cell_v=3.35, current_a=0.0)
    rig.step(SetSoc(soc_pct=94.0))
    rig.advance(1.9 * HOUR_S, step=5.0)
    full(rig, spread_v=0.05)
    rig.advance(1.9 * HOUR_S, step=5.0)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)


def soc_falls(rig: Rig) -> None:
    rig.step(SetSoc(soc_pct=94.9))


def soc_falls_a_little(rig: Rig) -> None:
    rig.step(SetSoc(soc_pct=95.1))


def a_month(rig: Rig) -> None:
    rig.advance(30 * 86_400.0 + 60.0, step=6 * HOUR_S)
    rig.advance(10.0)


def less_than_a_month(rig: Rig) -> None:
    rig.advance(29 * 86_400.0, step=6 * HOUR_S)
    rig.advance(10.0)


def a_month_with_a_restart_a_day(rig: Rig) -> None:
    for _ in range(31):
        rig.advance(10.0)
        rig.restart(off_s=86_400.0)
        rig.step()
    rig.advance(10.0)


@pytest.mark.parametrize(("life", "is_back"), [
    (soc_falls, True), (soc_falls_a_little, False), (a_month, True), (less_than_a_month, False),
    (a_month_with_a_restart_a_day, True),
])  # fmt: skip
def test_what_ends_the_float(life: Callable[[Rig], None], is_back: bool) -> None:
    rig = Rig().start()
    full(rig)
    rig.each(cell_v=3.37, current_a=0.0)
    rig.advance(60.0, step=1.0)
    life(rig)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V if is_back else FLOAT_V)


@pytest.mark.parametrize(("type_name", "count", "series", "charge_v"), [
    ("12.8/100", 1, 1, 14.2), ("12.8/100", 4, 4, 56.8), ("25.6/200", 4, 2, 56.8), ("51.2/100", 3, 1, 56.8),
])  # fmt: skip
def test_the_charge_voltage_is_that_of_the_whole_string(
    type_name: str, count: int, series: int, charge_v: float
) -> None:
    assert Rig(count, type_name=type_name, series=series).start().decision.cvl_v == pytest.approx(charge_v)


# --- the high cell -------------------------------------------------------------------------------------------------


def test_a_high_cell_takes_the_voltage_back_every_3_s_within_float_and_charge_voltage() -> None:
    rig = Rig().start()
    rig.battery.cells_v = [3.60, 3.45, 3.45, 3.45]
    rig.advance(0.5)
    start_v = rig.decision.cvl_v
    assert start_v == pytest.approx(13.95)  # from the bank's voltage
    rig.advance(2.5)
    assert rig.decision.cvl_v == start_v
    rig.advance(0.5)
    assert rig.decision.cvl_v == pytest.approx(start_v + 0.2 * (3.58 - 3.60) * 4)
    rig.battery.cells_v = [3.72, 3.45, 3.45, 3.45]
    rig.advance(3.0)
    assert rig.decision.cvl_v == pytest.approx(start_v - 0.016 - 0.020 * 4)
    rig.advance(120.0)
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V)
    rig.battery.cells_v = [3.40, 3.38, 3.38, 3.38]
    rig.advance(3.0)
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V + 0.002 * 4)
    rig.advance(300.0)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)


def test_one_cell_60_mv_high_settles_with_little_swing_below_3_65_v() -> None:
    """A charger that follows the CVL within a step, cells that follow the charger with a lag."""
    rig = Rig().start()
    mean_v, seen_v, cvls_v = 3.45, [], []
    for second in range(3600):
        mean_v += ((rig.decision.cvl_v - 0.06) / 4 - mean_v) * 0.1
        rig.battery.cells_v = [mean_v + 0.06, mean_v, mean_v, mean_v]
        rig.battery.current_a = 10.0
        rig.advance(1.0, step=1.0)
        seen_v.append(mean_v + 0.06)
        if second > 1800:
            cvls_v.append(rig.decision.cvl_v)
    assert max(seen_v) < 3.65
    assert max(cvls_v) - min(cvls_v) <= 0.020 * 4


def stuck(rig: Rig) -> None:
    """2 h in which only a high cell holds the voltage back, with next to no current."""
    rig.battery.cells_v = [3.60, 3.39, 3.39, 3.39]
    rig.each(current_a=0.5)
    rig.advance(2 * HOUR_S + 30.0, step=2.0)


def test_a_charge_that_only_a_high_cell_ends_floats_without_a_sync_and_is_imbalanced() -> None:
    rig = Rig().start()
    stuck(rig)
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V)
    assert rig.decision.soc_pct is not None and rig.decision.soc_pct < 60.0
    assert rig.decision.balancer is BalancerStatus.IMBALANCED
    rig.each(cell_v=3.30, current_a=-20.0)
    rig.advance(HOUR_S / 5, step=2.0)  # 4 of 100 Ah
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V)
    assert rig.decision.balancer is BalancerStatus.IMBALANCED  # alike in between says nothing
    rig.advance(HOUR_S / 10, step=2.0)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)


def test_a_stuck_charge_is_tried_again_after_30_days() -> None:
    rig = Rig().start()
    stuck(rig)
    rig.each(cell_v=3.33, current_a=0.0)
    rig.advance(29 * 86_400.0, step=6 * HOUR_S)
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V)
    rig.advance(2 * 86_400.0, step=6 * HOUR_S)
    rig.advance(10.0)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)


# --- charging is not allowed ---------------------------------------------------------------------------------------


def forbidden() -> Rig:
    rig = Rig().start()
    rig.each(cell_v=3.30)
    rig.settings = Settings(mode=Mode.STANDBY)
    rig.advance(0.5)
    return rig


def test_at_the_trip_the_voltage_goes_just_below_the_banks() -> None:
    rig = forbidden()
    assert (rig.decision.ccl_a, rig.decision.dcl_a) == (0.0, 0.0)
    assert rig.decision.cvl_v == pytest.approx(13.2 - 0.010 * 4)


@pytest.mark.parametrize(("current_a", "by_v"), [
    (0.51, -0.020), (0.5, 0.0), (0.0, 0.0), (-2.0, 0.0), (-2.1, 0.008),
])  # fmt: skip
def test_the_resting_voltage_follows_the_current_every_3_s(current_a: float, by_v: float) -> None:
    rig = forbidden()
    rig.each(current_a=current_a)
    rig.advance(2.5)
    assert rig.decision.cvl_v == pytest.approx(13.16)
    rig.advance(0.5)
    assert rig.decision.cvl_v == pytest.approx(13.16 + by_v)


@pytest.mark.parametrize(("cell_v", "current_a", "cvl_v"), [
    (3.30, -50.0, 13.24),  # never more than 10 mV a cell above the bank
    (3.30, 50.0, 11.2),  # the end-of-discharge voltage
    (3.56, -50.0, 14.2),  # the normal voltage
])  # fmt: skip
def test_the_resting_voltage_stays_within_its_bounds(cell_v: float, current_a: float, cvl_v: float) -> None:
    rig = forbidden()
    rig.each(cell_v=cell_v, current_a=current_a)
    rig.advance(600.0, step=1.0)
    assert rig.decision.cvl_v == pytest.approx(cvl_v)


def test_with_the_banks_voltage_unknown_the_last_is_held_and_a_new_one_starts_the_rest_anew() -> None:
    rig = Rig().start()
    rig.unplug(1)
    rig.advance(60.0)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)
    assert rig.decision.ccl_a == 0.0
    rig.battery.answers = True
    rig.advance(0.5)
    assert rig.decision.cvl_v == pytest.approx(13.16)


def test_with_no_voltage_since_the_start_it_is_the_float_voltage() -> None:
    rig = Rig(4, series=4)
    for number in rig.batteries:
        rig.unplug(number)
    rig.step()
    assert rig.decision.cvl_v == pytest.approx(FLOAT_V * 4)


def test_charging_allowed_again_goes_back_to_the_normal_voltage() -> None:
    rig = forbidden()
    rig.settings = Settings()
    rig.advance(0.5)
    assert rig.decision.cvl_v == pytest.approx(CHARGE_V)


# --- the ramps -----------------------------------------------------------------------------------------------------


def limits_at(rig: Rig) -> tuple[float, float]:
    rig.start()
    return rig.decision.ccl_a, rig.decision.dcl_a


@pytest.mark.parametrize(("temperature_c", "charge", "discharge"), [
    (5.0, 0.1, 1.0), (7.5, 0.55, 1.0), (10.0, 1.0, 1.0), (45.0, 1.0, 1.0), (47.5, 0.6, 0.6), (50.0, 0.2, 0.2),
])  # fmt: skip
def test_the_temperature_ramps(temperature_c: float, charge: float, discharge: float) -> None:
    rig = Rig()
    rig.each(temperatures_c=[temperature_c])
    assert limits_at(rig) == pytest.approx((100.0 * charge, 100.0 * discharge))


@pytest.mark.parametrize(("temperature_c", "discharge"), [(-20.0, 0.2), (-15.0, 0.6), (-10.0, 1.0), (-5.0, 1.0)])
def test_the_cold_ramp_of_discharging(temperature_c: float, discharge: float) -> None:
    rig = Rig()
    rig.each(temperatures_c=[temperature_c, 0.0])
    rig.step()
    rig.advance(1.0)
    assert (rig.decision.ccl_a, rig.decision.dcl_a) == pytest.approx((0.0, 100.0 * discharge))


@pytest.mark.parametrize(("cells_v", "charge", "discharge"), [
    ((3.50, 3.45), 1.0, 1.0), ((3.55, 3.45), 0.525, 1.0), ((3.60, 3.45), 0.05, 1.0), ((3.70, 3.45), 0.05, 1.0),
    ((3.30, 3.00), 1.0, 1.0), ((3.30, 2.90), 1.0, 0.6), ((3.30, 2.801), 1.0, 0.204),
])  # fmt: skip
def test_the_cell_ramps(cells_v: tuple[float, float], charge: float, discharge: float) -> None:
    rig = Rig()
    rig.battery.cells_v = [cells_v[0], cells_v[1], cells_v[1], cells_v[1]]
    assert limits_at(rig) == pytest.approx((100.0 * charge, 100.0 * discharge))


def test_a_cell_below_the_low_limit_is_charged_gently() -> None:
    rig = Rig()
    rig.battery.cells_v[0] = 2.79
    rig.step()
    assert (rig.decision.ccl_a, rig.decision.dcl_a) == pytest.approx((10.0, 0.0))


def test_only_strings_that_can_carry_are_counted() -> None:
    rig = Rig(6, series=2).start()
    assert (rig.decision.ccl_a, rig.decision.dcl_a) == (300.0, 300.0)
    rig.batteries[3].charge_switch_on = False
    rig.batteries[6].discharge_switch_on = False
    rig.advance(0.5)  # one reading: not blocked yet
    assert (rig.decision.ccl_a, rig.decision.dcl_a) == (200.0, 200.0)


def test_the_limits_start_from_a_safe_memory() -> None:
    assert LimitsMemory().phase is Phase.ABSORB
    assert LimitsMemory().cvl_v is None
