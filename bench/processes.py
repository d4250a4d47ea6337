"""Processes of a system under measurement, and what they use."""

from __future__ import annotations

import asyncio
import compileall
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
INSTALLED = ROOT / ".cache/bench"
DEADLINE_S = 60.0
END_S = 10.0


def cpu_s(process: subprocess.Popen[Any]) -> float:
    """CPU time of all its threads, user and system, in nanosecond steps: the process's own clock of the kernel."""
    return time.clock_gettime((~process.pid << 3) | 2)  # CPUCLOCK_SCHED, as clock_getcpuclockid(3) makes it


def resident_mb(process: subprocess.Popen[Any]) -> float:
    """Resident memory, in millions of bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    (kib,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return kib * 1024 / 1e6


@functools.cache
def _installed() -> tuple[str, ...]:
    """Where to find the product compiled, as an installation leaves it."""
    for part in ("service", "ext"):
        shutil.copytree(ROOT / part, INSTALLED / part, dirs_exist_ok=True)
        compileall.compile_dir(INSTALLED / part, quiet=1)
    return str(INSTALLED / "service"), str(INSTALLED / "ext"), sysconfig.get_path("purelib")


@contextlib.contextmanager
def product(*arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the product until the block ends; what it says goes to `log`.

    It finds its packages by PYTHONPATH, as on a GX: what an editable install or this machine adds at the start of each
    Python is not the product's.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_installed())}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-S", *arguments], cwd=ROOT, env=environment, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """End it, kindly at first."""
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Daemon:
    """A bus daemon of our own, that can be killed and come back at the same address."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "bus"
        self.address = f"unix:path={self._socket}"
        self.process = self._started()

    def restart(self) -> None:
        """Return once the new one listens."""
        self.process.kill()
        self.process.communicate()
        self._socket.unlink(missing_ok=True)
        self.process = self._started()

    def close(self) -> None:
        end(self.process)
        self.process.communicate()

    def _started(self) -> subprocess.Popen[str]:
        command = ["dbus-daemon", "--session", "--nofork", "--print-address", f"--address={self.address}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout
        process.stdout.readline()
        return process


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[Daemon]:
    """A bus daemon until the block ends."""
    one = Daemon(folder)
    try:
        yield one
    finally:
        one.close()


class Helper:
    """A process of the benchmark itself that answers each line of JSON with one."""

    def __init__(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def ask(self, **question: Any) -> Any:
        """Ask; an empty question only waits for what it says at its start."""
        assert self.process.stdin and self.process.stdout
        if question:
            print(json.dumps(question), file=self.process.stdin, flush=True)
        return json.loads(await asyncio.to_thread(self.process.stdout.readline))

    def close(self) -> None:
        end(self.process)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()


async def until(what: Callable[[], bool], *, every_s: float = 0.004, deadline_s: float = DEADLINE_S) -> float:
    """Wait for a condition: the monotonic time at which it was seen, inf if not within the deadline."""
    end_s = time.monotonic() + deadline_s
    while not what():
        if time.monotonic() > end_s:
            return float("inf")
        await asyncio.sleep(every_s)
    return time.monotonic()
