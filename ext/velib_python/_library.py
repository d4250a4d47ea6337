"""The one place that knows dbus-next and dbus-fast: it parses what others send.

What we send is marshalled here (`_marshal`, `_segments`) and the socket belongs to asyncio (`connection`), because
that is where both libraries lose connections; reading foreign bytes is what they do well. Both have the same API, so
either serves: dbus-fast is compiled and faster, dbus-next is pure Python and what a GX uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from struct import error as struct_error
from typing import Any, Literal

from velib_python._marshal import NO_REPLY_EXPECTED, MessageKind

LibraryName = Literal["dbus-fast", "dbus-next"]
Parser = Callable[[bytes], "Message"]

_PREFERRED_FIRST: tuple[LibraryName, ...] = ("dbus-fast", "dbus-next")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A received message; `body` holds plain values, variants have `.signature` and `.value`."""

    kind: MessageKind
    serial: int
    reply_expected: bool
    reply_serial: int | None
    sender: str | None
    path: str | None
    interface: str | None
    member: str | None
    error_name: str | None
    signature: str
    body: list[Any]


def load_parser(name: LibraryName | None = None) -> Parser:
    """The parser of this library, or of the first one that imports; ImportError names what is missing."""
    if name is not None:
        return _parser(name)
    for candidate in _PREFERRED_FIRST:
        try:
            return _parser(candidate)
        except ImportError:
            continue
    raise ImportError("neither dbus-fast nor dbus-next can be imported")


def _parser(name: LibraryName) -> Parser:
    unmarshaller = import_module(name.replace("-", "_") + "._private.unmarshaller").Unmarshaller

    def parse(frame: bytes) -> Message:
        """Parse one whole message; ValueError for bytes that are none."""
        try:
            parsed = unmarshaller(BytesIO(frame)).unmarshall()
        except (ValueError, TypeError, LookupError, EOFError, RecursionError, struct_error) as error:
            raise ValueError(f"no D-Bus message: {error!r}") from error
        if parsed is None:
            raise ValueError("no D-Bus message: it ends too soon")
        return Message(
            kind=MessageKind(parsed.message_type.value),
            serial=parsed.serial,
            reply_expected=not parsed.flags.value & NO_REPLY_EXPECTED,
            reply_serial=parsed.reply_serial,
            sender=parsed.sender,
            path=parsed.path,
            interface=parsed.interface,
            member=parsed.member,
            error_name=parsed.error_name,
            signature=parsed.signature,
            body=parsed.body,
        )

    return parse
