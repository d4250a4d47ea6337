"""A guard in the states that the tests of its rules begin with."""

from __future__ import annotations

from smallbms.outputs import guard as rules
from smallbms.outputs.guard import Guard, Limits
from smallbms.outputs.protocol import (
    Arm,
    Command,
    Heartbeat,
    Led,
    Order,
)

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
