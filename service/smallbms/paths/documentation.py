"""The table of bus paths as README shows it, made from the rows."""

from __future__ import annotations

import re

from smallbms.paths.not_published import NOT_PUBLISHED
from smallbms.paths.row import Echo, Row
from smallbms.paths.table import Shape, groups_for
from smallbms.setting_row import SettingRow
from smallbms.wording import span

_TYPES = {"d": "DOUBLE", "i": "INT32", "u": "UINT32", "q": "UINT16", "y": "BYTE", "s": "STRING"}
_NUMBERED = (
    (re.compile(r"^/Battery/1/(?!$)"), "/Battery/<n>/"),
    (re.compile(r"/Cell/1/"), "/Cell/<c>/"),
    (re.compile(r"^/Voltages/Cell1$"), "/Voltages/Cell<n>"),
)


def documentation() -> str:
    """Two Markdown tables: the paths that are published, and those that are left out, with why."""
    rows = [row for group in groups_for(Shape(cells=(1,), string_cells=1)) for row in group.rows]
    lines = ["| path | type | unit | write | |", "|---|---|---|---|---|"]
    lines += [
        f"| `{_path(row)}` | {_TYPES[row.form.signature]} | {row.form.unit} | {_writable(row)} | {row.note} |"
        for row in sorted(rows, key=lambda row: row.path)
    ]
    lines += ["", "| not published | why |", "|---|---|"]
    lines += [f"| `{path}` | {why} |" for path, why in sorted(NOT_PUBLISHED.items())]
    return "\n".join(lines) + "\n"


def _path(row: Row) -> str:
    path = row.path
    for pattern, general in _NUMBERED:
        path = pattern.sub(general, path)
    return path


def _writable(row: Row) -> str:
    match row.writes:
        case None:
            return ""
        case Echo():
            return "1…n"
        case SettingRow(words=words) if words:
            return ", ".join(f"{code} {word}" for word, code in words.items())
        case SettingRow(bounds=bounds) if bounds.minimum is not None and bounds.maximum is not None:
            scaled = " per cell" if row.writes.scaled_by_cells else ""
            return span(bounds.minimum, bounds.maximum) + scaled
        case SettingRow():
            return "text"
    return "1"
