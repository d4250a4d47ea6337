"""A link without a wire: it hands on what a simulated world says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping

from smallbms.links.base import Unasked
from smallbms.links.tally import Tally
from smallbms.links.waiter import Waiter
from smallbms.model import BatteryReading, LinkHealth

_log = logging.getLogger(__name__)


class SimulatedLink(Unasked):
    """Takes readings from `source(now_s)` at the pace of a real line; a battery left out of it is silent."""

    def __init__(
        self,
        source: Callable[[float], Mapping[int, BatteryReading]],
        numbers: Collection[int],
        *,
        poll_s: float = 0.5,
        on_reading: Callable[[int, BatteryReading], None],
    ) -> None:
        self._source = source
        self._numbers = frozenset(numbers)
        self._poll_s = poll_s
        self._on_reading = on_reading
        self._urged = Waiter()
        self._tally = Tally("simulation", _log)

    @property
    def numbers(self) -> frozenset[int]:
        return self._numbers

    @property
    def health(self) -> LinkHealth:
        return self._tally.health(self.numbers)

    async def run(self) -> None:
        """Hand readings on until cancelled."""
        loop = asyncio.get_running_loop()
        self._tally.open = True
        try:
            while True:
                now_s = loop.time()
                for number, reading in self._source(now_s).items():
                    self._tally.frames_ok += 1
                    self._on_reading(number, reading)
                await self._urged.wait(now_s + self._poll_s)
        finally:
            self._tally.open = False

    def urge(self, _number: int) -> None:
        """Read all again at once: here that costs nothing."""
        self._urged.wake()
