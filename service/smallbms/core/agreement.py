"""What everyone is told once the interlock has spoken, so that no Yes is heard while a pin says No."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from smallbms.core.chronicle import measured
from smallbms.model import Decision, Event, Outputs, Reason
from smallbms.words import Direction, EventKind, ReasonCode


def agreed(
    decision: Decision, outputs: Outputs, objections: tuple[Reason, ...], taken: tuple[Reason, ...], wall_s: float
) -> tuple[Decision, tuple[Reason, ...]]:
    """The decision with what the interlock took away, why and since when; and those reasons, for the next step.

    An objection becomes a reason when it takes away what the decision allows (`taken`: those of the step before), and
    stays one, like any other, until it is over: with an event at its begin and its end.
    """
    since_s = {_key(reason): reason.since_s for reason in taken}
    reasons = tuple(
        replace(objection, since_s=since_s.get(_key(objection), objection.since_s))
        for objection in objections
        if _key(objection) in since_s or _takes(objection, decision)
    )
    if not reasons and not taken:
        return decision, ()
    told = replace(
        decision,
        allow_to_charge=outputs.atc,
        allow_to_discharge=outputs.atd,
        pre_alarm=outputs.pre_alarm,
        ccl_a=decision.ccl_a if outputs.atc else 0.0,
        dcl_a=decision.dcl_a if outputs.atd else 0.0,
        reasons=decision.reasons + reasons,
        events=(*decision.events, *_events(decision, reasons, taken, wall_s)),
    )
    return told, reasons


def _takes(objection: Reason, decision: Decision) -> bool:
    charge, discharge = decision.allow_to_charge, decision.allow_to_discharge
    return (charge and Direction.CHARGE in objection.blocks) or (discharge and Direction.DISCHARGE in objection.blocks)


def _key(reason: Reason) -> tuple[ReasonCode, int | None]:
    return reason.code, reason.battery


def _events(decision: Decision, now: tuple[Reason, ...], before: tuple[Reason, ...], wall_s: float) -> Iterable[Event]:
    begun = {_key(reason) for reason in now} - {_key(reason) for reason in before}
    going_on = {_key(reason) for reason in now}
    figures = measured(decision.bank, decision.soc_pct)
    changed = [(EventKind.TRIP, r.text, r) for r in now if _key(r) in begun]
    changed += [(EventKind.RELEASE, f"the interlock: {r.code} is over", r) for r in before if _key(r) not in going_on]
    for kind, text, reason in changed:
        yield Event(
            kind=kind, code=reason.code, text=text, wall_s=wall_s, battery=reason.battery, cell=reason.cell,
            value=reason.value, limit=reason.limit, measured=figures,
        )  # fmt: skip
