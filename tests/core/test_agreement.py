"""What the interlock takes away everyone is told: where, what, since when; and the log keeps its begin and its end."""

from __future__ import annotations

import json
from math import inf

import pytest

from smallbms.core.agreement import agreed
from smallbms.core.interlock import interlock
from smallbms.model import Event, Measurement, Reason
from smallbms.words import Direction, EventKind, ReasonCode

from .bench_battery import Rig


def of_interlock(rig: Rig) -> list[Reason]:
    return [reason for reason in rig.told.reasons if reason.text.startswith("the interlock: ")]


def logged(rig: Rig) -> list[Event]:
    return [event for event in rig.events if event.text.startswith("the interlock: ")]


def shows(rig: Rig, cell_v: float) -> None:
    """A cell that the table of reasons does not believe, so that only the interlock acts."""
    rig.batteries[2].cells_v[2] = cell_v
    rig.batteries[2].voltage_v = 13.2


def test_a_cell_too_high_to_be_believed_ends_charging_by_name_from_the_first_step_on() -> None:
    rig = Rig(2).start()
    shows(rig, 65.535)
    rig.advance(0.5)
    began_s = rig.now_s
    for _ in range(3):
        (reason,) = of_interlock(rig)
        assert (reason.code, reason.blocks, reason.since_s) == (ReasonCode.HIGH_CELL, Direction.CHARGE, began_s)
        assert (reason.battery, reason.cell, reason.value, reason.limit) == (2, 3, 65.535, pytest.approx(3.85))
        assert reason.text == (
            "the interlock: battery 2 cell 3 reads 65.535 V, no charging from 3.85 V on; back: it reads less"
        )
        assert (rig.told.allow_to_charge, rig.told.allow_to_discharge, rig.told.ccl_a) == (False, True, 0.0)
        rig.advance(0.5)


def test_its_begin_and_its_end_are_in_the_log_once_with_what_was_measured() -> None:
    rig = Rig(2).start()
    shows(rig, 65.535)
    rig.advance(1.5)
    shows(rig, 3.3)
    rig.advance(1.0)
    assert of_interlock(rig) == [] and rig.told.allow_to_charge
    begin, end = logged(rig)
    assert (begin.kind, begin.code, begin.battery, begin.cell) == (EventKind.TRIP, ReasonCode.HIGH_CELL, 2, 3)
    assert (end.kind, end.text) == (EventKind.RELEASE, "the interlock: high_cell is over")
    assert begin.measured["voltage_v"] == 13.2


def test_a_cell_at_the_cut_off_that_is_not_believed_ends_discharging_at_its_second_reading() -> None:
    rig = Rig(2).start()
    shows(rig, 0.0)
    rig.advance(0.5)
    assert rig.told.allow_to_discharge and not of_interlock(rig)
    rig.advance(0.5)
    (reason,) = of_interlock(rig)
    assert (reason.code, reason.blocks, reason.battery, reason.cell) == (
        ReasonCode.LOW_CELL, Direction.DISCHARGE, 2, 3,
    )  # fmt: skip
    assert "reads 0.000 V, no discharging at 2.00 V; back: it reads more" in reason.text
    assert (rig.told.allow_to_charge, rig.told.allow_to_discharge, rig.told.dcl_a) == (True, False, 0.0)
    assert not rig.told.pre_alarm


def test_the_pre_alarm_ends_with_discharging() -> None:
    rig = Rig(2, soc_pct=12.0).start()
    shows(rig, 0.0)
    assert rig.advance(0.5).pre_alarm and rig.told.pre_alarm
    assert rig.advance(0.5).pre_alarm
    assert (rig.told.pre_alarm, rig.outputs.pre_alarm) == (False, False)


def test_what_the_table_has_taken_already_the_interlock_does_not_take_again() -> None:
    rig = Rig(2).start()
    rig.batteries[2].cells_v[2] = 3.80
    rig.advance(1.0)
    rig.batteries[2].cells_v[2] = 3.90
    rig.advance(2.0)
    assert rig.codes() == {ReasonCode.HIGH_CELL}
    assert rig.told is rig.decision and not logged(rig)


def test_it_stays_told_beside_the_table_until_it_is_over() -> None:
    rig = Rig(2).start()
    rig.batteries[2].cells_v[2] = 3.90  # at once: the table waits for the second reading
    rig.advance(0.5)
    assert len(of_interlock(rig)) == 1 and rig.codes() == set()
    rig.advance(0.5)
    assert len(of_interlock(rig)) == 1 and rig.codes() == {ReasonCode.HIGH_CELL}
    rig.batteries[2].cells_v[2] = 3.80
    rig.advance(0.5)
    assert not of_interlock(rig) and rig.codes() == {ReasonCode.HIGH_CELL}


def test_a_figure_that_no_number_can_tell_is_not_told() -> None:
    rig = Rig(2).start()
    shows(rig, inf)
    rig.advance(0.5)
    (reason,) = of_interlock(rig)
    assert reason.value is None
    json.dumps([event.value for event in rig.events], allow_nan=False)


def test_batteries_not_read_for_10_s_are_told_one_by_one() -> None:
    rig = Rig(2).start()
    yes, limits = rig.decision, rig.decision.bank.thresholds
    outputs, objections = interlock(yes, Measurement(), limits, rig.spec, rig.now_s)
    told, taken = agreed(yes, outputs, objections, (), rig.wall_s)
    assert (told.allow_to_charge, told.allow_to_discharge) == (False, False)
    assert told.reasons == taken
    assert [(reason.code, reason.blocks, reason.battery) for reason in taken] == [
        (ReasonCode.LOST_BATTERY, Direction.BOTH, 1), (ReasonCode.LOST_BATTERY, Direction.BOTH, 2),
    ]  # fmt: skip
