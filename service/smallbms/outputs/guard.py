"""The rules of the outputs: which command is obeyed, for how long, and what the pins show then.

Pure: state in, state out, time (CLOCK_MONOTONIC) as an argument. A refusal is raised as `Refused` and changes nothing.
"""

from __future__ import annotations

from smallbms.outputs.lean import NamedTuple
from smallbms.outputs.protocol import (
    SAFE,
    Arm,
    Code,
    Command,
    Heartbeat,
    Order,
    Refused,
    UpdateAcknowledge,
    UpdateBegin,
    UpdateFailed,
    UpdateHealthy,
)
from smallbms.outputs.update import Update


class Limits(NamedTuple):
    """The times of the rules."""

    silence_s: float = 2.0  # a command holds this long after its engine step
    age_s: float = 1.0  # an older command is refused
    ahead_s: float = 0.05  # a command of a later moment than this is refused
    update_s: float = 120.0  # for a version to become healthy


class Guard(NamedTuple):
    """The memory of the rules; the empty one is safe."""

    controlled: bool = False
    armed: bool = False
    armed_at_s: float = 0.0
    beat: Heartbeat | None = None  # the last one obeyed since armed
    sequence: int | None = None  # of the last one obeyed since hello
    update: Update = Update()


def connect(guard: Guard) -> Guard:
    """A client took control; it has yet to arm."""
    update = guard.update.handed_over()
    return guard._replace(controlled=True, armed=False, beat=None, sequence=None, update=update)


def disconnect(guard: Guard) -> Guard:
    """The controlling client is gone."""
    return _disarm(guard)._replace(controlled=False)


def release(guard: Guard) -> Guard:
    """All pins were let go on purpose: nothing is obeyed or held any more."""
    return disconnect(guard)._replace(update=guard.update._replace(holds_atd=False))


def obey(guard: Guard, order: Order, *, remote: bool, now_s: float, limits: Limits) -> Guard:
    """Carry out an order of a client that may give it; raise Refused if it is too late or too early for it."""
    guard = tick(guard, now_s, limits)
    match order:
        case Arm():
            return _arm(guard, order, now_s, limits)
        case Heartbeat():
            return _heartbeat(guard, order, now_s, limits)
        case UpdateBegin():
            return _begin_update(guard, order, remote=remote, now_s=now_s)
        case UpdateFailed():
            return _fail_update(guard, order)
        case UpdateHealthy():
            return _end_update(guard, order)
        case UpdateAcknowledge():
            return guard._replace(update=guard.update.acknowledge())


def tick(guard: Guard, now_s: float, limits: Limits) -> Guard:
    """Let time pass: silence disarms, an update expires; the same object if neither. Comes before any queued order."""
    update = guard.update.tick(now_s, limits.update_s)
    if update is not guard.update:
        guard = guard._replace(update=update)
    if guard.armed and now_s >= _holds_until_s(guard, limits):
        return _disarm(guard)
    return guard


def wake_at_s(guard: Guard, limits: Limits) -> float | None:
    """Return when the next tick changes something by itself; None for never."""
    times = []
    if guard.armed:
        times.append(_holds_until_s(guard, limits))
    if guard.update.time_left_s(0.0, limits.update_s) is not None:
        times.append(guard.update.began_at_s + limits.update_s)
    return min(times, default=None)


def applied(guard: Guard, *, remote: bool) -> Command:
    """Return what the pins ought to show; remote off takes ATC, ATD and pre-alarm in every state."""
    wanted = SAFE if guard.beat is None else guard.beat.outputs
    if guard.update.open:
        wanted = wanted._replace(atc=False, atd=guard.update.holds_atd)
    if not remote:
        wanted = wanted._replace(atc=False, atd=False, pre_alarm=False)
    return wanted


def _arm(guard: Guard, order: Arm, now_s: float, limits: Limits) -> Guard:
    _check_age(order.sent_at_s, now_s, limits)
    return guard if guard.armed else guard._replace(armed=True, armed_at_s=order.sent_at_s)


def _heartbeat(guard: Guard, beat: Heartbeat, now_s: float, limits: Limits) -> Guard:
    if not guard.armed:
        raise Refused(Code.NOT_ARMED, "not armed, or silent for too long: arm first")
    if guard.sequence is not None and beat.sequence <= guard.sequence:
        raise Refused(Code.OLD_SEQUENCE, f"sequence {beat.sequence} is not newer than {guard.sequence}")
    _check_age(beat.step_at_s, now_s, limits)
    return guard._replace(beat=beat, sequence=beat.sequence, update=guard.update.heard(beat))


def _begin_update(guard: Guard, order: UpdateBegin, *, remote: bool, now_s: float) -> Guard:
    shown = applied(guard, remote=remote)
    alarm = shown.pre_alarm or (guard.beat is not None and guard.beat.cell_alarm)
    return guard._replace(update=guard.update.begin(order.version, atd_on=shown.atd, alarm=alarm, now_s=now_s))


def _fail_update(guard: Guard, order: UpdateFailed) -> Guard:
    if guard.update.open:
        raise Refused(Code.NOT_READY, "an update is under way here: only a healthy version ends it")
    return guard._replace(update=guard.update.cut_short(order.version))


def _end_update(guard: Guard, order: UpdateHealthy) -> Guard:
    if guard.update.replaces_client:
        raise Refused(Code.REPLACED, "the version that was in control when the update began cannot end it")
    if guard.beat is None or guard.beat.starting:
        raise Refused(Code.NOT_READY, "healthy only with heartbeats, and every battery read")
    return guard._replace(update=guard.update.healthy(order.version))


def _disarm(guard: Guard) -> Guard:
    pre_alarm = guard.beat is not None and guard.beat.outputs.pre_alarm
    return guard._replace(armed=False, beat=None, update=guard.update.unattended(pre_alarm=pre_alarm))


def _holds_until_s(guard: Guard, limits: Limits) -> float:
    heard_at_s = guard.armed_at_s if guard.beat is None else guard.beat.step_at_s
    return heard_at_s + limits.silence_s


def _check_age(at_s: float, now_s: float, limits: Limits) -> None:
    if now_s - at_s > limits.age_s:
        raise Refused(Code.TOO_OLD, f"{now_s - at_s:.1f} s old; at most {limits.age_s:g} s")
    if at_s - now_s > limits.ahead_s:
        raise Refused(Code.FROM_FUTURE, f"{at_s - now_s:.2f} s in the future: CLOCK_MONOTONIC of this machine is meant")
