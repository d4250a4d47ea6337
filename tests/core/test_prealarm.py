"""The pre-alarm output: in good time before ATD goes off, and never without it."""

from __future__ import annotations

import pytest

from smallbms.batteries import custom_model
from smallbms.changes import SetSoc
from smallbms.settings import Settings
from smallbms.words import AlarmCode, AlarmLevel, Mode, ReasonCode

from .bench_battery import Rig


def outputs(rig: Rig) -> tuple[bool, bool]:
    """Pre-alarm, ATD; the pins say the same as the decision."""
    assert (rig.outputs.pre_alarm, rig.outputs.atd) == (rig.decision.pre_alarm, rig.decision.allow_to_discharge)
    return rig.outputs.pre_alarm, rig.outputs.atd


def cell(rig: Rig, voltage_v: float, seconds: float) -> tuple[bool, bool]:
    rig.battery.cells_v[1] = voltage_v
    rig.advance(seconds)
    return outputs(rig)


def test_it_comes_at_its_level_and_goes_50_mv_above_after_30_s() -> None:
    rig = Rig().start()
    assert cell(rig, 3.101, 1.0) == (False, True)
    assert cell(rig, 3.10, 0.5) == (True, True)
    assert cell(rig, 3.149, 600.0) == (True, True)
    assert rig.alarm(AlarmCode.LOW_CELL_VOLTAGE) is AlarmLevel.WARNING
    assert cell(rig, 3.15, 0.5) == (False, True)


@pytest.mark.parametrize("level_v", [2.85, 3.0, 3.15])
def test_its_level_is_adjustable(level_v: float) -> None:
    rig = Rig().start()
    rig.settings = Settings(pre_alarm_cell_v=level_v)
    assert cell(rig, level_v + 0.001, 1.0) == (False, True)
    assert cell(rig, level_v, 0.5) == (True, True)


def test_once_on_it_stays_for_30_s() -> None:
    rig = Rig().start()
    assert cell(rig, 3.09, 0.5) == (True, True)
    assert cell(rig, 3.30, 29.5) == (True, True)
    assert cell(rig, 3.30, 0.5) == (False, True)


@pytest.mark.parametrize("cell_v", [2.80, 2.3, 2.01])
def test_a_cell_that_falls_straight_through_both_levels_still_warns_for_30_s(cell_v: float) -> None:
    rig = Rig().start()
    assert cell(rig, cell_v, 0.5) == (True, True)
    assert cell(rig, cell_v, 29.5) == (True, True)
    assert cell(rig, cell_v, 0.5) == (False, False)
    assert rig.codes() == {ReasonCode.LOW_CELL}


def test_a_cell_below_the_cut_off_in_two_readings_is_the_one_exception() -> None:
    rig = Rig().start()
    rig.battery.cells_v[1] = 2.0
    rig.advance(0.5)
    assert (rig.outputs.pre_alarm, rig.outputs.atd) == (True, True)
    rig.advance(0.5)
    assert (rig.outputs.pre_alarm, rig.outputs.atd) == (False, False)
    assert not rig.decision.allow_to_discharge  # the engine itself has tripped, and says so
    assert [reason.code for reason in rig.decision.reasons] == [ReasonCode.LOW_CELL]


def test_bouncing_cells_never_take_atd_sooner_than_30_s_after_the_alarm_went_on() -> None:
    rig, on_since_s = Rig().start(), None
    for second in range(900):
        voltage_v = 2.75 if second % 100 < 70 and second % 10 < 8 else 3.30
        before = outputs(rig)
        pre_alarm, atd = cell(rig, voltage_v, 1.0)
        if pre_alarm and not before[0]:
            on_since_s = rig.now_s
        if before[1] and not atd:
            assert on_since_s is not None and rig.now_s - on_since_s >= 29.5
        if pre_alarm:
            assert atd
    assert on_since_s is not None


def test_it_goes_off_with_atd_and_stays_off_until_atd_is_back() -> None:
    rig = Rig().start()
    cell(rig, 2.7, 31.0)
    for _ in range(30):
        assert cell(rig, 3.08, 10.0) == (False, False)
    assert cell(rig, 3.25, 60.0) == (False, False)
    assert cell(rig, 3.25, 0.5) == (False, True)


def test_it_comes_at_once_if_atd_is_back_and_the_cause_still_holds() -> None:
    rig = Rig().start()
    cell(rig, 3.05, 1.0)
    rig.settings = Settings(mode=Mode.OFF)
    rig.advance(0.5)
    assert outputs(rig) == (False, False)
    rig.advance(60.0)
    rig.settings = Settings()
    rig.advance(0.5)
    assert outputs(rig) == (True, True)


def test_it_waits_for_another_30_s_before_a_low_cell_after_that() -> None:
    rig = Rig().start()
    cell(rig, 3.05, 60.0)
    rig.settings = Settings(mode=Mode.OFF)
    rig.advance(5.0)
    rig.settings = Settings()
    assert cell(rig, 2.75, 0.5) == (True, True)
    assert cell(rig, 2.75, 29.5) == (True, True)
    assert cell(rig, 2.75, 0.5) == (False, False)


@pytest.mark.parametrize(("soc_pct", "is_on"), [(15.01, False), (15.0, True), (12.0, True)])
def test_the_low_soc_warning_level_raises_it(soc_pct: float, is_on: bool) -> None:
    rig = Rig().start()
    rig.step(SetSoc(soc_pct=soc_pct))
    assert outputs(rig) == (is_on, True)
    assert (rig.alarm(AlarmCode.LOW_SOC) is AlarmLevel.WARNING) is is_on


@pytest.mark.parametrize(("level_pct", "is_on"), [(49, False), (50, True), (99, True)])
def test_the_low_soc_warning_level_is_adjustable(level_pct: int, is_on: bool) -> None:
    rig = Rig(soc_pct=50.0).start()
    rig.settings = Settings(low_soc_warning_pct=level_pct)
    rig.advance(0.5)
    assert outputs(rig) == (is_on, True)
    assert (rig.alarm(AlarmCode.LOW_SOC) is AlarmLevel.WARNING) is is_on


def test_the_low_soc_warning_goes_1_percent_above_it() -> None:
    rig = Rig().start()
    rig.step(SetSoc(soc_pct=15.0))
    rig.advance(60.0)
    rig.step(SetSoc(soc_pct=15.99))
    assert outputs(rig) == (True, True)
    rig.step(SetSoc(soc_pct=16.0))
    assert outputs(rig) == (False, True)


def test_with_an_alarm_by_the_soc_a_low_cell_needs_only_its_10_s() -> None:
    rig = Rig().start()
    rig.step(SetSoc(soc_pct=14.0))
    rig.advance(60.0)
    assert cell(rig, 2.79, 10.0) == (True, True)
    assert cell(rig, 2.79, 0.5) == (False, False)


def test_the_floor_takes_both_at_once() -> None:
    rig = Rig().start()
    rig.step(SetSoc(soc_pct=10.0))
    assert outputs(rig) == (False, False)


def test_an_unknown_soc_raises_nothing() -> None:
    rig = Rig(soc_pct=None).start()
    rig.settings = Settings(low_soc_warning_pct=99)
    rig.advance(5.0)
    assert outputs(rig) == (False, True)


def test_a_level_below_the_low_cell_limit_of_the_battery_does_not_silence_it() -> None:
    rig = Rig(battery_model=custom_model("shed", cells=4, capacity_ah=100, low_cell_v=3.0)).start()
    rig.settings = Settings(pre_alarm_cell_v=2.85)
    assert cell(rig, 2.95, 0.5) == (True, True)
    assert cell(rig, 2.95, 29.5) == (True, True)
    assert cell(rig, 2.95, 0.5) == (False, False)


def test_cells_that_are_not_read_say_nothing_of_the_cause() -> None:
    rig = Rig().start()
    cell(rig, 3.08, 1.0)
    rig.battery.cells_v, rig.battery.voltage_v = [None] * 4, 13.0
    rig.advance(40.0)
    assert outputs(rig) == (False, False)
    rig.battery.cells_v, rig.battery.voltage_v = [3.12] * 4, None
    rig.advance(6.0)
    assert outputs(rig) == (True, True)


def test_it_comes_back_with_atd_while_the_soc_is_not_1_percent_above_its_level() -> None:
    rig = Rig(soc_pct=15.0).start()
    rig.battery.current_a = 36.0
    assert rig.advance(50.0).pre_alarm
    assert rig.decision.soc_pct == pytest.approx(15.5, abs=0.1)
    rig.battery.current_a, rig.settings = 0.0, Settings(mode=Mode.OFF)
    assert not rig.advance(1.0).pre_alarm
    rig.settings = Settings()
    assert rig.advance(0.5).pre_alarm
    assert rig.advance(60.0).pre_alarm


def test_it_comes_back_with_atd_while_a_cell_is_not_50_mv_above_its_level() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 3.09
    assert rig.advance(1.0).pre_alarm
    rig.settings = Settings(mode=Mode.OFF)
    rig.battery.cells_v[0] = 3.13
    assert not rig.advance(1.0).pre_alarm
    rig.settings = Settings()
    assert rig.advance(0.5).pre_alarm
    assert rig.advance(60.0).pre_alarm
