"""What goes into the event log and the last errors, and what must reach the flash at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from smallbms.changes import Change, SetMode, SetSetting, SetSoc
from smallbms.core.permissions import Verdict
from smallbms.core.sentences import BANK_ERRORS, sentence
from smallbms.core.state import Inputs
from smallbms.core.view import View
from smallbms.model import Bank, ErrorStamp, Event
from smallbms.words import AlarmCode, AlarmLevel, BankError, EventKind

LAST_ERRORS = 4
_LEVEL_TEXT = {AlarmLevel.OK: "is over", AlarmLevel.WARNING: "warning", AlarmLevel.ALARM: "alarm"}


def events(
    view: View,
    verdict: Verdict,
    alarms: Iterable[tuple[AlarmCode, AlarmLevel]],
    inputs: Inputs,
    error_before: BankError,
    error: BankError,
) -> tuple[Event, ...]:
    """What happened in this step, each with what was measured then."""
    wall_s = inputs.wall_s
    found = [_changed(change, wall_s) for change in inputs.changes]
    for row, latch, trip in verdict.changed:
        f = latch.finding
        text = sentence(row, latch, view) if trip else f"{row.code} is over"
        found.append(
            Event(
                kind=EventKind.TRIP if trip else EventKind.RELEASE, code=row.code, text=text, wall_s=wall_s,
                battery=f.battery or None, cell=f.cell or None, value=f.value, limit=f.limit,
            )
        )  # fmt: skip
    found += [
        Event(kind=EventKind.ALARM, code=code, text=f"{code} {_LEVEL_TEXT[level]}", wall_s=wall_s, value=float(level))
        for code, level in alarms
    ]
    if view.synchronised:
        found.append(Event(kind=EventKind.SYNC, code="synchronised", text="SoC set to 100 %", wall_s=wall_s))
    if error is not error_before:
        found.append(Event(kind=EventKind.ERROR, code=str(int(error)), text=BANK_ERRORS[error], wall_s=wall_s))
    if not found:
        return ()
    figures = measured(view.bank, view.soc_pct)
    return tuple(replace(event, measured=figures) for event in found)


def measured(pack: Bank, soc_pct: float | None) -> dict[str, float | None]:
    """The figures that every event carries."""
    return {
        "voltage_v": pack.voltage_v,
        "current_a": pack.current_a,
        "soc_pct": soc_pct,
        "cell_min_v": pack.cell_min.value if pack.cell_min else None,
        "cell_max_v": pack.cell_max.value if pack.cell_max else None,
        "temperature_min_c": pack.temperature_min.value if pack.temperature_min else None,
        "temperature_max_c": pack.temperature_max.value if pack.temperature_max else None,
    }


def stamped(
    stamps: tuple[ErrorStamp, ...], before: BankError, error: BankError, wall_s: float
) -> tuple[ErrorStamp, ...]:
    """The last four errors, newest first."""
    if error is before or error is BankError.NONE:
        return stamps
    return (ErrorStamp(code=int(error), wall_s=wall_s), *stamps)[:LAST_ERRORS]


def urgent(verdict: Verdict, inputs: Inputs, synchronised: bool) -> int:
    """How much of this step must survive a power cut from now on."""
    kept = sum(row.persisted or row.repeat is not None for row, _, _ in verdict.changed)
    return kept + len(inputs.changes) + synchronised


def _changed(change: Change, wall_s: float) -> Event:
    name = type(change).__name__
    match change:
        case SetSetting():
            text = f"{change.name} set to {change.value}"
        case SetSoc():
            text = f"state of charge set to {change.soc_pct:g} %"
        case SetMode():
            text = f"mode set to {change.mode.name.lower()}"
        case _:
            text = name
    origin = f", by {change.origin}" if change.origin else ""
    return Event(kind=EventKind.CHANGE, code=name, text=text + origin, wall_s=wall_s)
