"""Processes of the project as subprocesses, with everything that they say."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

DEADLINE_S = 20.0
ROOT = Path(__file__).parents[2]


class Line(NamedTuple):
    """A line of a log, and when it came."""

    at_s: float
    text: str


class Result(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


async def wait_for(condition: Callable[[], object], what: str, seconds: float = DEADLINE_S) -> None:
    """Wait until the condition holds; AssertionError if it never does."""
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, f"waited {seconds:g} s in vain: {what}"
        await asyncio.sleep(0.01)


def environment(folder: Path) -> dict[str, str]:
    """Ours, with every place of state and sockets in the folder of the test."""
    places = {"XDG_STATE_HOME": folder / "state-home", "XDG_RUNTIME_DIR": folder / "runtime-home", "HOME": folder}
    path = os.pathsep.join(str(ROOT / part) for part in ("service", "ext"))
    no_bus = f"unix:path={folder}/no-system-bus"  # nothing of this machine
    ours = {"PYTHONPATH": path, "DBUS_SYSTEM_BUS_ADDRESS": no_bus, "DBUS_SESSION_BUS_ADDRESS": no_bus}
    return {**os.environ, **ours, **{name: str(place) for name, place in places.items()}}


class Program:
    """A module of Python as a process; `lines` is its stderr."""

    def __init__(self, folder: Path, module: str, *arguments: str) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = environment(folder)
        self._process: Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self.lines: list[Line] = []

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(*self._command, env=self._environment, stderr=PIPE)
        self._listener = asyncio.create_task(self._listen(self._process))

    async def _listen(self, process: Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self.lines.append(Line(time.monotonic(), line.decode(errors="replace").rstrip()))

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Its status, once it has ended and all that it said was read."""
        assert self._process is not None and self._listener is not None
        async with asyncio.timeout(DEADLINE_S):
            status = await self._process.wait()
            await self._listener
        return status

    async def kill(self) -> None:
        if self.running:
            self.send(signal.SIGKILL)
            await self.ended()

    async def terminate(self) -> int:
        self.send(signal.SIGTERM)
        return await self.ended()

    async def said(self, text: str, after: int = 0, seconds: float = DEADLINE_S) -> Line:
        """The first line with this text, not counting the `after` first ones; waits for it."""
        found: list[Line] = []

        def there() -> bool:
            found.extend(line for line in self.lines[after:] if text in line.text)
            return bool(found)

        await wait_for(there, f"{text!r} in the log", seconds)
        return found[0]


async def run_command(folder: Path, *arguments: str) -> Result:
    """A command of the command line, to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "smallbms", *arguments, env=environment(folder), stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(DEADLINE_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err, err.decode()
    return Result(process.returncode, out.decode(), err.decode())
