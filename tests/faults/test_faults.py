"""Every fault of the table, on real processes: what floats, how soon, what is said, and that nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from .table import FAULTS, faults_of, markdown
from .trial import BOTH, Fault, Outcome, attempt, attempts

BRIEF = ("bus daemon killed", "disk full", "kill -9 and a start a year earlier by the clock")
PARTS = 3  # for as many workers
AT_ONCE = 4
SEED = 1
WELL = Outcome(floated=BOTH, off_s=1.0, back_s=1.0, said=("lost_battery", "BmsCable 2"), lost=())


def find(name: str) -> Fault:
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    return fault


async def test_the_brief_ones(tmp_path: Path) -> None:
    outcomes = await attempts([find(name) for name in BRIEF], tmp_path, seed=SEED, at_once=len(BRIEF))
    assert not [text for fault, outcome in outcomes.items() for text in faults_of(fault, outcome)]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
async def test_what_comes_of_the_faults(part: int, tmp_path: Path) -> None:
    outcomes = await attempts(FAULTS[part::PARTS], tmp_path, seed=SEED, at_once=AT_ONCE)
    wrong = {fault.name: found for fault, outcome in outcomes.items() if (found := faults_of(fault, outcome))}
    assert not wrong


async def test_an_attempt_tells_what_was_otherwise(tmp_path: Path) -> None:
    """A fault that is nothing, of which everything is expected."""
    harmless = find("wall clock +2 h")
    wrong = Fault(
        name="nothing", inject=harmless.inject, mend=harmless.mend, lasts_s=0.0, floats=(), says=("no such word",)
    )
    outcome = await attempt(wrong, tmp_path / "system", SEED)
    assert faults_of(wrong, outcome) == ["not said: no such word"]


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (WELL, []),
        (Outcome(floated=BOTH, off_s=11.0, back_s=1.0, said=WELL.said, lost=()), ["floated after 11.0 s"]),
        (Outcome(floated=(), off_s=None, back_s=1.0, said=WELL.said, lost=()), ["floated: ()"]),
        (Outcome(floated=BOTH, off_s=1.0, back_s=1.0, said=("BmsCable 2",), lost=()), ["not said: lost_battery"]),
        (Outcome(floated=BOTH, off_s=1.0, back_s=1.0, said=WELL.said, lost=("/Mode",)), ["lost: /Mode"]),
    ],
)
def test_an_outcome_is_judged(outcome: Outcome, found: list[str]) -> None:
    judged = faults_of(find("wire: silence"), outcome)
    assert len(judged) == len(found)
    assert all(text.startswith(start) for text, start in zip(judged, found, strict=True))


def test_the_table_has_a_row_for_each_fault() -> None:
    rows = markdown(dict.fromkeys(FAULTS, WELL)).splitlines()
    assert rows[0].count("|") == rows[-1].count("|") == 7
    assert len(rows) == 2 + len(FAULTS)
    assert "| ATC and ATD float | 1 s | `lost_battery`, `BmsCable 2` | nothing | 1.0 s |" in rows[2]
