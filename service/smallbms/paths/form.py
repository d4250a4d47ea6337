"""How a value goes over the bus: its D-Bus type, its unit, to how many decimals, its text.

Types and texts of the 89 recorded paths are those of a real Lynx Smart BMS NG (venus-docker, simulations/s/battery1).
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from smallbms.frozen import frozen
from smallbms.setting_row import Value

_RANGES = {"y": (0, 0xFF), "q": (0, 0xFFFF), "u": (0, 0xFFFF_FFFF), "i": (-0x8000_0000, 0x7FFF_FFFF)}


@frozen
class Form:
    """`take` makes of what a getter gives the value to publish: None, which is invalid, for what does not fit."""

    signature: str
    unit: str
    take: Callable[[Any], Value | None]
    text: Callable[[Any], str]


def decimal(unit: str, decimals: int, text: str | Callable[[Any], str]) -> Form:
    """A DOUBLE; rounding keeps noise that nobody can see off the bus."""

    def take(value: Any) -> Value | None:
        if value is None or not isfinite(value):
            return None
        return round(float(value), decimals) + 0.0  # no -0.0

    return Form(signature="d", unit=unit, take=take, text=text.format if isinstance(text, str) else text)


def whole(signature: str, unit: str = "", text: str | Callable[[Any], str] = "{}") -> Form:
    """An integer; flags too, because a GX compares them with 1 and takes no D-Bus boolean for it."""
    lowest, highest = _RANGES[signature]

    def take(value: Any) -> Value | None:
        if value is None or not isfinite(value):
            return None
        number = round(value)
        return number if lowest <= number <= highest else None

    return Form(signature=signature, unit=unit, take=take, text=text.format if isinstance(text, str) else text)


def _printable(value: Any) -> Value | None:
    """Text from a wire may hold anything; D-Bus takes no NUL and no half characters."""
    if value is None or value.isprintable():
        return value if value is None else str(value)
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in value)


def _extreme_text(volts: float) -> str:
    """The millivolts only where there are some: 3.39V, 3.355V."""
    text = f"{volts:z.3f}"
    return text.removesuffix("0") + "V"


def _version_text(packed: int) -> str:
    return f"v{packed >> 16:x}.{packed >> 8 & 0xFF:02x}"


VOLTAGE = decimal("V", 2, "{:z.2f}V")
CELL_VOLTAGE = decimal("V", 3, "{:z.3f}V")
CELL_EXTREME = decimal("V", 3, _extreme_text)
CURRENT = decimal("A", 2, "{:z.1f}A")
LIMIT_CURRENT = decimal("A", 1, "{:z.1f}A")
POWER = whole("i", "W", "{}W")
PERCENT = decimal("%", 1, "{:z.1f}%")
CHARGE = decimal("Ah", 1, "{:z.1f}Ah")
ENERGY = decimal("kWh", 2, "{:z.2f}kWh")
TEMPERATURE = decimal("°C", 1, "{:z.0f} degrees")
DAYS = decimal("d", 1, "{:z.1f} days")
CAPACITY = whole("q", "Ah", "{}Ah")
NOMINAL_VOLTAGE = whole("y", "V", "{}V")
TIME_LEFT = whole("u", "s", "{}s")
TIME_SINCE = whole("i", "s", "{}s")
UNIX_TIME = whole("u", "s since 1970")
COUNT = whole("i")
FLAG = whole("u")
CODE = whole("u")
SMALL_COUNT = whole("y")
PRODUCT_ID = whole("q", "", "0x{:X}")
VERSION = whole("u", "", _version_text)
TEXT = Form(signature="s", unit="", take=_printable, text=str)
