"""Start, stop and watch the two processes, whoever supervises them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from smallbms.errors import InstallError

STOP_S = 20.0  # the main process saves its state within 10 s
POLL_S = 0.05


class Services(Protocol):
    """The supervisor. Names are layout.MAIN and layout.OUTPUTS; InstallError where it does not obey."""

    def start(self, name: str) -> None:
        """Have it run, and run again whenever it ends."""
        ...

    def stop(self, name: str) -> None:
        """End it; it stays down. Returns when it has ended."""
        ...

    def restart(self, name: str) -> None:
        """End it once; the supervisor starts it anew, whoever dies meanwhile. Does not wait."""
        ...

    def is_up(self, name: str) -> bool:
        """Whether a process of it runs now; False too for one that is not there."""
        ...


class Daemontools:
    """svscan and supervise, as on Venus OS; `directory` is what svscan watches."""

    def __init__(
        self,
        directory: Path,
        *,
        stop_s: float = STOP_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._directory = directory
        self._stop_s = stop_s
        self._clock = clock
        self._sleep = sleep

    def start(self, name: str) -> None:
        _obey("svc", "-u", self._path(name))

    def stop(self, name: str) -> None:
        if not self.is_up(name):
            return
        _obey("svc", "-d", self._path(name))
        self._wait(name)

    def restart(self, name: str) -> None:
        _obey("svc", "-t", self._path(name))

    def is_up(self, name: str) -> bool:
        return _run("svstat", self._path(name)).startswith(f"{self._path(name)}: up ")

    def supervised(self, name: str) -> bool:
        """Whether a supervise runs for it, whatever the service does."""
        status = _run("svstat", self._path(name))
        return status.startswith((f"{self._path(name)}: up ", f"{self._path(name)}: down "))

    def adopt(self, name: str, wrapper: Path) -> None:
        """Link it and have svscan look at once; idempotent."""
        link = self._directory / name
        if not link.is_symlink() or link.readlink() != wrapper:
            link.unlink(missing_ok=True)
            link.symlink_to(wrapper)
        _run("killall", "-ALRM", "svscan")  # Victron's svscan looks at once; any other within 5 s

    def dismiss(self, name: str) -> None:
        """Stop it and its log, end their supervise and take the link away."""
        link = self._directory / name
        if not link.is_symlink():
            return
        self.stop(name)
        wrapper = link.resolve()
        link.unlink()  # first: svscan would start an ended supervise again
        _run("svc", "-dx", str(wrapper), str(wrapper / "log"))

    def _wait(self, name: str) -> None:
        end_s = self._clock() + self._stop_s
        while self.is_up(name):
            if self._clock() > end_s:
                raise InstallError(f"{name} does not end within {self._stop_s:g} s; see its log")
            self._sleep(POLL_S)

    def _path(self, name: str) -> str:
        return str(self._directory / name)


def _obey(*command: str) -> None:
    status, said = _call(command)
    if status:
        raise InstallError(f"{' '.join(command)} failed: {said}")


def _run(*command: str) -> str:
    return _call(command)[1]


def _call(command: Sequence[str]) -> tuple[int, str]:
    """Run it; its status and what it said. A program that is not there is a failure like any other."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}"
    return done.returncode, (done.stdout + done.stderr).strip()
