"""An outputs process of one's own, where no supervisor has one (demo, `run --own-outputs`)."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from smallbms.errors import OutputError
from smallbms.outputs.peer import peer_pid

FLAGS = ("-S", "-B")  # it needs nothing that is installed: 2 MB and a third of its start less
PACKAGES = str(Path(__file__).parents[2])
START_S = 10.0
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # then the last one for ever

_log = logging.getLogger(__name__)


class OwnOutputs:
    """A process that outlives this one, ends by itself when nobody is in control, and is started again if it ends.

    One that serves the socket already is taken instead. `pid` is the one that served last.
    """

    def __init__(self, path: str, *arguments: str) -> None:
        self._path = path
        self._arguments = arguments
        self._child: int | None = None  # not reaped yet, so that the number is nobody else's
        self.pid = 0

    async def start(self) -> None:
        """Return once it serves; raise OutputError."""
        self.pid = await _serving(self._path) or await self._spawn()

    async def run(self) -> None:
        """Start another whenever it has ended, until cancelled."""
        while True:
            await _ended(self.pid)
            self._reap()
            _log.warning("the outputs process %d ended: starting another", self.pid)
            waits = iter(BACKOFF_S)
            while True:
                try:
                    await self.start()
                    break
                except OutputError as error:
                    _log.warning("%s", error)
                    await asyncio.sleep(next(waits, BACKOFF_S[-1]))

    def stop(self) -> None:
        """End it, if it was started here."""
        if self._child is not None:
            os.kill(self._child, signal.SIGTERM)

    async def _spawn(self) -> int:
        command = [sys.executable, *FLAGS, "-m", "smallbms.outputs", "--socket", self._path, "--own", *self._arguments]
        self._child = pid = os.posix_spawn(sys.executable, command, _environment(), setsid=True)
        try:
            async with asyncio.timeout(START_S):
                while not await _serving(self._path):
                    await asyncio.sleep(0.02)
                    if self._reap():
                        raise OutputError(f"the outputs process for {self._path} ended at once; its log says why")
        except TimeoutError:
            raise OutputError(f"the outputs process for {self._path} does not serve after {START_S:g} s") from None
        return pid

    def _reap(self) -> bool:
        """Let the child go if it has ended."""
        if self._child is None or not os.waitpid(self._child, os.WNOHANG)[0]:
            return False
        self._child = None
        return True


def _environment() -> dict[str, str]:
    """Ours, but for the supervisor of this process: it is not its."""
    ours = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    return {**ours, "PYTHONPATH": PACKAGES}


async def _serving(path: str) -> int | None:
    """Return the process that serves a socket, None if none does."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return None
    pid = peer_pid(writer.get_extra_info("socket"))
    writer.close()
    await writer.wait_closed()
    return pid


async def _ended(pid: int) -> None:
    """Return once a process, ours or not, has ended."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        loop.add_reader(process, lambda: None if ended.done() else ended.set_result(None))
        await ended
    finally:
        loop.remove_reader(process)
        os.close(process)
