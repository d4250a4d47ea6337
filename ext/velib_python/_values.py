"""What each declared D-Bus type can hold, from the publisher (`converter`) and from a writer (`written_value`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from velib_python._marshal import text_bytes

Value = bool | float | str | None
"""A value on a path; None is Victron's invalid."""

Converter = Callable[[Any], Value]

_INTEGER_BITS = {"y": (0, 8), "n": (1, 16), "q": (0, 16), "i": (1, 32), "u": (0, 32), "x": (1, 64), "t": (0, 64)}
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


def converter(signature: str) -> Converter:
    """The function that turns a value into one that this type holds exactly; it raises ValueError if it cannot.

    None stays None, a float that is not finite becomes None. ValueError here for a type no path can have.
    """
    if signature in _INTEGER_BITS:
        signed, bits = _INTEGER_BITS[signature]
        return _integer(-(1 << bits - 1) if signed else 0, (1 << bits - signed) - 1)
    scalar = {"b": _boolean, "d": _double, "s": _string}.get(signature)
    if scalar is None:
        raise ValueError(f"no path can have the type {signature!r}: use one of b d s {' '.join(_INTEGER_BITS)}")
    return scalar


def written_value(convert: Converter, value: object) -> bool | float | str:
    """A value from a SetValue, coerced: a writer may send any number type, or a number as text.

    Raises ValueError for what the type cannot hold, what is not finite, and for an empty array (invalid).
    """
    if isinstance(value, str) and convert is not _string:
        value = _number(value)
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"{value!r} is not a single value")
    converted = convert(value)
    if converted is None:
        raise ValueError(f"{value!r} is not finite")
    return converted


def _number(text: str) -> float:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    raise ValueError(f"{text!r} is not a number")


def _integer(lowest: int, highest: int) -> Converter:
    def convert(value: Any) -> Value:
        if value is None or (isinstance(value, float) and not isfinite(value)):
            return None
        if not isinstance(value, (int, float)) or (number := int(value)) != value:
            raise ValueError(f"{value!r} is not a whole number")
        if not lowest <= number <= highest:
            raise ValueError(f"{value!r} is outside {lowest}…{highest}")
        return number

    return convert


def _double(value: Any) -> Value:
    if type(value) is not float:
        if value is None:
            return None
        if not isinstance(value, (int, float)):
            raise ValueError(f"{value!r} is not a number")
        try:
            exact = float(value) == value
        except OverflowError:
            exact = False
        if not exact:
            raise ValueError(f"{value!r} is too large")
    number = float(value)
    return number if isfinite(number) else None


def _boolean(value: Any) -> Value:
    if value is None:
        return None
    if not isinstance(value, (bool, int, float)) or value not in (0, 1):
        raise ValueError(f"{value!r} is neither true nor false")
    return bool(value)


def _string(value: Any) -> Value:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    text_bytes(value)
    return value
