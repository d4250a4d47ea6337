"""Start, stop and watch the two processes, whoever supervises them."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from smallbms.errors import InstallError
from smallbms.installer.programs import ask, obey

STOP_S = 20.0  # the main process saves its state within 10 s
POLL_S = 0.05
_PID = re.compile(r": up \(pid (\d+)\)")
_SUPERVISED = re.compile(r": (up|down) ")


class Services(Protocol):
    """The supervisor. Names are layout.MAIN and layout.OUTPUTS; InstallError where it does not obey."""

    def start(self, name: str) -> None:
        """Have it run, and run again whenever it ends."""
        ...

    def stop(self, name: str) -> None:
        """End it; it stays down. Returns when it has ended."""
        ...

    def restart(self, name: str) -> None:
        """End it once, by force where it does not obey; the supervisor starts it anew, whoever dies meanwhile.

        Returns when it has ended.
        """
        ...

    def is_up(self, name: str) -> bool:
        """Whether a process of it runs now; False too for one that is not there."""
        ...


class Daemontools:
    """svscan and supervise, as on Venus OS; `directory` is what svscan watches, `proc` where it is found."""

    def __init__(
        self,
        directory: Path,
        *,
        proc: Path = Path("/proc"),
        stop_s: float = STOP_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._directory = directory
        self._proc = proc
        self._stop_s = stop_s
        self._clock = clock
        self._sleep = sleep

    def start(self, name: str) -> None:
        obey("svc", "-u", self._path(name))

    def stop(self, name: str) -> None:
        if not self.is_up(name):
            return
        before = self._pid(name)
        obey("svc", "-d", self._path(name))
        if not self._gone(name, before):
            obey("svc", "-k", self._path(name))
            if not self._gone(name, before):
                raise InstallError(f"{name} does not end; see its log")

    def restart(self, name: str) -> None:
        before = self._pid(name)
        obey("svc", "-t", self._path(name))
        if not self._gone(name, before):
            obey("svc", "-k", self._path(name))

    def is_up(self, name: str) -> bool:
        return ask("svstat", self._path(name)).startswith(f"{self._path(name)}: up ")

    def adopt(self, name: str, wrapper: Path) -> None:
        """Link it and have svscan look at once; idempotent, and a stick may do it at the same time as the boot."""
        link = self._directory / name
        if not link.is_symlink() or link.readlink() != wrapper:
            fresh = self._directory / f".{name}.{os.getpid()}"  # svscan takes no name with a dot
            fresh.symlink_to(wrapper)
            fresh.replace(link)
        self._look_at_once()

    def dismiss(self, name: str) -> None:
        """Stop it and its log, end their supervise and take the link away.

        Returns when they have ended: whoever installs again has no second one beside them.
        """
        link = self._directory / name
        if not link.is_symlink():
            return
        self.stop(name)
        wrapper = link.resolve()
        both = str(wrapper), str(wrapper / "log")
        link.unlink()  # first: svscan would start an ended supervise again
        ask("svc", "-dx", *both)
        self._comes_true(lambda: not any(_SUPERVISED.search(ask("svstat", place)) for place in both))

    def _look_at_once(self) -> None:
        """Tell svscan; Victron's takes SIGALRM for it.

        Not all of that name: what it has forked bears it until it is supervise, which would die of the signal.
        """
        parents = dict(found for file in self._proc.glob("[0-9]*/stat") for found in _named(file, "svscan"))
        for pid, parent in parents.items():
            if parent not in parents:
                with suppress(ProcessLookupError):  # it has just ended
                    os.kill(pid, signal.SIGALRM)

    def _gone(self, name: str, pid: str) -> bool:
        """Wait until that process has ended; False = it does not obey."""
        return self._comes_true(lambda: not pid or self._pid(name) != pid)

    def _comes_true(self, condition: Callable[[], bool]) -> bool:
        end_s = self._clock() + self._stop_s
        while not condition():
            if self._clock() > end_s:
                return False
            self._sleep(POLL_S)
        return True

    def _pid(self, name: str) -> str:
        """Return the process as svstat shows it; "" where there is none."""
        found = _PID.search(ask("svstat", self._path(name)))
        return found[1] if found else ""

    def _path(self, name: str) -> str:
        return str(self._directory / name)


def _named(stat: Path, name: str) -> Iterator[tuple[int, int]]:
    """The process of that file and its parent, if it has the name and is still there."""
    try:
        text = stat.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    before, _, after = text.rpartition(")")
    pid, _, found = before.partition(" (")
    if found == name:
        yield int(pid), int(after.split()[1])
