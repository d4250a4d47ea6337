"""A world that runs at the pace of the clock, under what the BMS decided last."""

from __future__ import annotations

from collections.abc import Mapping

from smallbms.model import BatteryReading
from smallbms.simulation.world import World

LONGEST_PAUSE_S = 60.0  # a machine that slept does not make the world leap


class Drive:
    """Steps a world each time its batteries are read."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stepped_at_s: float | None = None
        self._atc = self._atd = False
        self._cvl_v = self._ccl_a = self._dcl_a = 0.0

    def obey(self, *, atc: bool, atd: bool, cvl_v: float, ccl_a: float, dcl_a: float) -> None:
        """What chargers and loads are allowed from now on."""
        self._atc, self._atd = atc, atd
        self._cvl_v, self._ccl_a, self._dcl_a = cvl_v, ccl_a, dcl_a

    def readings(self, now_s: float) -> Mapping[int, BatteryReading]:
        """Let the time pass since the last call, then read every battery."""
        dt_s = 0.0 if self._stepped_at_s is None else min(now_s - self._stepped_at_s, LONGEST_PAUSE_S)
        self._stepped_at_s = now_s
        if dt_s > 0.0:
            self._world.step(
                dt_s, atc=self._atc, atd=self._atd, cvl_v=self._cvl_v, ccl_a=self._ccl_a, dcl_a=self._dcl_a
            )
        return self._world.readings(now_s)
