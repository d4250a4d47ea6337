"""The evaluator where rows meet: at the start, and while something is not read."""

from __future__ import annotations

import pytest

from smallbms.batteries import custom_model
from smallbms.changes import Acknowledge
from smallbms.model import Event
from smallbms.settings import Settings
from smallbms.words import EventKind, Fault, Mode, ReasonCode

from .bench_battery import Rig
from .cases import NOTHING, Act, amps, shows

# --- the start --------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("state", "allowed"), [
    (shows(temperatures_c=[51.0]), (False, False)), (shows(temperatures_c=[-21.0]), (False, False)),
    (shows(temperatures_c=[None]), (False, True)), (shows(charge_switch_on=False), (False, True)),
    (shows(discharge_switch_on=False), (True, False)), (shows(faults={Fault.SHORT_CIRCUIT}), (False, False)),
])  # fmt: skip
def test_what_is_wrong_at_the_start_is_so_from_the_first_reading_on(state: Act, allowed: tuple[bool, bool]) -> None:
    rig = Rig()
    state(rig)
    rig.step()
    assert rig.allowed == allowed, rig.texts()
    rig.advance(15.0)
    assert rig.allowed == allowed, rig.texts()


def test_two_batteries_are_two_reasons() -> None:
    rig = Rig(2).start()
    rig.each(current_a=-110.0, charge_switch_on=False)
    rig.advance(11.0)
    for code in (ReasonCode.OVER_CURRENT, ReasonCode.BATTERY_BLOCK):
        assert [reason.battery for reason in rig.reasons(code)] == [1, 2]


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


# --- over_current --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("current_a", "after_s", "trips"), [
    (49.0, 30.0, False), (51.0, 10.5, True), (74.0, 1.5, False), (76.0, 1.5, True),
    (-149.0, 30.0, False), (-151.0, 10.5, True), (-224.0, 1.5, False), (-226.0, 1.5, True),
])  # fmt: skip
def test_each_direction_has_its_own_currents(current_a: float, after_s: float, trips: bool) -> None:
    own = custom_model(
        "one way", cells=4, capacity_ah=100, continuous_charge_a=50, peak_charge_a=75, continuous_discharge_a=150,
        peak_discharge_a=225,
    )  # fmt: skip
    rig = Rig(battery_model=own).start()
    rig.battery.current_a = current_a
    rig.advance(after_s)
    assert (ReasonCode.OVER_CURRENT in rig.codes()) is trips


# --- battery_block -------------------------------------------------------------------------------------------------

CHARGE = {Fault.CELL_HIGH, Fault.PACK_HIGH, Fault.CHARGE_HOT, Fault.CHARGE_COLD, Fault.CHARGE_OVER_CURRENT,
          Fault.CHARGE_TIMEOUT}  # fmt: skip
DISCHARGE = {Fault.CELL_LOW, Fault.PACK_LOW, Fault.DISCHARGE_HOT, Fault.DISCHARGE_COLD, Fault.DISCHARGE_OVER_CURRENT}
NEITHER = {Fault.CELL_IMBALANCE, Fault.UNNAMED}


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


def test_an_extreme_that_is_not_read_for_a_moment_breaks_the_wait_for_the_release() -> None:
    rig = Rig(2)
    rig.each(cells_v=[], cell_min_v=3.3, cell_max_v=3.3, voltage_v=13.2)
    rig.start()
    rig.battery.cell_max_v = 3.76
    rig.advance(1.0)
    rig.battery.cell_max_v = 3.3
    rig.advance(9.0)
    rig.battery.cell_max_v = None
    rig.advance(1.0)
    rig.battery.cell_max_v = 3.3
    rig.advance(5.0)
    assert rig.codes() == {ReasonCode.HIGH_CELL}
