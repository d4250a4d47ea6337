"""The rules of the outputs, with time as an argument; those of an update are in test_outputs_guard_update.py."""

from __future__ import annotations

import pytest
from guarded import ALARM, BOTH, LIMITS, NONE, T_S, beat, commanded, obey, shown
from hypothesis import given
from hypothesis import strategies as st

from smallbms.outputs import guard as rules
from smallbms.outputs.guard import Guard
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
