"""The watchdog of a GX: a file in /run/watchdog that has not been touched for a minute reboots the device."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

DIRECTORY = Path("/run/watchdog")
PERIOD_S = 10.0

_log = logging.getLogger(__name__)


class WatchdogFile:
    """Touches `path` while the engine steps; `stepped_at_s` says when it did last (monotonic).

    A process that dies or hangs leaves the file, so that the device reboots unless it is soon back at work.
    """

    def __init__(self, path: Path, stepped_at_s: Callable[[], float], *, period_s: float = PERIOD_S) -> None:
        self._path = path
        self._stepped_at_s = stepped_at_s
        self._period_s = period_s
        self._failed = False

    async def run(self) -> None:
        """Touch it until cancelled."""
        while True:
            await asyncio.sleep(self._period_s)
            if time.monotonic() - self._stepped_at_s() < self._period_s:
                self._touch()

    def remove(self) -> None:
        """Told to stop in good order: nothing is to be rebooted for that."""
        self._path.unlink(missing_ok=True)

    def _touch(self) -> None:
        try:
            self._path.parent.mkdir(exist_ok=True)
            self._path.touch()
            self._failed = False
        except OSError as error:
            if not self._failed:
                _log.warning("the watchdog file cannot be touched: %s", error)
            self._failed = True
