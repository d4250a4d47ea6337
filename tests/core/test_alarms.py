"""Every row of the table of alarms: both levels, and 10 s until one is over."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from smallbms.changes import SetSoc
from smallbms.core.alarms import FAULT_ALARMS, ROWS
from smallbms.words import AlarmCode, AlarmLevel, Fault, Led, UpdatePhase

from .bench_battery import Rig
from .cases import NOTHING, Act, amps, cell, faults, pins, sensor, shows, stuck

OK, WARNING, ALARM = AlarmLevel.OK, AlarmLevel.WARNING, AlarmLevel.ALARM


@dataclass(frozen=True, kw_only=True)
class Case:
    """`short` gives no warning yet; None: the row has no such level."""

    code: AlarmCode
    short: Act = NOTHING
    warning: Act | None = None
    alarm: Act | None = None
    after_s: float = 0.5
    heal: Act = NOTHING


def soc(soc_pct: float) -> Act:
    def act(rig: Rig) -> None:
        rig.step(SetSoc(soc_pct=soc_pct))

    return act


def charged(spread_v: float) -> Act:
    def act(rig: Rig) -> None:
        rig.each(cell_v=3.47, current_a=1.0)
        rig.battery.cells_v[0] = 3.47 + spread_v
        rig.advance(250.0, step=1.0)

    return act


def no_store(rig: Rig) -> None:
    rig.store_ok = False


def store(rig: Rig) -> None:
    rig.store_ok = True


# fmt: off
CASES = (
    Case(code=AlarmCode.LOW_SOC, short=soc(15.1), warning=soc(15.0), alarm=soc(10.0), heal=soc(50.0)),
    Case(code=AlarmCode.LOW_CELL_VOLTAGE, short=cell(3.101), warning=cell(3.10), alarm=cell(2.80), after_s=31.0),
    Case(code=AlarmCode.HIGH_CELL_VOLTAGE, short=cell(3.649), warning=cell(3.65), alarm=cell(3.75), after_s=1.0),
    Case(code=AlarmCode.LOW_VOLTAGE, short=shows(cell_v=2.801), warning=shows(cell_v=2.799),
         alarm=shows(cell_v=2.659)),
    Case(code=AlarmCode.HIGH_VOLTAGE, short=shows(cell_v=3.620), warning=shows(cell_v=3.6215),
         alarm=shows(cell_v=3.728)),
    Case(code=AlarmCode.LOW_TEMPERATURE, short=sensor(-18.0), warning=sensor(-18.1), alarm=sensor(-20.1), after_s=6.0),
    Case(code=AlarmCode.HIGH_TEMPERATURE, short=sensor(48.0), warning=sensor(48.1), alarm=sensor(50.1), after_s=6.0),
    Case(code=AlarmCode.LOW_CHARGE_TEMPERATURE, short=sensor(7.0), warning=sensor(6.9), alarm=sensor(4.9),
         after_s=6.0),
    Case(code=AlarmCode.HIGH_CHARGE_TEMPERATURE, short=sensor(48.0), warning=sensor(48.1), alarm=sensor(50.1),
         after_s=6.0),
    Case(code=AlarmCode.HIGH_CHARGE_CURRENT, short=amps(100.0), warning=amps(100.1), alarm=amps(200.1), after_s=1.0),
    Case(code=AlarmCode.HIGH_DISCHARGE_CURRENT, short=amps(-100.0), warning=amps(-100.1), alarm=amps(-200.1),
         after_s=1.0),
    Case(code=AlarmCode.CELL_IMBALANCE, short=charged(0.049), warning=charged(0.051), alarm=charged(0.201),
         heal=charged(0.0)),
    Case(code=AlarmCode.BMS_CABLE, warning=shows(answers=False), after_s=3.0, heal=shows(answers=True)),
    Case(code=AlarmCode.BMS_CABLE, alarm=shows(answers=False), after_s=9.0, heal=shows(answers=True)),
    Case(code=AlarmCode.INTERNAL_FAILURE, warning=no_store, alarm=pins(reachable=False), heal=store),
    Case(code=AlarmCode.INTERNAL_FAILURE, warning=pins(lamp_fault=True), alarm=stuck(atd=False), after_s=1.0),
    Case(code=AlarmCode.INTERNAL_FAILURE, warning=stuck(pre_alarm=True), heal=stuck()),
    Case(code=AlarmCode.FIRMWARE_UPDATE_FAILURE, short=pins(update=UpdatePhase.RUNNING),
         alarm=pins(update=UpdatePhase.FAILED)),
    Case(code=AlarmCode.BATTERY_TEMPERATURE_SENSOR, warning=shows(temperatures_c=[None, 25.0]), alarm=sensor(None),
         after_s=2.0, heal=sensor(25.0)),
    Case(code=AlarmCode.STATE_OF_HEALTH, short=shows(soh_pct=70.0), warning=shows(soh_pct=69.9),
         heal=shows(soh_pct=None)),
)
# fmt: on
EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)


def level(rig: Rig, case: Case) -> AlarmLevel:
    return rig.alarm(case.code)


def test_every_alarm_has_its_row_and_its_case_with_every_level() -> None:
    assert [row.code for row in ROWS] == list(dict.fromkeys(row.code for row in ROWS))
    assert {row.code for row in ROWS} == set(AlarmCode)
    for row in ROWS:
        own = [case for case in CASES if case.code is row.code]
        assert any(case.warning for case in own) == (row.warning is not None)
        assert any(case.alarm for case in own) == (row.alarm is not None or bool(row.reasons))


@EVERY_CASE
def test_just_short_of_it_there_is_none(case: Case) -> None:
    rig = Rig().start()
    case.short(rig)
    rig.advance(case.after_s)
    assert level(rig, case) is OK


@EVERY_CASE
def test_its_levels(case: Case) -> None:
    for act, expected in ((case.warning, WARNING), (case.alarm, ALARM)):
        if act is not None:
            rig = Rig().start()
            act(rig)
            rig.advance(case.after_s)
            assert level(rig, case) is expected
            event = next(e for e in rig.events if e.code == case.code and e.value == float(expected))
            assert event.text == f"{case.code} {'warning' if expected is WARNING else 'alarm'}"
            assert rig.decision.red_led is not Led.OFF


@pytest.mark.parametrize("case", [case for case in CASES if case.heal is not NOTHING], ids=lambda case: case.code)
def test_it_is_over_10_s_after_its_cause(case: Case) -> None:
    rig = Rig().start()
    act = case.warning or case.alarm
    assert act is not None
    act(rig)
    rig.advance(case.after_s)
    before = level(rig, case)
    assert before is not OK
    case.heal(rig)
    rig.advance(9.5)
    assert level(rig, case) in (before, OK)
    rig.advance(20.0)
    assert level(rig, case) is OK


def test_a_level_clears_exactly_10_s_below_it_and_a_relapse_starts_anew() -> None:
    rig = Rig().start()
    seen = []
    for cell_v, seconds in ((3.65, 0.5), (3.64, 10.0), (3.65, 0.5), (3.64, 10.0), (3.64, 0.5)):
        rig.battery.cells_v[0] = cell_v
        rig.advance(seconds)
        seen.append(rig.alarm(AlarmCode.HIGH_CELL_VOLTAGE))
    assert seen == [WARNING, WARNING, WARNING, WARNING, OK]


def test_an_alarm_steps_down_to_a_warning_first() -> None:
    rig = Rig().start()
    rig.step(SetSoc(soc_pct=9.0))
    rig.step(SetSoc(soc_pct=14.0))
    rig.advance(9.5)
    assert rig.alarm(AlarmCode.LOW_SOC) is ALARM
    rig.advance(0.5)
    levels = [rig.alarm(AlarmCode.LOW_SOC)]
    assert levels == [WARNING]


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("unread", ["nothing", "current_a", "voltage_v"])
def test_every_protection_of_a_battery_reaches_an_alarm(fault: Fault, unread: str) -> None:
    rig = Rig(2).start()
    rig.batteries[2].faults = {fault}
    if unread != "nothing":
        setattr(rig.batteries[2], unread, -1e9)
        rig.advance(15.0)
    rig.advance(0.5)
    assert rig.alarm(FAULT_ALARMS[fault]) is ALARM
    assert rig.decision.red_led is Led.ON


def test_what_a_silent_battery_once_reported_is_no_alarm_for_ever() -> None:
    rig = Rig(2).start()
    faults(Fault.PACK_HIGH)(rig)
    rig.batteries[1].faults = set()
    rig.advance(0.5)
    rig.batteries[2].answers = False
    rig.advance(20.0)
    assert rig.alarm(AlarmCode.HIGH_VOLTAGE) is OK


@pytest.mark.parametrize("act", [shows(charge_switch_on=False), shows(discharge_switch_on=False)])
def test_an_open_switch_alone_is_a_no_without_an_alarm(act: Act) -> None:
    rig = Rig().start()
    act(rig)
    rig.advance(30.0)
    assert rig.allowed != (True, True)
    assert set(rig.decision.alarms.values()) == {OK}


def test_a_warning_that_comes_again_lasts_its_10_s_anew() -> None:
    rig = Rig().start()
    for voltage_v, seconds in ((3.66, 1.0), (3.5, 6.0), (3.66, 1.0), (3.5, 9.5)):
        rig.battery.cells_v[0] = voltage_v
        rig.advance(seconds)
    assert rig.alarm(AlarmCode.HIGH_CELL_VOLTAGE) is WARNING
    rig.advance(1.0)
    assert rig.alarm(AlarmCode.HIGH_CELL_VOLTAGE) is OK


def test_one_battery_of_two_is_enough() -> None:
    rig = Rig(2).start()
    rig.batteries[2].temperatures_c = [25.0, None]
    rig.batteries[2].soh_pct = 69.0
    rig.advance(0.5)
    assert rig.alarm(AlarmCode.BATTERY_TEMPERATURE_SENSOR) is WARNING
    assert rig.alarm(AlarmCode.STATE_OF_HEALTH) is WARNING


def test_a_trip_of_one_battery_is_an_alarm_while_another_has_only_had_one() -> None:
    rig = Rig(2).start()
    for number, current_a in ((2, 250.0), (2, 0.0), (1, 250.0)):
        rig.batteries[number].current_a = current_a
        rig.advance(75.0)
    assert rig.alarm(AlarmCode.HIGH_CHARGE_CURRENT) is ALARM


def test_a_battery_that_was_never_read_is_no_cable_that_came_off() -> None:
    rig = Rig(2)
    rig.unplug(2)
    rig.step()
    rig.advance(10.0)
    assert rig.alarm(AlarmCode.BMS_CABLE) is OK


def test_a_voltage_that_is_not_read_is_neither_low_nor_high() -> None:
    rig = Rig().start()
    rig.unplug(1)
    rig.advance(30.0)
    assert rig.decision.bank.voltage_v is None
    assert (rig.alarm(AlarmCode.LOW_VOLTAGE), rig.alarm(AlarmCode.HIGH_VOLTAGE)) == (OK, OK)


@pytest.mark.parametrize(("fault", "code"), FAULT_ALARMS.items())
def test_what_a_battery_warns_of_is_a_warning_and_takes_nothing_away(fault: Fault, code: AlarmCode) -> None:
    rig = Rig(2).start()
    rig.batteries[2].warnings = {fault}
    rig.advance(2.0)
    assert rig.decision.alarms[code] is WARNING
    assert rig.allowed == (True, True)
    rig.batteries[2].faults = {fault}
    rig.advance(0.5)
    assert rig.decision.alarms[code] is ALARM
    rig.batteries[2].faults, rig.batteries[2].warnings = set(), set()
    rig.advance(11.0)
    assert rig.decision.alarms[code] is OK
