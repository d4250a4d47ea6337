"""One measured figure, its limit, and how both are printed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PEER = "dbus-serialbattery v2.1"
HEADINGS = ("what", "figure", "limit", "reached", "elsewhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value in `unit`; `limit` is the highest allowed (the lowest if `at_least`), None = only told.

    `value` inf: it never happened. `elsewhere`: the same of another program, with its name.
    """

    what: str
    value: float
    unit: str = ""
    limit: float | None = None
    at_least: bool = False
    elsewhere: str = ""

    @property
    def reached(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(
    what: str, values: Sequence[float], unit: str, *, median: float | None, highest: float | None, elsewhere: str = ""
) -> list[Figure]:
    """Median and maximum of repeated tries, each with its limit."""
    tries = f"{what}, {len(values)} tries"
    return [
        Figure(what=f"{tries}: median", value=statistics.median(values), unit=unit, limit=median, elsewhere=elsewhere),
        Figure(what=f"{tries}: max", value=max(values), unit=unit, limit=highest),
    ]


def table(figures: Sequence[Figure]) -> str:
    """All figures as lines of text."""
    rows = [HEADINGS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join((lines[0], "-" * len(lines[0]), *lines[1:]))


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    sign = "≥" if figure.at_least else "≤"
    limit = "–" if figure.limit is None else f"{sign} {figure.limit:g} {figure.unit}".rstrip()
    value = f"{_text(figure.value)} {figure.unit}".rstrip()
    return figure.what, value, limit, {None: "", True: "yes", False: "NO"}[figure.reached], figure.elsewhere


def _text(value: float) -> str:
    if math.isinf(value):
        return "never"
    return f"{value:g}" if value == int(value) else f"{value:.3g}"
