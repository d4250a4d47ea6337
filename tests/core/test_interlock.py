"""The last word before the pins: it looks by itself and only takes away."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.core.interlock import interlock
from smallbms.model import Bank, BankSpec, BatteryReading, Decision, Identity, Measurement, Member, Outputs, Thresholds
from smallbms.words import Led

NOW_S = 500.0
SPEC = BankSpec(members=(Member(number=1), Member(number=2)))
YES = Decision(at_s=NOW_S, bank=Bank(), allow_to_charge=True, allow_to_discharge=True)


def reading(*cells_v: float | None, age_s: float = 0.0, cells_age_s: float | None = None) -> BatteryReading:
    return BatteryReading(
        taken_at_s=NOW_S - age_s,
        cells_taken_at_s=NOW_S - (age_s if cells_age_s is None else cells_age_s),
        identity=Identity(key="one"),
        cell_voltages_v=cells_v or (3.3, 3.3),
    )


def outputs(first: BatteryReading, before: BatteryReading | None = None, decision: Decision = YES) -> Outputs:
    previous = {1: before} if before else {}
    measurement = Measurement(readings={1: first, 2: reading()}, previous=previous)
    return interlock(decision, measurement, Thresholds(), SPEC, NOW_S)[0]


@pytest.mark.parametrize(("cell_v", "atc"), [(3.849, True), (3.85, False), (3.9, False), (655.35, False), (None, True)])
def test_charging_ends_at_a_cell_0_10_v_above_the_limit(cell_v: float | None, atc: bool) -> None:
    out = outputs(reading(3.3, cell_v))
    assert (out.atc, out.atd) == (atc, True)
    by_extreme = replace(reading(), cell_voltages_v=(), cell_max_v=cell_v)
    assert outputs(by_extreme).atc is atc


LOW, OLD_LOW = reading(3.3, 2.0), reading(2.0, 3.3, age_s=1.0)


@pytest.mark.parametrize(("now", "before", "atd"), [
    (LOW, None, True),
    (LOW, OLD_LOW, False),
    (LOW, reading(3.3, 2.01, age_s=1.0), True),
    (LOW, LOW, True),  # the same reading twice
    (reading(3.3, 2.01), OLD_LOW, True),
    (replace(LOW, cell_voltages_v=(), cell_min_v=1.9), replace(OLD_LOW, cell_voltages_v=(), cell_min_v=1.9), False),
])  # fmt: skip
def test_discharging_ends_at_a_cell_of_2_v_in_two_readings(
    now: BatteryReading, before: BatteryReading | None, atd: bool
) -> None:
    out = outputs(now, before)
    assert (out.atc, out.atd) == (True, atd)


@pytest.mark.parametrize(("age_s", "cells_age_s", "is_on"), [
    (9.9, 9.9, True), (10.0, 0.0, False), (0.0, 10.0, False), (10.0, 10.0, False)
])  # fmt: skip
def test_both_end_at_a_reading_10_s_old(age_s: float, cells_age_s: float, is_on: bool) -> None:
    out = outputs(reading(age_s=age_s, cells_age_s=cells_age_s))
    assert (out.atc, out.atd) == (is_on, is_on)


def test_both_end_while_a_configured_battery_has_no_reading() -> None:
    out, _ = interlock(YES, Measurement(readings={1: reading()}), Thresholds(), SPEC, NOW_S)
    assert (out.atc, out.atd) == (False, False)


def test_the_pre_alarm_goes_off_with_discharging() -> None:
    warned = replace(YES, pre_alarm=True)
    assert outputs(reading(), decision=warned).pre_alarm
    assert not outputs(LOW, OLD_LOW, decision=warned).pre_alarm


def test_the_lamps_are_as_decided() -> None:
    out = outputs(reading(), decision=replace(YES, red_led=Led.BLINK, blue_led=Led.ON))
    assert (out.red_led, out.blue_led) == (Led.BLINK, Led.ON)


CELLS_V = st.lists(st.one_of(st.none(), st.floats()), max_size=4).map(tuple)


@given(st.tuples(st.booleans(), st.booleans(), st.booleans()), CELLS_V, CELLS_V, st.floats(0, 20))
def test_it_never_gives(
    decided: tuple[bool, bool, bool], now_v: tuple[float | None], before_v: tuple[float | None], age_s: float
) -> None:
    atc, atd, pre_alarm = decided
    decision = replace(YES, allow_to_charge=atc, allow_to_discharge=atd, pre_alarm=pre_alarm)
    out = outputs(reading(*now_v, age_s=age_s), reading(*before_v, age_s=age_s + 1.0), decision)
    assert out.atc <= atc and out.atd <= atd and out.pre_alarm <= (pre_alarm and out.atd)


def test_the_empty_outputs_are_safe() -> None:
    out = Outputs()
    assert not (out.atc or out.atd or out.pre_alarm)
    assert out.red_led is Led.ON
