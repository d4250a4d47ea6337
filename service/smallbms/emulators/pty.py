"""A serial port that is not there: a pseudo-terminal with a board behind it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
from pathlib import Path
from typing import Protocol

BITS_PER_BYTE = 10  # 8N1
CHUNK_S = 0.0083  # 8 bytes at 9600 baud; finer pacing costs more than it shows


class Board(Protocol):
    """What answers on the wire."""

    def receive(self, data: bytes) -> bytes:
        """Take bytes as they come; return the reply once a request is whole, else nothing."""


class PtyServer:
    """Plays a board behind a USB adapter that can be unplugged and plugged in again.

    `path` always leads to the adapter while it is plugged in, as /dev/serial/by-id does. With `baud` 0 the reply
    comes at once, without a turnaround.
    """

    def __init__(self, board: Board, path: Path, *, baud: int = 9600, turnaround_s: float = 0.02) -> None:
        self.path = path
        self._board = board
        self._byte_s = BITS_PER_BYTE / baud if baud else 0.0
        self._turnaround_s = turnaround_s if baud else 0.0
        self._replies: asyncio.Queue[tuple[int, float, bytes]] = asyncio.Queue()
        self._times_plugged = 0
        self._master: int | None = None
        self._slave: int | None = None

    async def run(self) -> None:
        """Plug in and serve until cancelled."""
        self.plug()
        try:
            while True:
                times_plugged, delay_s, reply = await self._replies.get()
                await asyncio.sleep(delay_s)
                await self._transmit(reply, times_plugged)
        finally:
            self.unplug()

    def plug(self) -> None:
        """Appear under `path`; nothing if plugged in. Raises FileExistsError rather than replace a real file."""
        if self._master is not None:
            return
        if self.path.is_symlink():  # left by a server that was killed
            self.path.unlink()
        elif self.path.exists():
            raise FileExistsError(f"{self.path} exists and is no link: choose another name")
        self._times_plugged += 1
        self._master, self._slave = os.openpty()
        _make_raw(self._slave)
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._on_request, self._master)
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """Vanish: whoever has the port open sees it hang up."""
        if self._master is None or self._slave is None:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self.path.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = None

    def _on_request(self, master: int) -> None:
        request = os.read(master, 4096)
        reply = self._board.receive(request)
        if reply:
            delay_s = len(request) * self._byte_s + self._turnaround_s
            self._replies.put_nowait((self._times_plugged, delay_s, reply))

    async def _transmit(self, reply: bytes, times_plugged: int) -> None:
        """Send at the line's pace, unless the adapter that was asked has been unplugged."""
        step = round(CHUNK_S / self._byte_s) if self._byte_s else len(reply)
        for start in range(0, len(reply), step):
            chunk = reply[start : start + step]
            await asyncio.sleep(len(chunk) * self._byte_s)
            if self._master is None or self._times_plugged != times_plugged:
                return
            with contextlib.suppress(BlockingIOError):  # nobody reads: as on a wire, the bytes are lost
                os.write(self._master, chunk)


def _make_raw(terminal: int) -> None:
    """Have every byte of a new pseudo-terminal pass as it is; the module `tty` is not on a GX."""
    attributes = termios.tcgetattr(terminal)
    input_flags, output_flags, local_flags = 0, 1, 3
    for flags in (input_flags, output_flags, local_flags):
        attributes[flags] = 0
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
