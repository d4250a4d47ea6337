"""The rules of the outputs, with time as an argument."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.outputs import guard as rules
from smallbms.outputs.guard import Guard, Limits
from smallbms.outputs.protocol import (
    SAFE,
    Arm,
    Code,
    Command,
    Heartbeat,
    Led,
    Order,
    Refused,
    UpdateAcknowledge,
    UpdateBegin,
    UpdateFailed,
    UpdateHealthy,
)
from smallbms.outputs.update import UpdatePhase

LIMITS = Limits()
T_S = 1000.0
BOTH = Command(atc=True, atd=True, blue_led=Led.BLINK)
NONE = Command(blue_led=Led.BLINK)
ALARM = BOTH._replace(pre_alarm=True)


def obey(guard: Guard, order: Order, now_s: float, remote: bool = True) -> Guard:
    return rules.obey(guard, order, remote=remote, now_s=now_s, limits=LIMITS)


def beat(sequence: int, step_at_s: float, outputs: Command = BOTH, **flags: bool) -> Heartbeat:
    return Heartbeat(sequence=sequence, step_at_s=step_at_s, outputs=outputs, **flags)


def commanded(outputs: Command = BOTH, now_s: float = T_S, **flags: bool) -> Guard:
    armed = obey(rules.connect(Guard()), Arm(now_s), now_s)
    return obey(armed, beat(1, now_s, outputs, **flags), now_s)


def succeeded(guard: Guard, now_s: float, outputs: Command = BOTH) -> Guard:
    """Another client is in control, and commands."""
    armed = obey(rules.connect(rules.disconnect(guard)), Arm(now_s), now_s)
    return obey(armed, beat(1, now_s, outputs), now_s)


def shown(guard: Guard, now_s: float, remote: bool = True) -> Command:
    return rules.applied(rules.tick(guard, now_s, LIMITS), remote=remote)


def test_nothing_is_on_before_a_heartbeat_of_an_armed_client() -> None:
    connected = rules.connect(Guard())
    armed = obey(connected, Arm(T_S), T_S)
    assert [rules.applied(guard, remote=True) for guard in (Guard(), connected, armed)] == [SAFE, SAFE, SAFE]
    assert rules.applied(obey(armed, beat(1, T_S), T_S), remote=True) == BOTH


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (beat(1, T_S), Code.OLD_SEQUENCE),
        (beat(0, T_S), Code.OLD_SEQUENCE),
        (beat(2, T_S - 0.6), Code.TOO_OLD),
        (beat(2, T_S + 0.6), Code.FROM_FUTURE),
        (Arm(T_S - 0.6), Code.TOO_OLD),
        (Arm(T_S + 0.6), Code.FROM_FUTURE),
    ],
)
def test_late_early_and_repeated_orders_are_refused(order: Order, code: Code) -> None:
    guard = commanded()
    with pytest.raises(Refused) as refused:
        obey(guard, order, T_S + 0.5)
    assert refused.value.code is code


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


def test_silence_is_counted_from_the_engine_step_and_needs_a_new_arm() -> None:
    guard = obey(commanded(), beat(2, T_S + 1.0), T_S + 1.9)
    assert shown(guard, T_S + 2.99) == BOTH
    assert shown(guard, T_S + 3.0) == SAFE
    with pytest.raises(Refused) as refused:
        obey(guard, beat(3, T_S + 2.9), T_S + 3.0)
    assert refused.value.code is Code.NOT_ARMED
    again = obey(guard, Arm(T_S + 3.1), T_S + 3.1)
    assert shown(again, T_S + 3.1) == SAFE
    assert shown(obey(again, beat(3, T_S + 3.1), T_S + 3.1), T_S + 3.1) == BOTH


@pytest.mark.parametrize("guard", [commanded(), obey(rules.connect(Guard()), Arm(T_S), T_S)])
def test_arming_again_and_again_is_no_heartbeat(guard: Guard) -> None:
    for step in range(1, 4):
        guard = obey(guard, Arm(T_S + step / 2), T_S + step / 2)
    late = rules.tick(guard, T_S + 2.0, LIMITS)
    assert (late.armed, shown(late, T_S + 2.0)) == (False, SAFE)


def test_remote_off_takes_all_but_the_leds() -> None:
    assert shown(commanded(ALARM), T_S, remote=False) == Command(blue_led=Led.BLINK)


def test_the_client_that_goes_takes_its_command_along() -> None:
    gone = rules.disconnect(commanded())
    assert shown(gone, T_S) == SAFE
    assert shown(rules.connect(gone), T_S) == SAFE


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


@pytest.mark.parametrize("update", [False, True])
def test_the_next_deadline_is_when_something_changes(update: bool) -> None:
    guard = commanded()
    if update:
        guard = rules.disconnect(obey(guard, UpdateBegin("2"), T_S))
    due_s = rules.wake_at_s(guard, LIMITS)
    assert due_s == T_S + (120.0 if update else 2.0)
    assert rules.tick(guard, due_s - 0.001, LIMITS) == guard
    assert rules.tick(guard, due_s, LIMITS) != guard
    assert rules.wake_at_s(Guard(), LIMITS) is None


HAPPENINGS = ["arm", "connect", "disconnect", "begin", "reboot told", "good", "bad", "ack"]
EVENTS = st.one_of(
    st.tuples(st.just("beat"), st.builds(Command, st.booleans(), st.booleans(), st.booleans()), st.floats(-1.5, 0.2)),
    st.tuples(st.sampled_from(HAPPENINGS)),
)


class Watch:
    """The promises of the outputs, kept apart from the code that keeps them."""

    def __init__(self) -> None:
        self.guard = Guard()
        self.now_s = T_S
        self.sequence = 0
        self.step_s: float | None = None  # of the last command that was obeyed and still counts
        self.asked = NONE
        self.begun_s: float | None = None
        self.begins = 0
        self.taken_over = False  # since the last begin

    def happen(self, event: tuple[object, ...], starting: bool) -> None:
        match event:
            case ("beat", Command() as outputs, float() as age):
                self.sequence += 1
                self.order(beat(self.sequence, self.now_s + age, outputs, starting=starting))
            case ("arm",):
                self.order(Arm(self.now_s))
            case ("connect",):
                self.guard, self.step_s = rules.connect(rules.disconnect(self.guard)), None
                self.taken_over = True
            case ("disconnect",):
                self.guard, self.step_s = rules.disconnect(self.guard), None
            case ("ack",):
                self.order(UpdateAcknowledge())
            case (("good" | "bad") as version,):
                self.order(UpdateHealthy(version))
            case ("begin",):
                self.order(UpdateBegin("good"))
            case ("reboot told",):
                self.order(UpdateFailed("good"))

    def order(self, order: Order) -> None:
        try:
            self.guard = obey(self.guard, order, self.now_s)
        except Refused:
            return
        if isinstance(order, Heartbeat):
            self.step_s, self.asked = order.step_at_s, order.outputs
        if isinstance(order, UpdateHealthy):
            assert self.taken_over or self.begun_s is None
            self.begun_s, self.begins = None, 0
        if isinstance(order, UpdateBegin):
            self.begins += 1
            self.taken_over = False
            if self.begins <= 2:
                self.begun_s = self.now_s

    def check(self, remote: bool) -> None:
        out = shown(self.guard, self.now_s, remote)
        heard = self.step_s is not None and self.now_s - self.step_s < LIMITS.silence_s
        updating = self.begun_s is not None and self.now_s - self.begun_s < LIMITS.update_s
        assert not out.atc or (heard and self.asked.atc and remote and self.begun_s is None)
        assert not out.pre_alarm or (heard and self.asked.pre_alarm and remote)
        assert not out.atd or (remote and (updating or (heard and self.asked.atd and self.begun_s is None)))
        assert heard or (out.red_led, out.blue_led) == (Led.ON, Led.OFF)


@given(
    st.lists(st.tuples(EVENTS, st.floats(0.0, 60.0) | st.floats(0.0, 0.5), st.booleans(), st.booleans()), max_size=40)
)
def test_no_story_ends_with_an_output_on_without_reason(
    story: list[tuple[tuple[object, ...], float, bool, bool]],
) -> None:
    watch = Watch()
    for event, later_s, starting, remote in story:
        watch.happen(event, starting)
        watch.check(remote)
        watch.now_s += later_s
        watch.guard = rules.tick(watch.guard, watch.now_s, LIMITS)
        watch.check(remote)
