"""A relay of a GX, as Venus OS has exported it: a file of sysfs that anyone may write, read before each write."""

from __future__ import annotations

import os

from smallbms.errors import OutputError
from smallbms.outputs.console import say
from smallbms.outputs.gpio import Line
from smallbms.outputs.pinout import LineConfig

LEVELS = {b"0": False, b"1": True}  # closed is on


class Relay(Line):
    """The relay of that number on the bus, which `/dev/gpio` counts from 1; raises OSError if it is not there."""

    def __init__(self, config: LineConfig) -> None:
        self._path = f"{config.chip}/relay_{int(config.line) + 1}/value"
        super().__init__(os.open(self._path, os.O_RDWR | os.O_CLOEXEC))
        self._told: bool | None = None
        self._meddled = 0

    def get(self) -> bool:
        """Return whether it is closed."""
        level = os.pread(self._fd, 1, 0)
        if level not in LEVELS:
            raise OutputError(f"{self._path} reads {level!r}")
        return LEVELS[level]

    def set(self, on: bool) -> None:
        """Close or open it, whatever another program made of it."""
        try:
            before = LEVELS.get(os.pread(self._fd, 1, 0))
        finally:  # a level that cannot be read is no reason to leave it
            os.pwrite(self._fd, b"1" if on else b"0", 0)
        if self._told is not None and before is not self._told:
            self._meddled += 1
            if self._meddled & (self._meddled - 1) == 0:  # the 1st, 2nd, 4th, 8th time: a log is small
                say(f"{self._path} was switched by another program, {self._meddled} times now: switched back")
        self._told = on
