"""The two units under systemd."""

from __future__ import annotations

import time
from collections.abc import Callable

from smallbms.errors import InstallError
from smallbms.installer.programs import call, obey

ENDS_S = 40.0  # longer than TimeoutStopSec of both units: then systemd kills
POLL_S = 0.1
NOT_LOADED = 5


class Systemd:
    """`systemctl`, for units that carry the names of the services."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep

    def start(self, name: str) -> None:
        """Does not wait until it is ready: without a configuration it never is."""
        obey("systemctl", "start", "--no-block", _unit(name))

    def stop(self, name: str) -> None:
        status, said = call("systemctl", "stop", _unit(name))
        if status not in (0, NOT_LOADED):
            raise InstallError(f"{_unit(name)} cannot be stopped: {said}")

    def restart(self, name: str) -> None:
        before = self._pid(name)
        obey("systemctl", "restart", "--no-block", _unit(name))
        end_s = self._clock() + ENDS_S
        while before and self._pid(name) == before:
            if self._clock() > end_s:
                raise InstallError(f"{_unit(name)} does not end; see journalctl -u {_unit(name)}")
            self._sleep(POLL_S)

    def is_up(self, name: str) -> bool:
        return bool(self._pid(name))

    def _pid(self, name: str) -> str:
        """Return its main process; "" where there is none."""
        status, said = call("systemctl", "show", "--property=MainPID", "--value", _unit(name))
        return said if status == 0 and said != "0" else ""


def _unit(name: str) -> str:
    return f"{name}.service"
