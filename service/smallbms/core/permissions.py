"""The one evaluator of the table of reasons: latches in, latches and reasons out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from smallbms.core.latch import Finding, Latch, forgettable, lowered, raised, released, tripped
from smallbms.core.reasons import ROWS, Row
from smallbms.core.sentences import sentence
from smallbms.core.soc import GAP_S
from smallbms.core.view import View
from smallbms.model import Reason
from smallbms.words import Direction

HELD_CHARGE_FRACTION = 0.01  # of capacity, after the third low-cell trip in an hour

Latches = Mapping[str, Mapping[int, Latch]]


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What the table says now. `changed`: trips and releases of this step, to be logged and, where persisted, kept."""

    latches: dict[str, Mapping[int, Latch]] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    changed: list[tuple[Row, Latch, bool]] = field(default_factory=list)
    wake_at_s: float = inf

    def allows(self, direction: Direction) -> bool:
        return not any(direction in r.blocks for r in self.reasons)


def evaluate(view: View, latches: Latches) -> Verdict:
    """Run every row; a row that neither breaches nor remembers costs one probe."""
    verdict = Verdict()
    for row in ROWS:
        known = latches.get(row.name)
        found = row.probe(view)
        if known or found:
            findings = {f.battery if row.per_battery else 0: f for f in found}
            _evaluate_row(row, view, known or {}, findings, verdict)
    return verdict


def _evaluate_row(
    row: Row, view: View, known: Mapping[int, Latch], findings: Mapping[int, Finding], verdict: Verdict
) -> None:
    after: dict[int, Latch] = {}
    for key in known.keys() | findings.keys():
        before, finding = known.get(key), findings.get(key)
        if before is not None and before.tripped:
            latch = _while_tripped(row, view, before, finding, verdict)
        elif finding is not None:
            latch = _while_raised(row, view, before, finding, verdict)
        else:
            latch = lowered(before, view.dt_s) if before is not None else None
        if latch is None or forgettable(latch, row.repeat, view.now_s):
            continue
        after[key] = latch
        if latch.tripped:
            f = latch.finding
            verdict.reasons.append(
                Reason(
                    code=row.code, blocks=row.blocks, since_s=latch.since_s, text=sentence(row, latch, view),
                    battery=f.battery or None, cell=f.cell or None, value=f.value, limit=f.limit,
                )
            )  # fmt: skip
    if after:
        verdict.latches[row.name] = after


def _while_raised(row: Row, view: View, before: Latch | None, finding: Finding, verdict: Verdict) -> Latch:
    latch = raised(before, finding, view.dt_s, row.delay_s or 0.0, view.now_s)
    at_once = (row.delay_s is None and row.readings is None) or (row.starting_at_once and view.unproven)
    due = (
        at_once
        or (row.delay_s is not None and latch.level_s >= row.delay_s)
        or (row.readings is not None and latch.readings >= row.readings)
    )
    if due and (row.gate is None or row.gate(view, latch)):
        latch = tripped(latch, row.repeat, row.mark(view), view.now_s)
        if row.unwell is not None:
            latch = replace(latch, unwell=row.unwell(view, latch))
        verdict.changed.append((row, latch, True))
    elif row.delay_s is not None and latch.level_s < row.delay_s:
        verdict.wake_at_s = min(verdict.wake_at_s, view.now_s + row.delay_s - latch.level_s)
    return latch


def _while_tripped(row: Row, view: View, before: Latch, finding: Finding | None, verdict: Verdict) -> Latch | None:
    """Still tripped, or released; whoever breaches again starts the wait anew."""
    latch = _in_force(row, view, _unheld(row, view, before))
    if row.unwell is not None:
        latch = replace(latch, unwell=row.unwell(view, latch))
    if finding is not None:
        return replace(latch, finding=finding, mark=row.mark(view), clear_since_s=None)
    if latch.unwell or not row.release(view, latch):
        return replace(latch, clear_since_s=None)
    clear_since_s = view.now_s if latch.clear_since_s is None else latch.clear_since_s
    latch = replace(latch, clear_since_s=clear_since_s)
    back_at_s = clear_since_s + row.release_s
    if latch.held and row.repeat is not None:
        if row.repeat.until_charged:
            return latch
        longer_s = row.release_s if row.repeat.release_s is None else row.repeat.release_s
        back_at_s = max(clear_since_s + longer_s, latch.since_s + row.repeat.hold_s)
    if view.now_s < back_at_s:
        verdict.wake_at_s = min(verdict.wake_at_s, back_at_s)
        return latch
    verdict.changed.append((row, latch, False))
    return released(latch, row.repeat, view.now_s)


def _in_force(row: Row, view: View, latch: Latch) -> Latch:
    """With the limit of now: a person may have moved it because of this very trip."""
    limit = row.limit(view) if row.limit else latch.finding.limit
    return latch if limit == latch.finding.limit else replace(latch, finding=replace(latch.finding, limit=limit))


def _unheld(row: Row, view: View, latch: Latch) -> Latch:
    """A hold until charged ends by 1 % of capacity charged, an acknowledgement, or the mode switched to On."""
    if not (latch.held and row.repeat and row.repeat.until_charged):
        return latch
    current_a, capacity_ah = view.bank.current_a, view.bank.capacity_ah
    counted_s = view.dt_s if view.dt_s <= GAP_S else 0.0  # nobody knows what flowed over a gap
    charged_ah = latch.charged_ah + max(0.0, current_a or 0.0) * counted_s / 3600.0
    enough = capacity_ah is not None and charged_ah >= HELD_CHARGE_FRACTION * capacity_ah
    held = not (enough or view.acknowledged or view.mode_on_written)
    return replace(latch, charged_ah=charged_ah, held=held)
