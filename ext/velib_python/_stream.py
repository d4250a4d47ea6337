"""The byte stream to a D-Bus daemon: authentication, framing, a queue for what the socket does not take.

All of it is asyncio's transport: it keeps what a full socket refuses, says when it is full and when it has drained,
and its loss is an event of its own. The libraries' own connections fail at exactly these three.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from typing import cast

from velib_python._frames import FrameReader

# Above it the transport counts as full: publishers coalesce, and nothing more is read until it has drained.
_FULL_AT_BYTES = 64 * 1024
_LONGEST_SASL_LINE = 16 * 1024


class Stream(asyncio.Protocol):
    """Gives each whole frame to `on_frame`; `on_drained` follows each time that `writable` turns true again."""

    def __init__(self, on_frame: Callable[[bytes], None], on_drained: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self.writable = False
        self.authenticated: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[BaseException | None] = loop.create_future()
        self._on_frame = on_frame
        self._on_drained = on_drained
        self._transport: asyncio.Transport
        self._sasl_line = b""
        self._frames = FrameReader()
        self._received: deque[bytes] = deque()
        self._failure: BaseException | None = None

    @property
    def closed(self) -> bool:
        """Nothing can be sent any more."""
        return self.lost.done() or self._transport.is_closing()

    @property
    def bytes_waiting(self) -> int:
        """What the socket has not taken yet."""
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Send, or queue while the socket is full; ConnectionError if the stream is closed."""
        if self.closed:
            raise ConnectionResetError(f"the connection to the bus is closed: {self._failure or 'by us'}")
        self._transport.write(data)

    def close(self) -> None:
        """Close as soon as what waits is sent."""
        self._transport.close()

    def abort(self, reason: BaseException | None = None) -> None:
        """Close at once; what waits is lost."""
        self._failure = self._failure or reason
        self._transport.abort()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_FULL_AT_BYTES)
        self.writable = True
        user_id = str(os.getuid()).encode().hex()
        self._transport.write(f"\0AUTH EXTERNAL {user_id}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        if not self.authenticated.done():
            data = self._authenticate(data)
        try:
            frames = self._frames.feed(data)
        except ValueError as error:
            self.abort(ConnectionError(str(error)))
            return
        self._received.extend(frames)
        self._hand_over()

    def _hand_over(self) -> None:
        """Stop while the socket is full, or the answers to many calls would pile up."""
        while self._received and self.writable:
            self._on_frame(self._received.popleft())

    def _authenticate(self, data: bytes) -> bytes:
        """The client's side of SASL EXTERNAL (D-Bus specification, "Authentication Protocol"): what follows it."""
        self._sasl_line, end, rest = (self._sasl_line + data).partition(b"\r\n")
        if end and self._sasl_line.startswith(b"OK "):
            self._transport.write(b"BEGIN\r\n")
            self.authenticated.set_result(None)
            return rest
        if end or len(self._sasl_line) > _LONGEST_SASL_LINE:
            answer = self._sasl_line[:80].decode(errors="replace")
            self.abort(ConnectionRefusedError(f"the bus daemon refused user {os.getuid()}: {answer}"))
        return b""

    def pause_writing(self) -> None:
        self.writable = False
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.writable = True
        self._on_drained()
        self._hand_over()
        if self.writable:
            self._transport.resume_reading()

    def eof_received(self) -> None:
        self._failure = self._failure or ConnectionResetError("the bus daemon closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        self.writable = False
        error = self._failure or exc
        if not self.authenticated.done():
            self.authenticated.set_exception(error or ConnectionResetError("closed while connecting"))
        self.lost.set_result(error)
