"""From a cell over its voltage limit to charging switched off, at the pin and on D-Bus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from random import Random

from bench.figure import PEER, Figure, spread
from bench.processes import until
from bench.rig import BUS_ITEM, Rig, allowing, known
from velib_python import Connection
from velib_python._library import Message

RIGS, TRIES_EACH = 10, 5
HIGH_CELL_V = 3.80
POLL_S = 0.5
PATH = "/Io/AllowToCharge"


def measure(quick: bool) -> list[Figure]:
    """Several systems side by side, because charging comes back only after 10 s."""
    pin_s, bus_s = asyncio.run(_measure(rigs=1 if quick else RIGS, tries=1 if quick else TRIES_EACH))
    later_s = [max(pair) for pair in zip(pin_s, bus_s, strict=True)]
    what = "over-voltage at a cell → ATC off"
    elsewhere = f"median 0.58 s, max 1.14 s, {PEER}"
    return [
        *spread(f"{what} at the pin and on D-Bus", later_s, "s", median=0.40, highest=0.75, elsewhere=elsewhere),
        *spread(f"{what} at the pin", pin_s, "s", median=None, highest=None),
    ]


async def _measure(*, rigs: int, tries: int) -> tuple[list[float], list[float]]:
    results = await asyncio.gather(*(_try(Random(number), tries) for number in range(rigs)))
    flat = [one for result in results for one in result]
    return [pin_s for pin_s, _ in flat], [bus_s for _, bus_s in flat]


async def _try(random: Random, tries: int) -> list[tuple[float, float]]:
    found = []
    async with allowing() as (rig, bus):
        watch = Watch()
        await watch.begin(bus)
        for _ in range(tries):
            await until(lambda: rig.pins()[0])
            await asyncio.sleep(random.uniform(1.0, 1.0 + POLL_S))
            found.append(await _over_voltage(rig, watch))
            await rig.order(cell_v=None)
    return found


async def _over_voltage(rig: Rig, watch: Watch) -> tuple[float, float]:
    watch.off_at_s = None
    at_s = await rig.order(cell_v=HIGH_CELL_V)
    pin_at_s = await until(lambda: not rig.pins()[0])
    await until(lambda: watch.off_at_s is not None)
    return pin_at_s - at_s, (float("inf") if watch.off_at_s is None else watch.off_at_s) - at_s


class Watch:
    """When a subscriber heard that charging is off."""

    def __init__(self) -> None:
        self.off_at_s: float | None = None

    def begin(self, bus: Connection) -> Awaitable[None]:
        return bus.add_signal_handler(self._heard, interface=BUS_ITEM, member="ItemsChanged")

    def _heard(self, message: Message) -> None:
        (items,) = message.body
        if PATH in items and not known(items[PATH]["Value"]) and self.off_at_s is None:
            self.off_at_s = time.monotonic()
