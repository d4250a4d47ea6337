"""What a setting is to every door: its row, what is allowed, and the check of a written value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from math import inf
from typing import Any, Literal

from smallbms.errors import SettingsError
from smallbms.frozen import frozen
from smallbms.wording import finite, refusal, span

Kind = Literal["d", "i", "s"]
Value = float | int | str

NAME_CHARACTERS = 32


@frozen
class Bounds:
    """What is allowed, and the default; None while it cannot be known, no minimum and maximum for text."""

    minimum: float | None = None
    maximum: float | None = None
    default: Value | None = None

    def narrowed(self, lowest: float = -inf, highest: float = inf) -> Bounds:
        """Return these bounds with no more than lowest…highest in them."""
        if self.minimum is None or self.maximum is None:
            return self
        return Bounds(minimum=max(self.minimum, lowest), maximum=min(self.maximum, highest), default=self.default)

    def scaled(self, factor: int | None) -> Bounds:
        return Bounds(
            minimum=scaled(self.minimum, factor),
            maximum=scaled(self.maximum, factor),
            default=scaled(self.default, factor),
        )


@frozen
class SettingRow:
    """One setting; a field of `Settings` says here what pydantic does not know, the rows of SETTINGS say all.

    `kind`: D-Bus type. `words`: the only values, by the word a person may write. `scaled_by_cells`: a value per cell
    that the bus shows for all cells in series. `restored_by_defaults`: manual §5.1.2.
    """

    bus_path: str
    kind: Kind
    unit: str = ""
    step: float = 1
    restored_by_defaults: bool = False
    scaled_by_cells: bool = False
    words: Mapping[str, int] = field(default_factory=dict)
    name: str = ""
    title: str = ""
    text: str = ""
    bounds: Bounds = field(default_factory=Bounds)


def checked(row: SettingRow, value: object, allowed: Bounds) -> Any:
    """Return a written value as its setting keeps it.

    Takes text for numbers, whole floats for ints, for a switch its words or true and false. Raises SettingsError that
    names the setting, the value and what is allowed.
    """
    if row.kind == "s":
        return _text(row, value)
    if row.words:
        return _choice(row, value)
    lowest, highest, number = allowed.minimum, allowed.maximum, number_of(value)
    if lowest is None or highest is None:
        raise SettingsError(
            f"{row.title} ({row.name}): its bounds are known once the batteries are read; try again then"
        )
    whole = row.kind == "i"
    if number is None or not lowest <= number <= highest or (whole and not number.is_integer()):
        raise refused(row.title, row.name, value, "a whole number, " * whole + span(lowest, highest, row.unit))
    return int(number) if whole else number


def refused(title: str, name: str, value: object, allowed: str) -> SettingsError:
    return SettingsError(refusal(f"{title} ({name})", value, allowed))


def number_of(value: object) -> float | None:
    """Return what was meant, to six decimals so that sums of steps stay in bounds; None if it is no number."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    number = finite(value)
    return None if number is None else round(number, 6)


def scaled(value: Value | None, factor: int | None) -> float | None:
    """Return a value of one cell for `factor` cells, to the mV; None if either is not known."""
    if value is None or not factor:
        return None
    return round(float(value) * factor, 3)


def _text(row: SettingRow, value: object) -> str:
    if isinstance(value, str) and len(value) <= NAME_CHARACTERS and value.isprintable():
        return value
    raise refused(row.title, row.name, value, f"a text of at most {NAME_CHARACTERS} characters, no control characters")


def _choice(row: SettingRow, value: object) -> int:
    if isinstance(value, bool):
        value = "on" if value else "off"
    written = value.strip().lower() if isinstance(value, str) else ""
    number = row.words.get(written, number_of(value))
    if number is None or number not in row.words.values():
        raise refused(row.title, row.name, value, ", ".join(f"{code} ({word})" for word, code in row.words.items()))
    return int(number)
