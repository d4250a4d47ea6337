"""The evaluator where rows meet: repeats, gates, what is released only by what was read."""

from __future__ import annotations

import pytest

from smallbms.changes import Acknowledge, SetMode, SetSoc, Synchronise
from smallbms.model import Event
from smallbms.settings import Settings
from smallbms.words import EventKind, Fault, Mode, ReasonCode

from .bench_battery import Rig
from .cases import NOTHING, Act, amps, pins, shows, wants


def tripped_low(rig: Rig) -> None:
    rig.battery.cells_v[0] = 2.75
    rig.advance(31.0)
    assert not rig.decision.allow_to_discharge


def released_low(rig: Rig) -> None:
    rig.battery.cells_v[0] = 3.30
    rig.advance(60.5)


# --- low cell ------------------------------------------------------------------------------------------------------


def test_a_load_that_sags_a_cell_8_s_of_every_10_trips_in_the_end() -> None:
    rig = Rig().start()
    for _ in range(6):
        rig.battery.cells_v[0] = 2.79
        rig.advance(8.0)
        rig.battery.cells_v[0] = 3.12
        rig.advance(2.0)
    assert rig.codes() == {ReasonCode.LOW_CELL}


def test_a_load_that_sags_a_cell_for_2_s_of_every_10_does_not_trip() -> None:
    rig = Rig().start()
    for _ in range(30):
        rig.battery.cells_v[0] = 2.79
        rig.advance(2.0)
        rig.battery.cells_v[0] = 3.12
        rig.advance(8.0)
        assert rig.decision.allow_to_discharge


def test_with_atd_off_a_low_cell_needs_no_pre_alarm_before_it() -> None:
    rig = Rig().start()
    pins(remote_on=False)(rig)
    rig.advance(1.0)
    rig.battery.cells_v[0] = 2.79
    rig.advance(10.0)
    assert ReasonCode.LOW_CELL not in rig.codes()
    rig.advance(0.5)
    assert ReasonCode.LOW_CELL in rig.codes()
    assert not rig.decision.pre_alarm


def charge_one_percent(rig: Rig) -> None:
    rig.battery.current_a = 41.0
    rig.advance(90.0)  # 1 Ah of 100 Ah
    rig.battery.current_a = 0.0
    rig.advance(0.5)


def acknowledge(rig: Rig) -> None:
    rig.step(Acknowledge())


def mode_on(rig: Rig) -> None:
    rig.step(SetMode(mode=Mode.ON))


def charge_less(rig: Rig) -> None:
    rig.battery.current_a = 39.0
    rig.advance(90.0)
    rig.battery.current_a = 0.0
    rig.advance(0.5)


@pytest.mark.parametrize(("cure", "cures"), [
    (NOTHING, False), (charge_less, False), (charge_one_percent, True), (acknowledge, True), (mode_on, True),
])  # fmt: skip
def test_the_third_low_cell_within_an_hour_waits_for_one_of_three_cures(cure: Act, cures: bool) -> None:
    rig = Rig().start()
    for _ in range(2):
        tripped_low(rig)
        released_low(rig)
        assert rig.decision.allow_to_discharge
    tripped_low(rig)
    assert (
        "the third time in an hour, 1 % charged, an acknowledgement or mode On" in rig.reason(ReasonCode.LOW_CELL).text
    )
    released_low(rig)
    rig.advance(3600.0, step=5.0)
    assert not rig.decision.allow_to_discharge
    cure(rig)
    rig.advance(1.0)
    assert rig.decision.allow_to_discharge is cures


def test_a_third_low_cell_after_more_than_an_hour_releases_by_itself() -> None:
    rig = Rig().start()
    for rest_s in (100.0, 3500.0, 0.0):
        tripped_low(rig)
        released_low(rig)
        assert rig.decision.allow_to_discharge
        rig.advance(rest_s, step=2.0)


def test_mode_off_and_on_again_is_no_cure_without_the_mode_being_written() -> None:
    rig = Rig().start()
    for _ in range(2):
        tripped_low(rig)
        released_low(rig)
    tripped_low(rig)
    released_low(rig)
    rig.step(SetMode(mode=Mode.OFF))
    rig.advance(5.0)
    assert not rig.decision.allow_to_discharge


@pytest.mark.parametrize("cell_v", [2.80, 2.2])
def test_a_cell_that_is_low_at_the_start_never_gets_discharging_allowed(cell_v: float) -> None:
    rig = Rig()
    rig.battery.cells_v[1] = cell_v
    for _ in range(200):
        rig.step()
        assert not rig.decision.allow_to_discharge
        assert not rig.outputs.atd
        rig.now_s += 0.5
    assert rig.codes() == {ReasonCode.LOW_CELL}
    assert rig.decision.allow_to_charge


HIGH, COLD = shows(cells_v=[3.3, 3.3, 3.3, 3.76]), shows(temperatures_c=[-1.0])


@pytest.mark.parametrize("state", [HIGH, COLD])
def test_what_forbids_charging_at_the_start_never_gets_it_allowed(state: Act) -> None:
    rig = Rig()
    state(rig)
    for _ in range(30):
        rig.step()
        assert not rig.decision.allow_to_charge
        rig.now_s += 0.5
    assert rig.decision.allow_to_discharge


def test_a_lost_battery_that_comes_back_low_never_gets_discharging_allowed() -> None:
    rig = Rig(2).start()
    rig.unplug(2)
    rig.advance(60.0)
    rig.batteries[2].answers = True
    rig.batteries[2].set_cells(2.7)
    for _ in range(160):
        rig.advance(0.5)
        assert not rig.decision.allow_to_discharge
    assert rig.codes() == {ReasonCode.LOW_CELL}


def test_a_low_battery_that_replaces_another_never_gets_discharging_allowed() -> None:
    rig = Rig(2).start()
    rig.batteries[2].key = "a new one"
    rig.advance(5.0)
    assert rig.codes() == {ReasonCode.BANK_ERROR}
    rig.batteries[2].set_cells(2.7)
    rig.now_s += 0.5
    rig.step(Acknowledge())
    assert rig.codes() == {ReasonCode.LOW_CELL}


# --- what was not read releases nothing ----------------------------------------------------------------------------


@pytest.mark.parametrize(("breach", "between", "code"), [
    (shows(cell_v=3.76), shows(cell_v=3.65), ReasonCode.HIGH_CELL),
    (shows(cell_v=2.79), shows(cell_v=3.10), ReasonCode.LOW_CELL),
    (shows(temperatures_c=[4.0]), shows(temperatures_c=[6.0]), ReasonCode.CHARGE_COLD),
    (shows(temperatures_c=[51.0]), shows(temperatures_c=[49.0]), ReasonCode.CHARGE_HOT),
    (amps(150.0), amps(0.0), ReasonCode.OVER_CURRENT),
    (shows(charge_switch_on=False), NOTHING, ReasonCode.BATTERY_BLOCK),
    (shows(temperatures_c=[]), NOTHING, ReasonCode.TEMPERATURE_UNREAD),
])  # fmt: skip
def test_a_trip_outlasts_the_loss_of_its_battery(breach: Act, between: Act, code: ReasonCode) -> None:
    pair = Rig(2).start()
    breach_only_first(pair, breach)
    pair.advance(31.0)
    assert code in pair.codes()
    pair.unplug(1)
    pair.advance(200.0)
    assert code in pair.codes()
    breach_only_first(pair, between)
    pair.battery.answers = True
    pair.advance(6.0)
    assert code in pair.codes()


def breach_only_first(rig: Rig, act: Act) -> None:
    """Give the act a bench of the first battery alone."""
    others = {n: b for n, b in rig.batteries.items() if n > 1}
    rig.batteries = {1: rig.batteries[1]}
    act(rig)
    rig.batteries |= others


@pytest.mark.parametrize(("breach_v", "heal_v", "code"), [
    (3.76, 3.30, ReasonCode.HIGH_CELL), (2.79, 3.30, ReasonCode.LOW_CELL)
])  # fmt: skip
def test_a_cell_that_is_not_read_for_a_moment_breaks_the_wait_for_the_release(
    breach_v: float, heal_v: float, code: ReasonCode
) -> None:
    rig = Rig().start()
    rig.battery.set_cells(breach_v)
    rig.advance(31.0)
    assert code in rig.codes()
    rig.battery.set_cells(heal_v)
    rig.advance(9.0)
    rig.battery.cells_v[0], rig.battery.voltage_v = None, heal_v * 4
    rig.advance(1.0)
    rig.battery.cells_v[0] = heal_v
    rig.advance(5.0)
    assert code in rig.codes()


# --- high cell -----------------------------------------------------------------------------------------------------


def test_a_high_reading_is_asked_for_again_at_once_and_an_answer_below_clears_it() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 3.80
    decision = rig.advance(0.5)
    assert decision.allow_to_charge
    assert decision.urgent_cells == {1}
    assert decision.wake_at_s <= rig.now_s + 0.5
    rig.battery.cells_v[0] = 3.70
    decision = rig.advance(0.1)
    assert decision.urgent_cells == frozenset()
    assert rig.advance(5.0).allow_to_charge


def test_a_second_high_reading_trips_as_soon_as_it_comes() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 3.80
    assert rig.advance(0.5).allow_to_charge
    assert not rig.advance(0.1).allow_to_charge


def test_without_a_second_reading_a_high_cell_trips_1_s_after_the_first() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 3.80
    rig.advance(0.5)
    rig.battery.answers = False
    assert rig.advance(0.9, step=0.1).allow_to_charge
    assert rig.decision.wake_at_s == pytest.approx(rig.now_s + 0.1)
    assert not rig.advance(0.1).allow_to_charge


def test_a_high_cell_of_one_battery_waits_for_the_cells_of_all() -> None:
    rig = Rig(2).start()
    rig.battery.cells_v[0] = 3.80
    rig.advance(1.0)
    rig.battery.cells_v[0] = 3.30
    rig.batteries[2].cells_v[0] = 3.70
    rig.advance(60.0)
    assert rig.reason(ReasonCode.HIGH_CELL).battery == 1
    rig.batteries[2].cells_v[0] = 3.59
    rig.advance(10.5)
    assert rig.allowed == (True, True)


# --- over-current --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("current_a", "tripped_after_2"), [
    (200.1, True), (200.0, False), (-200.1, True), (-200.0, False)
])  # fmt: skip
def test_two_readings_above_the_10_s_limit_trip(current_a: float, tripped_after_2: bool) -> None:
    rig = Rig().start()
    rig.battery.current_a = current_a
    rig.advance(0.5)
    assert rig.allowed == (True, True)
    rig.step(read=False)
    assert rig.allowed == (True, True)
    rig.advance(0.5)
    assert (rig.codes() == {ReasonCode.OVER_CURRENT}) is tripped_after_2


def test_over_current_is_judged_per_battery_not_for_the_bank() -> None:
    rig = Rig(2).start()
    rig.each(current_a=-90.0)
    rig.advance(60.0)
    assert rig.allowed == (True, True)
    rig.batteries[1].current_a, rig.batteries[2].current_a = -20.0, -120.0
    rig.advance(11.0)
    assert rig.reason(ReasonCode.OVER_CURRENT).battery == 2
    assert rig.allowed == (True, False)


def over_current_once(rig: Rig) -> None:
    rig.battery.current_a = 250.0
    rig.advance(1.0)
    rig.battery.current_a = 0.0


def test_the_third_over_current_within_15_min_holds_for_15_min() -> None:
    rig = Rig().start()
    for _ in range(2):
        over_current_once(rig)
        assert not rig.decision.allow_to_charge
        rig.advance(61.0)
        assert rig.decision.allow_to_charge
    over_current_once(rig)
    assert "the third time, 15 min from the trip" in rig.reason(ReasonCode.OVER_CURRENT).text
    rig.advance(899.5)
    assert not rig.decision.allow_to_charge
    rig.advance(0.5)
    assert rig.decision.allow_to_charge


def test_three_over_currents_within_more_than_15_min_hold_for_60_s() -> None:
    rig = Rig().start()
    for _ in range(4):
        over_current_once(rig)
        rig.advance(460.0)
        assert rig.decision.allow_to_charge


# --- lost battery --------------------------------------------------------------------------------------------------


def lose(rig: Rig) -> None:
    rig.battery.answers = False
    rig.advance(9.5)
    assert rig.codes() == {ReasonCode.LOST_BATTERY}
    rig.battery.answers = True


def test_the_third_loss_within_15_min_waits_for_60_s_of_good_readings() -> None:
    rig = Rig().start()
    for _ in range(2):
        lose(rig)
        rig.advance(5.5)
        assert rig.allowed == (True, True)
    lose(rig)
    assert "60 s of good data" in rig.reason(ReasonCode.LOST_BATTERY).text
    rig.advance(60.0)
    assert rig.allowed == (False, False)
    rig.advance(0.5)
    assert rig.allowed == (True, True)


def test_a_pause_of_a_line_breaks_the_row_of_good_readings() -> None:
    rig = Rig().start()
    lose(rig)
    rig.advance(0.5)
    rig.battery.answers = False
    rig.advance(6.0)
    rig.battery.answers = True
    rig.advance(5.0)
    assert rig.allowed == (False, False)
    rig.advance(0.5)
    assert rig.allowed == (True, True)


# --- the floor -----------------------------------------------------------------------------------------------------


def at_the_floor() -> Rig:
    rig = Rig(soc_pct=20.0).start()
    rig.settings = Settings(discharge_floor_pct=20, low_soc_warning_pct=30)
    rig.advance(0.5)
    assert rig.codes() == {ReasonCode.FLOOR}
    assert rig.decision.allow_to_charge
    return rig


def test_the_floor_releases_3_percent_above_it() -> None:
    rig = at_the_floor()
    rig.battery.current_a = 100.0
    rig.advance(108.0)
    assert rig.codes() == {ReasonCode.FLOOR}
    rig.advance(1.5)
    assert rig.codes() == set()
    assert rig.decision.soc_pct == pytest.approx(23.0, abs=0.05)


@pytest.mark.parametrize(("floor_pct", "is_released"), [(21, False), (20, False), (19, True), (0, True)])
def test_a_lowered_floor_is_judged_at_once(floor_pct: int, is_released: bool) -> None:
    rig = at_the_floor()
    wants(discharge_floor_pct=floor_pct)(rig)
    rig.step()
    assert rig.decision.allow_to_discharge is is_released


def test_a_floor_raised_over_the_soc_and_lowered_again_releases() -> None:
    rig = at_the_floor()
    wants(discharge_floor_pct=25)(rig)
    rig.advance(1.0)
    rig.step(SetSoc(soc_pct=24.0))
    assert not rig.decision.allow_to_discharge
    wants(discharge_floor_pct=22)(rig)
    rig.step()
    assert rig.decision.allow_to_discharge


@pytest.mark.parametrize(("soc_pct", "is_released"), [(20.0, False), (5.0, False), (20.1, True), (100.0, True)])
def test_an_soc_set_by_hand_is_judged_at_once(soc_pct: float, is_released: bool) -> None:
    rig = at_the_floor()
    rig.step(SetSoc(soc_pct=soc_pct))
    assert rig.decision.allow_to_discharge is is_released


def test_a_synchronisation_releases_the_floor_at_once() -> None:
    rig = at_the_floor()
    rig.step(Synchronise())
    assert rig.allowed == (True, True)


def test_an_unknown_soc_does_not_block() -> None:
    rig = Rig(soc_pct=None).start()
    wants(low_soc_warning_pct=99, discharge_floor_pct=90)(rig)
    rig.advance(5.0)
    assert rig.allowed == (True, True)


# --- battery_block -------------------------------------------------------------------------------------------------

CHARGE = {Fault.CELL_HIGH, Fault.PACK_HIGH, Fault.CHARGE_HOT, Fault.CHARGE_COLD, Fault.CHARGE_OVER_CURRENT,
          Fault.CHARGE_TIMEOUT}  # fmt: skip
DISCHARGE = {Fault.CELL_LOW, Fault.PACK_LOW, Fault.DISCHARGE_HOT, Fault.DISCHARGE_COLD, Fault.DISCHARGE_OVER_CURRENT}
NEITHER = {Fault.CELL_IMBALANCE}


@pytest.mark.parametrize("fault", list(Fault))
def test_a_protection_of_the_battery_blocks_its_direction(fault: Fault) -> None:
    rig = Rig().start()
    rig.battery.faults = {fault}
    rig.advance(0.5)
    assert rig.allowed == (True, True)
    rig.advance(0.5)
    assert rig.allowed == (
        fault not in (set(Fault) - DISCHARGE - NEITHER),
        fault not in (set(Fault) - CHARGE - NEITHER),
    )


def test_a_block_that_has_just_ended_is_not_said_to_hold() -> None:
    rig = Rig().start()
    rig.battery.faults = {Fault.CHARGE_COLD}
    rig.advance(1.0)
    assert "too cold to charge" in rig.reason(ReasonCode.BATTERY_BLOCK).text
    rig.battery.faults = set()
    rig.advance(1.0)
    assert "its report has just ended" in rig.reason(ReasonCode.BATTERY_BLOCK).text


# --- pins ----------------------------------------------------------------------------------------------------------


def test_a_pin_that_stays_wrong_is_not_cured_by_an_acknowledgement() -> None:
    rig = Rig().start()
    rig.stuck = {"atc": True}
    rig.advance(1.0)
    rig.settings = Settings(mode=Mode.OFF)
    rig.advance(2.0)
    rig.step(Acknowledge())
    rig.advance(1.0)
    assert ReasonCode.OUTPUT_FAULT_CHARGE in rig.codes()


def test_a_pin_that_cannot_be_read_counts_as_wrong() -> None:
    rig = Rig().start()
    rig.stuck = {"atd": None}
    rig.advance(1.0)
    assert rig.codes() == {ReasonCode.OUTPUT_FAULT_LOAD}
    assert rig.allowed == (True, False)


def test_one_wrong_read_back_is_no_fault() -> None:
    rig = Rig().start()
    for _ in range(20):
        rig.stuck = {"atc": False}
        rig.advance(0.5)
        rig.stuck = {}
        rig.advance(0.5)
        assert rig.allowed == (True, True)


def test_an_event_that_says_a_reason_is_over_does_not_say_that_it_holds() -> None:
    rig = Rig().start()
    rig.settings = Settings(mode=Mode.OFF)
    rig.advance(1.0)
    rig.settings = Settings()
    rig.advance(0.5)
    (event,) = [event for event in rig.events if event.kind is EventKind.RELEASE and event.code == "mode_off"]
    assert isinstance(event, Event)
    assert event.text == "mode_off is over"
