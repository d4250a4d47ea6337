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

if TYPE_CHECKING:
    Sample = tuple[float, float, str]  # when the last good conversion began, what it gave, why the next one did not


class AnalogRemote:
    """Both terminals, or one. The last good conversion counts for STALE_S, whatever comes after; then it is unread."""

    def __init__(self, config: RemoteConfig) -> None:
        self._channels = {
            name: Channel(f"{line.chip}/{line.line}", config.divider)
            for name, line in (("l", config.l), ("h", config.h))
            if line is not None
        }
        never: Sample = (float("-inf"), 0.0, "not read yet")
        self._samples = dict.fromkeys(self._channels, never)  # each exchanged as a whole
        self._errors: dict[str, str] = {}
        self._closed = False
        self._first = _thread.allocate_lock()
        self._first.acquire()
        _thread.stack_size(STACK_BYTES)
        _thread.start_new_thread(self._follow, ())
        self._first.acquire(True, FIRST_S)

    def read(self, now_s: float) -> RemoteLevels:
        volts: dict[str, float] = {}
        errors: dict[str, str] = {}
        for name in self._channels:
            read_at_s, voltage_v, error = self._samples[name]
            if now_s - read_at_s <= STALE_S:
                volts[name] = voltage_v
            elif not error:
                errors["remote"] = f"no conversion has ended for {STALE_S:g} s"
            if error:
                errors[f"remote.{name}"] = error
        self._errors = errors
        return levels_from_voltages(volts.get("l"), volts.get("h"))

    def errors(self) -> dict[str, str]:
        return self._errors

    def lines(self) -> list[gpio.Line]:
        return []

    def close(self) -> None:
        """Let the thread end after its next conversion."""
        self._closed = True

    def _follow(self) -> None:
        while not self._closed:
            for name, channel in self._channels.items():
                self._samples[name] = _sampled(channel, self._samples[name])
            if self._first.locked():
                self._first.release()
            time.sleep(PERIOD_S)


def _sampled(channel: Channel, last: Sample) -> Sample:
    began_at_s = time.monotonic()
    try:
        return began_at_s, channel.read_v(), ""
    except OSError as error:
        return last[0], last[1], str(error)
