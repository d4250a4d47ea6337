"""The rules of the outputs while an update runs: what is held, for how long, and who may end it."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from guarded import ALARM, BOTH, LIMITS, NONE, T_S, beat, commanded, obey, shown, succeeded

from smallbms.outputs import guard as rules
from smallbms.outputs.guard import Guard
from smallbms.outputs.protocol import (
    SAFE,
    Arm,
    Code,
    Command,
    Refused,
    UpdateAcknowledge,
    UpdateBegin,
    UpdateFailed,
    UpdateHealthy,
)
from smallbms.outputs.update import UpdatePhase


@pytest.mark.parametrize(("outputs", "flags"), [(BOTH, {"starting": True}), (NONE, {"starting": True})])
def test_a_version_is_not_healthy_before_it_has_read_its_batteries(outputs: Command, flags: dict[str, bool]) -> None:
    guard = obey(rules.connect(obey(commanded(), UpdateBegin("2"), T_S)), Arm(T_S), T_S)
    guard = obey(guard, beat(1, T_S, outputs, **flags), T_S)
    with pytest.raises(Refused) as refused:
        obey(guard, UpdateHealthy("2"), T_S + 0.1)
    assert refused.value.code is Code.NOT_READY


@pytest.mark.parametrize("begins", [1, 2])
@pytest.mark.parametrize("version", ["1", "2"])
def test_whoever_was_in_control_at_the_last_begin_cannot_end_the_update(begins: int, version: str) -> None:
    guard = commanded()
    for _ in range(begins):
        guard = obey(succeeded(guard, T_S), UpdateBegin("2"), T_S)
    guard = obey(guard, beat(2, T_S + 0.1), T_S + 0.1)
    with pytest.raises(Refused) as refused:
        obey(guard, UpdateHealthy(version), T_S + 0.1)
    assert refused.value.code is Code.REPLACED
    assert shown(guard, T_S + 0.1) == BOTH._replace(atc=False)
    ended = obey(succeeded(guard, T_S + 0.2), UpdateHealthy(version), T_S + 0.2)
    assert ended.update.phase is (UpdatePhase.NONE if version == "2" else UpdatePhase.FAILED)


def test_an_update_begun_with_nobody_in_control_is_ended_by_who_comes() -> None:
    guard = obey(Guard(), UpdateBegin("2"), T_S)
    assert shown(guard, T_S) == SAFE
    assert obey(succeeded(guard, T_S), UpdateHealthy("2"), T_S).update.phase is UpdatePhase.NONE


class Step(NamedTuple):
    """What happens `at_s` after the begin, and what is then shown of ATC and ATD."""

    at_s: float
    does: str
    outputs: Command = NONE
    starting: bool = False
    cell_alarm: bool = False


HOLDS = [
    ("held while nobody is there", BOTH, {}, [Step(0.5, "leaves"), Step(119.9, "-")], (False, True)),
    ("held through silence", BOTH, {}, [Step(60.0, "-")], (False, True)),
    ("off after the time", BOTH, {}, [Step(0.5, "leaves"), Step(120.0, "-")], (False, False)),
    ("off with ATC in a pre-alarm", ALARM, {}, [], (False, False)),
    ("off with ATC in a cell alarm of the last heartbeat", BOTH, {"cell_alarm": True}, [], (False, False)),
    ("not switched on by it", Command(atc=True), {}, [], (False, False)),
    (
        "held though the new one has read nothing",
        BOTH,
        {},
        [Step(9.0, "arms"), Step(9.0, "beats", NONE, True)],
        (False, True),
    ),
    ("a real No is obeyed", BOTH, {}, [Step(9.0, "arms"), Step(9.0, "beats", NONE)], (False, False)),
    (
        "a real No is not taken back",
        BOTH,
        {},
        [Step(9.0, "arms"), Step(9.0, "beats", NONE), Step(9.5, "beats", BOTH)],
        (False, False),
    ),
    (
        "a cell alarm ends the hold",
        BOTH,
        {},
        [Step(9.0, "arms"), Step(9.0, "beats", NONE, True, True)],
        (False, False),
    ),
    ("ATC is not given", BOTH, {}, [Step(9.0, "arms"), Step(9.0, "beats", BOTH)], (False, True)),
    ("a pre-alarm is watched", BOTH, {}, [Step(9.0, "arms"), Step(9.0, "beats", ALARM)], (False, True)),
    (
        "a pre-alarm nobody watches ends the hold",
        BOTH,
        {},
        [Step(9.0, "arms"), Step(9.0, "beats", ALARM), Step(9.5, "leaves")],
        (False, False),
    ),
    ("a retry gives new time", BOTH, {}, [Step(100.0, "begins"), Step(219.0, "-")], (False, True)),
    ("one retry does", BOTH, {}, [Step(100.0, "begins"), Step(200.0, "begins"), Step(220.0, "-")], (False, False)),
    ("expired, a retry gives ATD no more", BOTH, {}, [Step(130.0, "begins"), Step(131.0, "-")], (False, False)),
    (
        "healthy gives both back",
        BOTH,
        {},
        [Step(9.0, "arms"), Step(9.0, "beats", BOTH), Step(9.1, "is healthy")],
        (True, True),
    ),
]


def follow(guard: Guard, steps: list[Step]) -> Guard:
    for number, step in enumerate(steps, start=100):
        now_s = T_S + step.at_s
        match step.does:
            case "leaves":
                guard = rules.disconnect(guard)
            case "arms":
                guard = obey(rules.connect(guard), Arm(now_s), now_s)
            case "beats":
                flags = {"starting": step.starting, "cell_alarm": step.cell_alarm}
                guard = obey(guard, beat(number, now_s, step.outputs, **flags), now_s)
            case "begins":
                guard = obey(guard, UpdateBegin("2"), now_s)
            case "is healthy":
                guard = obey(guard, UpdateHealthy("2"), now_s)
        guard = rules.tick(guard, now_s, LIMITS)
    return guard


@pytest.mark.parametrize(
    ("before", "flags", "steps", "expected"), [row[1:] for row in HOLDS], ids=[row[0] for row in HOLDS]
)
def test_update_rule(before: Command, flags: dict[str, bool], steps: list[Step], expected: tuple[bool, bool]) -> None:
    guard = obey(commanded(before, **flags), UpdateBegin("2"), T_S)
    result = rules.applied(follow(guard, steps), remote=True)
    assert (result.atc, result.atd) == expected


def test_remote_off_and_on_again_during_an_update() -> None:
    guard = rules.disconnect(obey(commanded(), UpdateBegin("2"), T_S))
    assert not shown(guard, T_S + 5, remote=False).atd
    assert shown(guard, T_S + 6, remote=True).atd


def test_begun_with_remote_off_nothing_is_held() -> None:
    guard = obey(commanded(), UpdateBegin("2"), T_S, remote=False)
    assert not shown(guard, T_S, remote=True).atd


@pytest.mark.parametrize(("version", "phase"), [("2", UpdatePhase.NONE), ("1", UpdatePhase.FAILED)])
def test_another_version_than_the_target_is_a_failure_until_acknowledged(version: str, phase: UpdatePhase) -> None:
    guard = obey(succeeded(obey(commanded(), UpdateBegin("2"), T_S), T_S), UpdateHealthy(version), T_S + 0.1)
    assert guard.update.phase is phase
    assert shown(guard, T_S + 0.1) == BOTH
    assert obey(guard, UpdateAcknowledge(), T_S + 0.2).update.phase is UpdatePhase.NONE


def test_a_failure_outlives_the_next_try_unless_that_is_good() -> None:
    failed = obey(succeeded(obey(commanded(), UpdateBegin("2"), T_S), T_S), UpdateHealthy("1"), T_S + 0.1)
    trying = succeeded(obey(failed, UpdateBegin("3"), T_S + 0.2), T_S + 0.2)
    assert (trying.update.phase, trying.update.failed) == (UpdatePhase.RUNNING, True)
    assert obey(trying, UpdateHealthy("1"), T_S + 0.3).update.phase is UpdatePhase.FAILED
    assert not obey(trying, UpdateHealthy("3"), T_S + 0.3).update.failed


def test_healthy_without_an_update_changes_nothing() -> None:
    guard = commanded()
    assert obey(guard, UpdateHealthy("2"), T_S + 0.1) == guard


@pytest.mark.parametrize("begun", [True, False])
def test_a_restart_of_this_process_fails_an_open_update_only(begun: bool) -> None:
    guard = obey(commanded(), UpdateBegin("2"), T_S) if begun else commanded()
    assert guard.update.restarted().phase is (UpdatePhase.FAILED if begun else UpdatePhase.NONE)
    assert not guard.update.restarted().holds_atd


def test_an_update_that_a_reboot_cut_short_is_told_as_failed_and_holds_nothing() -> None:
    guard = obey(Guard(), UpdateFailed("2"), T_S)
    assert (guard.update.phase, guard.update.version) == (UpdatePhase.FAILED, "2")
    assert shown(guard, T_S) == SAFE
    assert shown(succeeded(guard, T_S), T_S) == BOTH


def test_an_open_update_cannot_be_told_as_failed() -> None:
    guard = obey(commanded(), UpdateBegin("2"), T_S)
    with pytest.raises(Refused) as refused:
        obey(guard, UpdateFailed("2"), T_S + 0.1)
    assert refused.value.code is Code.NOT_READY
