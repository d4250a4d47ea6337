"""What the outputs process says of itself, in the engine's words."""

from __future__ import annotations

from smallbms.errors import OutputError
from smallbms.model import Outputs, OutputsReadBack
from smallbms.outputs.state import State
from smallbms.words import Led, UpdatePhase

SAFETY_PINS = ("charge_disconnect", "load_disconnect")


def read_back(state: State | None, error: OutputError | None) -> OutputsReadBack:
    """The engine's view of the pins; without a state the outputs process is not reachable.

    An output whose auxiliary contact is wired follows only if the contact does.
    """
    if state is None:
        return OutputsReadBack(detail=str(error) if error else "")
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
        detail="; ".join(f"{name}: {text}" for name, text in state.errors.items()),
    )


def _level(state: State, name: str, applied: bool) -> bool | None:
    """What the pin shows, or its auxiliary contact where that contradicts it; None if it could not be read."""
    if name not in state.pins:
        return applied  # not wired: nothing that could fail
    level = state.pins[name]
    if not isinstance(level, bool):
        return None
    contact = state.feedback.get(name, level)
    return contact if contact is None or contact is not applied else level
