"""A whole system in which everything around the service can be broken, and mended again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from integration.client import Client, Items
from integration.harness import Battery, System
from integration.programs import Program, wait_for
from smallbms.emulators.pty import PtyServer

from .wire import Garbage, GarbledBoard

MAIN = Path(__file__).with_name("rigged_main.py")
KEPT = ("/History/", "/Settings/", "/Mode", "/CustomName", "/Serial", "/Soc")
ITEMS_CHANGED = "type='signal',interface='com.victronenergy.BusItem'"
SMALLEST_FILE_BYTES = 10
PIPE_BLOCK = 4096
REFUSALS = 20  # in a row: the pipe is full


class GarbledBattery(Battery):
    """A battery whose replies come out of the wire as its `garbage` says."""

    def __init__(self, port: Path) -> None:
        super().__init__(port)
        self.wire = GarbledBoard(self.board)
        self.cable = PtyServer(self.wire, port, baud=0)

    def garble(self, garbage: Garbage | None) -> None:
        self.wire.garbage = garbage


class RiggedProgram(Program):
    """The main process by way of rigged_main.py."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(folder, "smallbms", *arguments)
        self._command = [sys.executable, str(MAIN), str(folder), *arguments]

    async def jam(self) -> None:
        """Nobody reads what it says any more, and the pipe is full."""
        assert self._listener is not None
        self._listener.cancel()
        pipe = os.open(f"/proc/{self.pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
        try:
            for size in (PIPE_BLOCK, 1):
                await _fill(pipe, b"-" * (size - 1) + b"\n")
        finally:
            os.close(pipe)

    def unjam(self) -> None:
        """Somebody reads again, if nobody did."""
        assert self._process is not None and self._listener is not None
        if self._listener.cancelled():
            self._listener = asyncio.create_task(self._listen(self._process))


async def _fill(pipe: int, block: bytes) -> None:
    """Write until nothing more is taken, by the pipe or by what reads ahead from it."""
    refused = 0
    while refused < REFUSALS:
        try:
            os.write(pipe, block)
            refused = 0
        except BlockingIOError:
            refused += 1
        await asyncio.sleep(0.001)


class RiggedSystem(System):
    """The same as System, and what it stands on can fail."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.wires = [GarbledBattery(battery.cable.path) for battery in self.batteries]
        self.batteries = list(self.wires)
        self._deaf: Process | None = None

    @property
    def rigged_main(self) -> RiggedProgram:
        assert isinstance(self.main, RiggedProgram)
        return self.main

    async def start_main(self) -> Program:
        self.main = RiggedProgram(self.folder, *self.run_arguments())
        self.programs.append(self.main)
        await self.main.start()
        return self.main

    async def stop(self) -> None:
        self.daemon.resume()
        for program in self.programs:
            if program.running:
                program.send(signal.SIGCONT)
        self.rigged_main.unjam()
        await self.attend()
        await super().stop()

    def forget(self, client: Client) -> None:
        """A client that has left needs no end any more."""
        self._clients.remove(client)

    async def kept(self) -> Items:
        """What no fault may change."""
        return {path: value for path, value in (await self.client.items()).items() if path.startswith(KEPT)}

    async def keep(self, path: str, value: object) -> None:
        """Change a setting, and wait until it would survive."""
        saved = self.generation("settings")
        assert await self.client.set(path, value) == 0
        await self.saved("settings", after=saved)

    # --- the machine ---------------------------------------------------------------------------------------------

    def shift_clock(self, by_s: float) -> None:
        """Step the wall clock of the main process."""
        fresh = self.folder / "clock.new"
        fresh.write_text(str(by_s), encoding="ascii")
        fresh.rename(self.folder / "clock")

    def limit_files(self, size: int | None) -> None:
        """No file of the main process may grow any further: its disk is full. None: it has room again."""
        _, hard = resource.prlimit(self.main.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.main.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def forbid_writing(self, forbidden: bool) -> None:
        """Have the state directory read-only."""
        if forbidden:
            (self.folder / "read-only").touch()
        else:
            (self.folder / "read-only").unlink()

    # --- the bus -------------------------------------------------------------------------------------------------

    async def subscribe_deaf(self) -> None:
        """Somebody asks for every signal of the service and then stands still."""
        self._deaf = await asyncio.create_subprocess_exec(
            "dbus-monitor", "--address", self.daemon.address, ITEMS_CHANGED, stdout=PIPE, stderr=DEVNULL
        )
        assert self._deaf.stdout is not None
        await self._deaf.stdout.readline()
        self._deaf.send_signal(signal.SIGSTOP)

    async def attend(self) -> None:
        """The deaf subscriber ends."""
        if self._deaf is not None:
            self._deaf.kill()
            await self._deaf.communicate()
            self._deaf = None

    async def restart_bus(self) -> None:
        """A new daemon at the old address, and a client on it."""
        await self.daemon.start()
        self.client = await self.connect()

    # --- what the main process uses ------------------------------------------------------------------------------

    async def tasks(self) -> int:
        """How many asyncio tasks the main process has."""
        file = self.folder / "tasks"
        file.unlink(missing_ok=True)
        self.main.send(signal.SIGUSR1)
        await wait_for(file.exists, "the number of tasks")
        return int(file.read_text(encoding="ascii"))


def descriptors(program: Program) -> int:
    """How many files, sockets and pipes a process has open."""
    return len(os.listdir(f"/proc/{program.pid}/fd"))


def resident_mb(program: Program) -> float:
    """Resident memory, in millions of bytes."""
    pages = int(Path(f"/proc/{program.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


@contextlib.asynccontextmanager
async def rigged(folder: Path, **options: Any) -> AsyncIterator[RiggedSystem]:
    """A rigged system with both permissions given."""
    folder.mkdir(exist_ok=True)
    system = RiggedSystem(folder, **options)
    try:
        await system.start()
        yield system
    finally:
        await system.stop()
