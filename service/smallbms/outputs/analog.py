"""The remote inputs by voltage: channels of ADCs, read by a thread of their own.

One conversion takes an ADS1115 8 ms or more, and one on a stuck I²C bus a second: the outputs do not wait for it.
"""

from __future__ import annotations

import _thread
import time

from smallbms.iio import Channel
from smallbms.outputs import gpio
from smallbms.outputs.lean import TYPE_CHECKING
from smallbms.outputs.pinout import RemoteConfig
from smallbms.outputs.remote import RemoteLevels, levels_from_voltages

PERIOD_S = 0.25
STALE_S = 1.0
FIRST_S = 0.1  # waited for the first levels, so that a start does not look like a switch that was opened
STACK_BYTES = 256 * 1024
UNREAD = RemoteLevels(l_at_minus=None, h_at_plus=None)

if TYPE_CHECKING:
    Sample = tuple[float, RemoteLevels, dict[str, str]]


class AnalogRemote:
    """Both terminals, or one; a level that was not read in STALE_S says nothing."""

    def __init__(self, config: RemoteConfig) -> None:
        self._channels = {
            name: Channel(f"{line.chip}/{line.line}", config.divider)
            for name, line in (("l", config.l), ("h", config.h))
            if line is not None
        }
        self._latest: Sample = (float("-inf"), UNREAD, {"remote": "not read yet"})  # exchanged as a whole
        self._errors: dict[str, str] = {}
        self._closed = False
        self._first = _thread.allocate_lock()
        self._first.acquire()
        _thread.stack_size(STACK_BYTES)
        _thread.start_new_thread(self._follow, ())
        self._first.acquire(True, FIRST_S)

    def read(self, now_s: float) -> RemoteLevels:
        read_at_s, levels, self._errors = self._latest
        if now_s - read_at_s <= STALE_S:
            return levels
        self._errors = {"remote": f"no conversion has ended for {STALE_S:g} s", **self._errors}
        return UNREAD

    def errors(self) -> dict[str, str]:
        return self._errors

    def lines(self) -> list[gpio.Line]:
        return []

    def close(self) -> None:
        """Let the thread end after its next conversion."""
        self._closed = True

    def _follow(self) -> None:
        while not self._closed:
            self._latest = self._sample()
            if self._first.locked():
                self._first.release()
            time.sleep(PERIOD_S)

    def _sample(self) -> Sample:
        began_at_s = time.monotonic()
        volts: dict[str, float] = {}
        errors: dict[str, str] = {}
        for name, channel in self._channels.items():
            try:
                volts[name] = channel.read_v()
            except OSError as error:
                errors[f"remote.{name}"] = str(error)
        return began_at_s, levels_from_voltages(volts.get("l"), volts.get("h")), errors
