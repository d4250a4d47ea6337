"""How a refusal is worded, and what counts as a number; for settings and the configuration."""

from __future__ import annotations

import math

SHOWN_CHARACTERS = 60


def shown(value: object) -> str:
    """Return a value as it was written, shortened."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python prints
        return "a number of thousands of digits"
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def one_line(text: str) -> str:
    """Return a text with what would not print, line ends too, written as escapes."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def figure(value: float) -> str:
    """Return a number with at most three decimals and no idle zeros."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def span(lowest: float, highest: float, unit: str = "") -> str:
    """Return bounds for people: 0.5…10 %."""
    return f"{figure(lowest)}…{figure(highest)} {unit}".rstrip()


def refusal(key: str, value: object, allowed: str) -> str:
    """Return the one sentence of every refused value; None was left out."""
    if value is None:
        return f"{key} is missing; allowed is {allowed}"
    return f"{key} = {shown(value)} is not allowed; allowed is {allowed}"


def finite(value: object) -> float | None:
    """Return an int or float as a finite float; None for anything else, True and NaN included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
