"""The writing side of the D-Bus wire format (little endian): values → bytes.

Source: D-Bus specification, "Marshaling" and "Message Protocol".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from functools import lru_cache
from struct import Struct
from struct import error as struct_error
from typing import Any, NamedTuple

FIXED = {
    code: Struct(f"<{python}")
    for code, python in {
        "y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d",
    }.items()
}  # fmt: skip
ALIGNMENT = {code: packer.size for code, packer in FIXED.items()} | {
    "s": 4, "o": 4, "a": 4, "g": 1, "v": 1, "(": 8, "{": 8,
}  # fmt: skip
PADDING = tuple(bytes(length) for length in range(8))

NO_REPLY_EXPECTED = 0x1
_PROTOCOL_VERSION = 1
_PREAMBLE = Struct("<cBBBII")
_LENGTH = FIXED["u"]


class Variant(NamedTuple):
    """A value that carries its type; the signature is one complete type."""

    signature: str
    value: Any


class MessageKind(IntEnum):
    CALL = 1
    RETURN = 2
    ERROR = 3
    SIGNAL = 4


class Field(IntEnum):
    """Codes of the header fields."""

    PATH = 1
    INTERFACE = 2
    MEMBER = 3
    ERROR_NAME = 4
    REPLY_SERIAL = 5
    DESTINATION = 6
    SIGNATURE = 8


_FIELD_TYPE = {Field.PATH: "o", Field.REPLY_SERIAL: "u", Field.SIGNATURE: "g"}


def text_bytes(text: str) -> bytes:
    """UTF-8 of `text`; ValueError for what no D-Bus string can hold (the daemon would cut the connection)."""
    data = text.encode()
    if 0 in data:
        raise ValueError(f"a D-Bus string cannot hold NUL: {text!r}")
    return data


def marshal(signature: str, *values: Any) -> bytes:
    """Marshal a message body.

    Arrays are lists or tuples, structs tuples, dicts mappings, variants `Variant`.
    Raises ValueError for a value that its type cannot hold.
    """
    out = bytearray()
    types = complete_types(signature)
    if len(types) != len(values):
        raise ValueError(f"{len(values)} values for signature {signature!r}")
    try:
        for code, value in zip(types, values, strict=True):
            _write(out, code, value)
    except (struct_error, TypeError, AttributeError) as error:
        raise ValueError(f"{signature!r} cannot hold {values!r}: {error}") from error
    return bytes(out)


def header_fields(fields: Mapping[Field, object]) -> bytes:
    """Everything between the serial and the body, the padding to 8 included."""
    listed = [(code, Variant(_FIELD_TYPE.get(code, "s"), value)) for code, value in fields.items() if value]
    before = _PREAMBLE.size
    block = marshal("uuua(yv)", 0, 0, 0, listed)[before:]
    return block + PADDING[-(before + len(block)) % 8]


def message(kind: MessageKind, serial: int, fields: bytes, body: bytes = b"", flags: int = 0) -> bytes:
    """A whole message; `fields` as made by `header_fields`."""
    return _PREAMBLE.pack(b"l", kind, flags, _PROTOCOL_VERSION, len(body), serial) + fields + body


@lru_cache(maxsize=256)
def complete_types(signature: str) -> tuple[str, ...]:
    """Split a signature into its complete types: `a{sv}u` → (`a{sv}`, `u`)."""
    types = []
    start = 0
    while start < len(signature):
        end = _type_end(signature, start)
        types.append(signature[start:end])
        start = end
    return tuple(types)


def _type_end(signature: str, start: int) -> int:
    while signature[start] == "a":
        start += 1
    depth = 0
    for at in range(start, len(signature)):
        depth += (signature[at] in "({") - (signature[at] in ")}")
        if depth == 0:
            return at + 1
    raise ValueError(f"unbalanced signature {signature!r}")


def _pad(out: bytearray, alignment: int) -> None:
    out += PADDING[-len(out) % alignment]


def _write(out: bytearray, signature: str, value: Any) -> None:
    code = signature[0]
    _pad(out, ALIGNMENT[code])
    if packer := FIXED.get(code):
        out += packer.pack(value)
    elif code in "so":
        data = text_bytes(value)
        out += _LENGTH.pack(len(data)) + data + b"\0"
    elif code == "g":
        out += bytes((len(value),)) + value.encode() + b"\0"
    elif code == "v":
        _write(out, "g", value.signature)
        _write(out, value.signature, value.value)
    elif code == "a":
        _write_array(out, signature[1:], value.items() if isinstance(value, Mapping) else value)
    else:
        for member_type, member in zip(complete_types(signature[1:-1]), value, strict=True):
            _write(out, member_type, member)


def _write_array(out: bytearray, element: str, values: Iterable[Any]) -> None:
    length_at = len(out)
    out += _LENGTH.pack(0)
    _pad(out, ALIGNMENT[element[0]])
    start = len(out)
    for value in values:
        _write(out, element, value)
    _LENGTH.pack_into(out, length_at, len(out) - start)
