"""Trips that come again, and what then ends them: low cell, over-current, lost battery."""

from __future__ import annotations

import pytest

from smallbms.changes import Acknowledge, SetMode
from smallbms.words import Mode, ReasonCode

from .bench_battery import Rig
from .cases import NOTHING, Act, pins


def tripped_low(rig: Rig) -> None:
    rig.battery.cells_v[0] = 2.75
    rig.advance(31.0)
    assert not rig.decision.allow_to_discharge


def released_low(rig: Rig) -> None:
    rig.battery.cells_v[0] = 3.30
    rig.advance(60.5)


# --- low cell ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sag_s", "trips"), [(8.0, True), (2.0, False)])
def test_a_load_that_sags_a_cell_8_s_of_every_10_trips_in_the_end(sag_s: float, trips: bool) -> None:
    rig = Rig().start()
    for _ in range(9):
        rig.battery.cells_v[0] = 2.79
        rig.advance(sag_s)
        rig.battery.cells_v[0] = 3.12
        rig.advance(10.0 - sag_s)
    assert (rig.codes() == {ReasonCode.LOW_CELL}) is trips


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


def charge_over_a_gap(rig: Rig) -> None:
    """A current at its end says nothing of what flowed in an hour."""
    rig.battery.current_a = 41.0
    rig.advance(3600.0, step=3600.0)
    rig.battery.current_a = 0.0
    rig.advance(0.5)


def charge_less(rig: Rig) -> None:
    rig.battery.current_a = 39.0
    rig.advance(90.0)
    rig.battery.current_a = 0.0
    rig.advance(0.5)


@pytest.mark.parametrize(("cure", "cures"), [
    (NOTHING, False), (charge_less, False), (charge_over_a_gap, False), (charge_one_percent, True),
    (acknowledge, True), (mode_on, True),
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


def test_what_was_charged_after_the_third_low_cell_counts_over_a_restart() -> None:
    rig = Rig().start()
    for _ in range(3):
        rig.battery.set_cells(2.75)
        rig.advance(31.0)
        rig.battery.set_cells(3.3)
        rig.advance(62.0)
    assert rig.codes() == {ReasonCode.LOW_CELL}
    for _ in range(2):
        assert rig.codes() == {ReasonCode.LOW_CELL}
        rig.battery.current_a = 24.0
        rig.advance(90.0)  # 0.6 Ah of 100 Ah
        rig.battery.current_a = 0.0
        rig.restart()
        rig.step()
        rig.advance(62.0)
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


@pytest.mark.parametrize(
    ("off_s", "wall_error_s", "third"), [(0.0, 0.0, True), (7200.0, 0.0, False), (0.0, -7200.0, True)]
)
def test_trips_grow_old_while_nothing_runs(off_s: float, wall_error_s: float, third: bool) -> None:
    rig = Rig().start()
    for _ in range(3):
        rig.restart(off_s=off_s, wall_error_s=wall_error_s)
        rig.step()
        rig.battery.current_a = -250.0
        rig.advance(11.0)
        held = "being the third time" in rig.reason(ReasonCode.OVER_CURRENT).text
        rig.battery.current_a = 0.0
        rig.advance(70.0)
    assert held is third
