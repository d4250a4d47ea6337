"""One path of a service: its value, its text and what may be written to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from operator import mod
from typing import Any

from velib_python._marshal import Variant
from velib_python._segments import Segment
from velib_python._values import Value, converter, written_value

GetText = str | Callable[[str, Any], str]
OnChange = Callable[[str, Any], bool | Awaitable[bool]]

INVALID = Variant("ai", ())


class Item:
    """A path with its declared type. `value` is None while invalid, `text` is then empty."""

    __slots__ = (
        "_convert", "_limits", "_maximum", "_minimum", "_text_of", "ask_always", "description", "onchange", "path",
        "segment", "signature", "text", "value", "writeable",
    )  # fmt: skip

    def __init__(
        self, path: str, signature: str, *, gettext: GetText | None, writeable: bool, onchange: OnChange | None,
        minimum: float | None, maximum: float | None, default: Value, description: str, ask_always: bool = False,
    ) -> None:  # fmt: skip
        self.path = path
        self.signature = signature
        self.writeable = writeable
        self.onchange = onchange
        self.description = description
        self.ask_always = ask_always
        self.value: Value = None
        self.text = ""
        self._convert = converter(signature)
        self._text_of = _text_function(path, gettext)
        self._minimum = minimum
        self._maximum = maximum
        limits = {"Min": minimum, "Max": maximum, "Default": default}
        self._limits = {key: self._convert(limit) for key, limit in limits.items() if limit is not None}
        self.segment = Segment(path, signature, {key: Variant(signature, limit) for key, limit in self._limits.items()})

    def assign(self, value: Any) -> bool:
        """Take over a published value: whether value or text changed.

        Raises ValueError if the declared type cannot hold it; the item is invalid then, rather than stale.
        """
        try:
            value = self._convert(value)
            text = "" if value is None else self._text_of(value)
            if value == self.value and text == self.text:
                return False
            self.segment.write(value, text)
        except ValueError:
            self.value, self.text = None, ""
            self.segment.write(None, "")
            raise
        self.value, self.text = value, text
        return True

    def written(self, value: object) -> bool | float | str:
        """The value that a SetValue asks for; ValueError if the type or the limits forbid it."""
        wanted = written_value(self._convert, value)
        if isinstance(wanted, str):
            return wanted
        if (self._minimum is not None and wanted < self._minimum) or (
            self._maximum is not None and wanted > self._maximum
        ):
            raise ValueError(f"{wanted!r} is outside {self._minimum}…{self._maximum}")
        return wanted

    @property
    def variant(self) -> Variant:
        """The value as it goes over the wire."""
        return INVALID if self.value is None else Variant(self.signature, self.value)

    def limit(self, key: str) -> Variant:
        """`Min`, `Max` or `Default`; invalid if not declared."""
        return Variant(self.signature, self._limits[key]) if key in self._limits else INVALID


def _text_function(path: str, gettext: GetText | None) -> Callable[[Any], str]:
    if gettext is None:
        return str
    if isinstance(gettext, str):
        return partial(mod, gettext)
    return partial(gettext, path)
