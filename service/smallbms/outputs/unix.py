"""Unix sockets by the C part of `socket`: the rest of that module is 0.6 MB of enums and selectors."""

from __future__ import annotations

import errno
from _socket import AF_UNIX, SOCK_DGRAM, socket

from smallbms.outputs.lean import TYPE_CHECKING

BACKLOG = 128


class UnixSocket(socket):
    """A stream socket, never handed on to a child."""

    def __init__(self, fileno: int | None = None) -> None:
        super().__init__(AF_UNIX, fileno=fileno)

    if TYPE_CHECKING:

        def _accept(self) -> tuple[int, object]: ...

    def accepted(self) -> UnixSocket:
        """Return the next connection; raise OSError, BlockingIOError if there is none."""
        fileno, _ = self._accept()
        return UnixSocket(fileno)


def send_datagram(path: str, text: bytes) -> None:
    """Send it without waiting; raise OSError."""
    sender = socket(AF_UNIX, SOCK_DGRAM)
    try:
        sender.setblocking(False)
        sender.sendto(text, path)
    finally:
        sender.close()


def is_served(path: str) -> bool:
    """Return whether a process listens at a socket that is there."""
    probe = UnixSocket()
    try:
        probe.setblocking(False)
        return probe.connect_ex(path) != errno.ECONNREFUSED
    finally:
        probe.close()
