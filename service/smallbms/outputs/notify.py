"""What systemd is told (sd_notify(3)): a datagram to $NOTIFY_SOCKET, nothing where there is none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from smallbms.outputs.unix import send_datagram

PART = 3  # so many signs of life in the time after which systemd takes a process for dead


class Notifier:
    """Says that a process is ready, alive and stopping; never waits and never raises."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        self._period_s = _watchdog_s(environ) / PART
        self._clock = clock
        self._alive_at_s: float | None = None

    def alive(self) -> None:
        """A sign of life; the first one says that all is ready. To be called often: most cost no more than a look."""
        now_s = self._clock()
        if self._alive_at_s is None:
            self._say("READY=1")
        elif not self._period_s or now_s - self._alive_at_s < self._period_s:
            return
        self._alive_at_s = now_s
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """It ends in good order."""
        self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        try:
            send_datagram(self._address, text.encode())
        except OSError:
            return  # systemd's loss: it restarts what it does not hear


def _watchdog_s(environ: Mapping[str, str]) -> float:
    """Return after how long systemd takes this process for dead; 0 = never."""
    meant = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if meant and text.isdecimal() else 0.0
