"""The product manual, sentence by sentence: manual.csv says by which tests each is proven, or why none applies.

A row has tests or a reason. A reason that begins with "later: not built yet (…)" names what will bring it; such a row
may name the tests of the part that is there already.
"""

from __future__ import annotations

import ast
import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
LATER = re.compile(r"later: not built yet \((?P<path>[\w./]+)\)")
# the sections of the manual that say what the product is, does and needs
SECTIONS = (
    "1", "2.1", "2.2", "2.3", "3.1", "3.2.1", "3.2.2", "3.2.3", "3.2.4", "3.3.1", "3.3.2", "3.3.3", "3.4",
    "4.1", "4.2", "4.3", "4.4", "5.1", "5.1.1", "5.1.2", "6",
)  # fmt: skip


class Row(NamedTuple):
    """A statement of the manual in our own words; `tests` are node ids without parameters, with a space between."""

    id: str
    section: str
    statement: str
    tests: str
    not_applicable: str


def _rows() -> list[Row]:
    with (Path(__file__).parent / "manual.csv").open(encoding="utf-8", newline="") as file:
        head, *lines = csv.reader(file, strict=True)
    assert tuple(head) == Row._fields
    return [Row(*line) for line in lines]


ROWS = _rows()


@cache
def _tests_in(file: str) -> frozenset[str]:
    """The names of the tests of a file; none if there is no such file."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def _exists(node_id: str) -> bool:
    file, _, name = node_id.partition("::")
    return name in _tests_in(file)


def test_every_section_is_there_in_its_order() -> None:
    assert tuple(dict.fromkeys(row.section for row in ROWS)) == SECTIONS


def test_ids_count_through_each_section() -> None:
    seen: Counter[str] = Counter()
    for row in ROWS:
        seen[row.section] += 1
        assert row.id == f"{row.section}-{seen[row.section]:02}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_statement_is_proven_or_says_why_not(row: Row) -> None:
    assert row.statement.strip()
    tests, later = row.tests.split(), LATER.match(row.not_applicable)
    assert [node_id for node_id in tests if not _exists(node_id)] == []
    assert len(set(tests)) == len(tests)
    assert bool(later) == row.not_applicable.startswith("later")
    assert later or bool(tests) != bool(row.not_applicable), "tests or a reason, not both"


def test_what_is_to_come_is_not_there_yet(capsys: pytest.CaptureFixture[str]) -> None:
    later = {row.id: found["path"] for row in ROWS if (found := LATER.match(row.not_applicable))}
    with capsys.disabled():
        print(f"\nthe manual: {len(later)} of {len(ROWS)} statements are not built yet")
    built = [row_id for row_id, path in later.items() if (ROOT / path).exists()]
    assert not built, "name their tests in manual.csv"
