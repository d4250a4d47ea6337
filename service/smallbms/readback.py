"""What the outputs process says of itself, in the engine's words."""

from __future__ import annotations

from collections.abc import Mapping

from smallbms.errors import OutputError
from smallbms.model import Outputs, OutputsReadBack
from smallbms.outputs.state import State
from smallbms.words import Led, UpdatePhase

NOT_SPOKEN = OutputsReadBack()
SAFETY_PINS = ("charge_disconnect", "load_disconnect")


def read_back(state: State | None, error: OutputError | None) -> OutputsReadBack:
    """The engine's view of the pins; without a state the outputs process is not reachable.

    An output whose auxiliary contact is wired follows only if the contact does.
    """
    if state is None:
        return OutputsReadBack(error=str(error) if error else "")
    applied = state.applied
    lamps = [name for name in state.errors if name not in SAFETY_PINS]
    return OutputsReadBack(
        reachable=True,
        sequence=state.readings,
        commanded=Outputs(
            atc=applied.atc,
            atd=applied.atd,
            pre_alarm=applied.pre_alarm,
            red_led=Led(applied.red_led.value),
            blue_led=Led(applied.blue_led.value),
        ),
        atc=_level(state, "charge_disconnect", applied.atc),
        atd=_level(state, "load_disconnect", applied.atd),
        pre_alarm=_level(state, "pre_alarm", applied.pre_alarm),
        lamp_fault=bool(lamps),
        remote_on=state.remote.on,
        update=UpdatePhase(state.update.phase.value),
        update_holds_discharge_off=state.update.discharge_held_off,
        atc_error=_error(state, "charge_disconnect"),
        atd_error=_error(state, "load_disconnect"),
    )


class Follower:
    """`now` is the engine's view of the newest answer: the same object while all pins follow and only counters move."""

    def __init__(self) -> None:
        self.now = NOT_SPOKEN
        self._state: State | None = None

    def follow(
        self, state: State | None, error: OutputError | None, foreign: Mapping[str, str] | None = None
    ) -> OutputsReadBack:
        """Take the newest answer in; returns what `now` was before.

        `foreign` says which outputs somebody else may switch, and why: what they show is not known then.
        """
        before, known = self.now, self._state
        if state is not None and foreign:
            unknown = dict.fromkeys(foreign)
            state = state._replace(pins={**state.pins, **unknown}, errors={**state.errors, **foreign})
        self._state = state
        # A fault is judged by the count of read-backs: only where there is none they need not be told apart.
        if state is None or known is None or not _follows(before) or _said(state) != _said(known):
            self.now = read_back(state, error)
        return before


def _said(state: State) -> tuple[object, ...]:
    """All of a state that the engine's view is made of, but for the counter."""
    return state.applied, state.pins, state.feedback, state.errors, state.remote, state.update


def _follows(seen: OutputsReadBack) -> bool:
    told = seen.commanded
    return (seen.atc, seen.atd, seen.pre_alarm) == (told.atc, told.atd, told.pre_alarm)


def _error(state: State, name: str) -> str:
    return state.errors.get(name) or state.errors.get(f"{name}.feedback", "")


def _level(state: State, name: str, applied: bool) -> bool | None:
    """What the pin shows, or its auxiliary contact where that contradicts it; None if it could not be read."""
    if name not in state.pins:
        return applied  # not wired: nothing that could fail
    level = state.pins[name]
    if not isinstance(level, bool):
        return None
    contact = state.feedback.get(name, level)
    return contact if contact is None or contact is not applied else level
