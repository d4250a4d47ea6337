"""The tables of README that are made from the code; run it to write them anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from driver_table import driver_table
from smallbms.core.interlock import RULES
from smallbms.core.reasons import ROWS
from smallbms.paths import documentation
from smallbms.words import Direction

README = Path(__file__).parent.parent / "README.md"


def reasons() -> str:
    """The table of reasons."""
    lines = ["| code | blocks | says | comes back |", "|---|---|---|---|"]
    words = {Direction.CHARGE: "charging", Direction.DISCHARGE: "discharging", Direction.BOTH: "both"}
    lines += [
        f"| `{row.code}` | {words[row.blocks]} | {_plain(row.text)} | {_plain(row.back)} |" for row in (*ROWS, *RULES)
    ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """A sentence with … for its figures."""
    return re.sub(r"\{[^}]*\}", "…", text)


TABLES: dict[str, Callable[[], str]] = {"reasons": reasons, "paths": documentation, "drivers": driver_table}


def written(text: str) -> str:
    """README with its tables made anew."""
    for name, table in TABLES.items():
        head, tail = f"<!-- {name} -->\n", "<!-- end -->"
        before, rest = text.split(head)
        text = before + head + table() + rest[rest.index(tail) :]
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
