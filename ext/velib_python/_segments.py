"""One path's entry in an `a{sa{sv}}` body, kept marshalled.

Each entry of such an array starts on a multiple of 8, so its bytes are the same wherever it stands: GetItems and
ItemsChanged are a join of kept entries, and a change marshals its own entry only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct

from velib_python._marshal import ALIGNMENT, FIXED, PADDING, Variant, marshal, text_bytes

_LENGTH = FIXED["u"]
_EMPTY_ARRAY = _LENGTH.pack(0)
_INVALID = "ai"
_TEXT_KEY = marshal("sg", "Text", "s")


class Segment:
    """The entry of one path: `data`, of which the last `padding` bytes only align the next entry."""

    __slots__ = (
        "_fixed", "_format", "_front", "_head", "_middle", "_pack", "_signature", "_text_size", "_value_format",
        "data", "padding",
    )  # fmt: skip

    def __init__(self, path: str, signature: str, fixed: Mapping[str, Variant]) -> None:
        """`fixed` are the further keys (Min, Max, Default); the entry is invalid until the first `write`."""
        head = marshal("s", path)
        self._head = head + PADDING[-len(head) % 4]
        self._signature = signature
        self._fixed = b"".join(_property(key, variant) for key, variant in fixed.items())
        self._value_format = FIXED[signature].format[1:] if signature in FIXED else None
        self._format = ""
        self._text_size = 0
        self.write(None, "")

    def write(self, value: bool | float | str | None, text: str) -> None:
        """Take over a value (None: invalid) and its text; ValueError if a type cannot hold it."""
        text_data = text_bytes(text)
        field: bool | float | str | bytes = _EMPTY_ARRAY if value is None else value
        layout = _INVALID if value is None else self._value_format
        if layout is None:
            field = marshal(self._signature, value)
            layout = f"{len(field)}s"
        if layout != self._format or len(text_data) != self._text_size:
            self._lay_out(layout, len(text_data))
        self.data = self._pack(self._front, field, self._middle, text_data)

    def _lay_out(self, layout: str, text_size: int) -> None:
        """Prepare all bytes around a value of this format and a text of this length."""
        signature, value_format = (_INVALID, "4s") if layout is _INVALID else (self._signature, layout)
        key = _key("Value", signature)
        value_end = len(key) + Struct(f"<{value_format}").size
        self._middle = PADDING[-value_end % 8] + self._fixed + _TEXT_KEY + _LENGTH.pack(text_size)
        inner_size = value_end + len(self._middle) + text_size + 1
        front = self._head + _LENGTH.pack(inner_size)
        self._front = front + PADDING[-len(front) % 8] + key
        self.padding = -inner_size % 8
        self._pack = Struct(
            f"<{len(self._front)}s{value_format}{len(self._middle)}s{text_size}s{1 + self.padding}x"
        ).pack
        self._format, self._text_size = layout, text_size


def items_body(segments: Iterable[Segment]) -> bytes:
    """The body `a{sa{sv}}` of these entries."""
    listed = list(segments)
    data = b"".join([segment.data for segment in listed])
    length = len(data) - (listed[-1].padding if listed else 0)
    return _LENGTH.pack(length) + PADDING[4] + data[:length]


def _key(key: str, signature: str) -> bytes:
    """The head of an `a{sv}` entry, up to where a value of this type starts."""
    head = marshal("sg", key, signature)
    return head + PADDING[-len(head) % ALIGNMENT[signature[0]]]


def _property(key: str, variant: Variant) -> bytes:
    """A whole entry of an `a{sv}`, padded for the next."""
    entry = _key(key, variant.signature) + marshal(variant.signature, variant.value)
    return entry + PADDING[-len(entry) % 8]
