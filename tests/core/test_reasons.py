"""Every row of the table of reasons: when it trips, what it takes, what it says, and when it gives back."""

from __future__ import annotations

import pytest

from smallbms.core.reasons import ROWS, Row
from smallbms.model import Reason
from smallbms.words import Direction, EventKind, ReasonCode

from .bench_battery import STEP_S, Rig
from .cases import CASES, Case

ROW_OF = {row.name: row for row in ROWS}
EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.row)


def own(rig: Rig, row: Row) -> list[Reason]:
    """The reasons of this row, not of another with the same code."""
    return [reason for reason in rig.reasons(row.code) if reason.blocks is row.blocks]


def advance(rig: Rig, case: Case) -> None:
    rig.now_s += STEP_S
    rig.step(*case.asks)


def trip(rig: Rig, case: Case) -> None:
    case.breach(rig)
    rig.advance(case.delay_s + STEP_S)
    assert own(rig, ROW_OF[case.row]), rig.texts()


def test_every_row_has_its_case() -> None:
    assert {case.row for case in CASES} | {"starting"} == set(ROW_OF)
    assert len(ROW_OF) == len(ROWS)


def test_every_code_has_a_row() -> None:
    assert {row.code for row in ROWS} == set(ReasonCode)


@EVERY_CASE
def test_just_short_of_its_limit_it_never_trips(case: Case) -> None:
    rig, row = case.rig(), ROW_OF[case.row]
    case.nearly(rig)
    rig.advance(45.0)
    assert not own(rig, row), rig.texts()


@EVERY_CASE
def test_it_trips_at_its_limit_after_its_delay_and_not_before(case: Case) -> None:
    rig, row = case.rig(), ROW_OF[case.row]
    case.breach(rig)
    for _ in range(round(case.delay_s / STEP_S)):
        rig.advance(STEP_S)
        assert not own(rig, row), rig.texts()
    rig.advance(STEP_S)
    assert len(own(rig, row)) == 1, rig.texts()


@EVERY_CASE
def test_it_takes_its_direction_and_no_other(case: Case) -> None:
    rig, row = case.rig(), ROW_OF[case.row]
    trip(rig, case)
    taken = row.blocks if case.takes is None else case.takes
    assert rig.allowed == (Direction.CHARGE not in taken, Direction.DISCHARGE not in taken)
    assert (rig.outputs.atc, rig.outputs.atd) == rig.allowed


@EVERY_CASE
def test_it_says_where_what_against_which_limit_and_when_it_ends(case: Case) -> None:
    rig, row = case.rig(), ROW_OF[case.row]
    trip(rig, case)
    (reason,) = own(rig, row)
    for words in case.says:
        assert words in reason.text
    assert reason.text.startswith(case.says[0]) and reason.text.endswith(case.says[-1])
    assert (reason.battery, reason.cell, reason.value, reason.limit) == (
        case.battery,
        case.cell,
        case.value,
        case.limit,
    )
    assert reason.since_s == rig.now_s
    event = next(e for e in rig.decision.events if e.kind is EventKind.TRIP and e.text == reason.text)
    assert event.measured["voltage_v"] == rig.decision.bank.voltage_v


@EVERY_CASE
def test_it_releases_when_its_condition_has_been_over_for_its_time(case: Case) -> None:
    rig, row = case.rig(), ROW_OF[case.row]
    trip(rig, case)
    since_s = rig.now_s
    if case.band is not None:
        case.band(rig)
        rig.advance(90.0)
        assert own(rig, row), rig.texts()
    case.heal(rig)
    for _ in range(round(case.release_s / STEP_S)):
        advance(rig, case)
        assert own(rig, row), rig.texts()
        assert own(rig, row)[0].since_s == since_s
    advance(rig, case)
    assert not own(rig, row), rig.texts()
    assert [e.text for e in rig.decision.events if e.kind is EventKind.RELEASE and e.code == row.code]
    rig.advance(12.0)
    assert rig.allowed == (True, True)


@EVERY_CASE
def test_a_breach_while_it_waits_for_its_release_starts_the_wait_anew(case: Case) -> None:
    if case.release_s <= STEP_S:
        assert case.release_s == 0.0
        return
    rig, row = case.rig(), ROW_OF[case.row]
    trip(rig, case)
    case.heal(rig)
    rig.advance(case.release_s)
    case.breach(rig)
    rig.advance(case.delay_s + STEP_S)
    case.heal(rig)
    rig.advance(case.release_s)
    assert own(rig, row), rig.texts()
    rig.advance(STEP_S)
    assert not own(rig, row), rig.texts()


def test_starting_takes_both_until_all_are_read() -> None:
    rig = Rig(2)
    rig.batteries[2].answers = False
    rig.step()
    reason = rig.reason(ReasonCode.STARTING)
    assert rig.allowed == (False, False)
    assert "the batteries have not all been read, or make no bank yet; back: they do, 20 s at most" in reason.text
    rig.advance(10.0)
    rig.batteries[2].answers = True
    rig.advance(STEP_S)
    assert rig.codes() == set()
    assert rig.allowed == (True, True)
