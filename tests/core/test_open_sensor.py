"""A sensor that trips a reason and is read no more: no other sensor can give the permission back in its place."""

from __future__ import annotations

import pytest

from smallbms.changes import Acknowledge
from smallbms.words import AlarmCode, AlarmLevel, ReasonCode

from .bench_battery import Rig

EVERY_ROW = pytest.mark.parametrize(("code", "bad_c"), [
    (ReasonCode.CHARGE_COLD, 4.0), (ReasonCode.CHARGE_HOT, 51.0),
    (ReasonCode.DISCHARGE_COLD, -21.0), (ReasonCode.DISCHARGE_HOT, 51.0),
])  # fmt: skip
WELL_C = 25.0


def tripped(bad_c: float, count: int = 2) -> Rig:
    """Sensor 2 of battery 2 has tripped its reasons."""
    rig = Rig(count).start()
    rig.batteries[2].temperatures_c = [WELL_C, bad_c]
    rig.advance(6.0)
    return rig


def shows(rig: Rig, *temperatures_c: float | None, number: int = 2, for_s: float = 1.0) -> None:
    rig.batteries[number].temperatures_c = list(temperatures_c)
    rig.advance(for_s)


@EVERY_ROW
def test_a_tripping_sensor_that_opens_holds_the_trip_and_is_named(code: ReasonCode, bad_c: float) -> None:
    rig = tripped(bad_c)
    since_s = rig.reason(code).since_s
    shows(rig, WELL_C, None, for_s=600.0)
    reason = rig.reason(code)
    assert (reason.since_s, reason.battery, reason.cell, reason.value) == (since_s, 2, 2, bad_c)
    assert reason.text.endswith(
        ", also at battery 2 sensor 2, not read now: mend it, or acknowledge once it has been checked"
    )
    assert rig.alarm(AlarmCode.BATTERY_TEMPERATURE_SENSOR) is AlarmLevel.WARNING


@EVERY_ROW
def test_it_releases_when_that_sensor_is_read_in_the_release_band(code: ReasonCode, bad_c: float) -> None:
    rig = tripped(bad_c)
    shows(rig, WELL_C, None)
    near_c = bad_c + 1.5 if bad_c < WELL_C else bad_c - 1.5  # under the trip, not in the release band
    shows(rig, WELL_C, near_c)
    assert code in rig.codes()
    assert "not read now" not in rig.reason(code).text
    shows(rig, WELL_C, None)
    assert code in rig.codes()
    shows(rig, WELL_C, WELL_C)
    assert rig.allowed == (True, True)


@EVERY_ROW
def test_whoever_has_checked_it_acknowledges(code: ReasonCode, bad_c: float) -> None:
    rig = tripped(bad_c)
    shows(rig, WELL_C, None)
    rig.step(Acknowledge())
    assert rig.allowed == (True, True)


def test_an_acknowledgement_gives_nothing_back_for_a_sensor_that_is_read() -> None:
    rig = tripped(51.0)
    shows(rig, WELL_C, 49.0)
    rig.step(Acknowledge())
    assert ReasonCode.CHARGE_HOT in rig.codes()
    shows(rig, WELL_C, None)
    assert ReasonCode.CHARGE_HOT in rig.codes()


def test_a_sensor_that_was_seen_well_before_it_opened_holds_nothing() -> None:
    rig = tripped(51.0)
    shows(rig, 52.0, number=1)
    shows(rig, WELL_C, WELL_C)
    shows(rig, WELL_C, None)
    assert "not read now" not in rig.reason(ReasonCode.CHARGE_HOT).text
    shows(rig, WELL_C, number=1)
    assert rig.allowed == (True, True)


def test_each_open_sensor_is_waited_for() -> None:
    rig = tripped(51.0)
    shows(rig, 52.0, number=1)
    shows(rig, None, number=1)
    shows(rig, WELL_C, None)
    assert "battery 1 sensor 1, battery 2 sensor 2, not read now" in rig.reason(ReasonCode.CHARGE_HOT).text
    shows(rig, WELL_C, WELL_C)
    assert ReasonCode.CHARGE_HOT in rig.codes()
    shows(rig, WELL_C, number=1, for_s=6.0)
    assert rig.allowed == (True, True)


def test_a_battery_lost_while_hot_comes_back_hot_until_its_sensor_says_otherwise() -> None:
    rig = tripped(51.0)
    rig.batteries[2].answers = False
    rig.advance(20.0)
    assert rig.codes() == {ReasonCode.CHARGE_HOT, ReasonCode.DISCHARGE_HOT, ReasonCode.LOST_BATTERY}
    rig.batteries[2].answers = True
    shows(rig, WELL_C, None, for_s=10.0)
    assert rig.codes() == {ReasonCode.CHARGE_HOT, ReasonCode.DISCHARGE_HOT}
    shows(rig, WELL_C, WELL_C)
    assert rig.allowed == (True, True)


def test_a_battery_put_in_its_place_is_judged_by_its_own_sensors() -> None:
    rig = tripped(51.0)
    rig.batteries[2].key = "another works"
    shows(rig, WELL_C, for_s=3.0)
    assert {ReasonCode.BANK_ERROR, ReasonCode.CHARGE_HOT} <= rig.codes()
    rig.step(Acknowledge())
    rig.advance(1.0)
    assert rig.allowed == (True, True)


def test_a_sensor_that_opens_right_after_it_tripped_is_waited_for() -> None:
    rig = Rig().start()
    rig.battery.temperatures_c = [4.0, 25.0]
    while rig.decision.allow_to_charge:
        rig.advance(0.5)
    rig.battery.temperatures_c = [None, 25.0]
    rig.advance(30.0)
    assert rig.codes() == {ReasonCode.CHARGE_COLD}


@EVERY_ROW
def test_the_only_sensor_of_a_bank_may_die_for_good(code: ReasonCode, bad_c: float) -> None:
    rig = Rig().start()
    rig.battery.temperatures_c = [bad_c]
    rig.advance(10.0)
    rig.battery.temperatures_c = [None]
    rig.advance(600.0, step=5.0)
    assert code in rig.codes()
    rig.step(Acknowledge())
    rig.advance(10.0)
    assert code not in rig.codes()
    assert rig.allowed == (False, True)
    assert rig.codes() == {ReasonCode.TEMPERATURE_UNREAD}
