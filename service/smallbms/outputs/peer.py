"""The process at the other end of a connection: who it is, and its end if it hangs.

A hung outputs process leaves its pins as they are. Killed, it gives its lines back, and whoever started it starts
another, which begins with all off.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import signal
import socket
import struct
import time
from typing import Protocol

from smallbms.errors import OutputError

MISSED_ANSWERS = 3  # in a row, one a second: after 2 s of silence it would have let its pins float, if it could
LATE_S = 0.25  # this process was not awake itself; what it missed then does not count
CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid

_log = logging.getLogger(__name__)


class Connection(Protocol):
    """A socket, or what asyncio shows of one."""

    def fileno(self) -> int: ...
    def getsockopt(self, level: int, option: int, length: int, /) -> bytes: ...


class Patience:
    """Counts the questions in a row that were not answered in time, and kills who does not answer them."""

    def __init__(self) -> None:
        self._missed = 0
        self._killed_pid = 0
        self._said = ""
        self._stuck: dict[int, str] = {}  # the one that could not be ended, if any, and what was said of it

    def answered(self) -> None:
        """It answered something."""
        self._missed = 0
        self._stuck = {}

    def missed(self, connection: Connection, due_s: float) -> OutputError:
        """Say what it means that an answer, due by `due_s` (CLOCK_MONOTONIC), is not there."""
        if time.monotonic() - due_s > LATE_S:
            return OutputError("this process stood still while it waited for the outputs process")
        self._missed += 1
        if self._missed < MISSED_ANSWERS:
            return OutputError(self._stuck.get(peer_pid(connection), "the outputs process does not answer"))
        self._missed = 0
        return self._end(connection)

    def _end(self, connection: Connection) -> OutputError:
        pid = peer_pid(connection)
        try:
            kill_peer(connection)
        except OSError as error:
            text = f"the outputs process hangs and cannot be killed, its pins stay as they are: {error.strerror}"
            self._stuck = {pid: text}
        else:
            text = f"the outputs process {pid} did not answer {MISSED_ANSWERS} times and was killed"
            if pid == self._killed_pid:
                text = f"the outputs process {pid} was killed and does not end, its pins stay as they are"
                self._stuck = {pid: text}
            self._killed_pid = pid
        if text != self._said:
            _log.error("%s", text)
        self._said = text
        return OutputError(text)


def peer_pid(connection: Connection) -> int:
    """Return who listened at the other end of a Unix socket."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(credentials)[0])


def kill_peer(connection: Connection) -> None:
    """Kill that process and no other, held by a descriptor before it is seen to be there; raise OSError."""
    process = os.pidfd_open(peer_pid(connection))
    try:
        there = select.poll()
        there.register(connection.fileno(), 0)  # only whether it is closed
        if there.poll(0):
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        signal.pidfd_send_signal(process, signal.SIGKILL)
    finally:
        os.close(process)
