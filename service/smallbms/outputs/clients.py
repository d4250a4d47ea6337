"""One connection: bytes in, lines out of them; answers in, bytes out of them. Neither side may grow without end."""

from __future__ import annotations

import json

from smallbms.errors import LinkError
from smallbms.outputs.protocol import LINE_LIMIT
from smallbms.outputs.unix import UnixSocket

CHUNK = 1024  # read in one turn, so that a flood does not delay the others
BACKLOG_LIMIT = 65536  # bytes of answers that a client may leave unread


class Gone(LinkError):
    """The connection ended, by either side."""


class Client:
    """A non-blocking connection."""

    def __init__(self, connection: UnixSocket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self._received = b""
        self._too_long = False
        self._unsent = b""

    @property
    def number(self) -> int:
        """What names this connection while it lasts."""
        return self.connection.fileno()

    @property
    def has_unsent(self) -> bool:
        """Answers wait for the client to read."""
        return bool(self._unsent)

    def receive(self) -> list[bytes | None]:
        """Return the lines that are complete now, None for one over LINE_LIMIT; raise Gone."""
        try:
            chunk = self.connection.recv(CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Gone(str(error)) from None
        if not chunk:
            raise Gone("closed")
        *lines, self._received = (self._received + chunk).split(b"\n")
        found: list[bytes | None] = []
        for line in lines:
            found.append(None if self._too_long else line)
            self._too_long = False
        if len(self._received) > LINE_LIMIT:
            self._received, self._too_long = b"", True
        return found

    def send(self, answer: object) -> None:
        """Queue an answer and send what the client takes; raise Gone if it reads too slowly."""
        self._unsent += json.dumps(answer).encode() + b"\n"
        self.flush()
        if len(self._unsent) > BACKLOG_LIMIT:
            raise Gone("it does not read its answers")

    def flush(self) -> None:
        """Send what the client takes now; raise Gone."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.connection.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError as error:
            raise Gone(str(error)) from None
