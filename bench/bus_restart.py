"""A bus daemon that is killed and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import time

from bench.figure import PEER, Figure, spread
from bench.rig import Rig, allowing
from velib_python import DbusError

TRIES = 5
DEADLINE_S = 30.0


def measure(quick: bool) -> list[Figure]:
    back_s = asyncio.run(_measure(1 if quick else TRIES))
    what = "bus daemon killed and restarted → back with all values"
    return spread(what, back_s, "s", median=None, highest=2.0, elsewhere=f"never, {PEER}")


async def _measure(tries: int) -> list[float]:
    back_s = []
    async with allowing() as (rig, bus):
        valid = _valid(await rig.values(bus))
        for _ in range(tries):
            rig.daemon.restart()
            back_s.append(await _back(rig, valid, time.monotonic()))
            await asyncio.sleep(1.0)  # so that the next try does not begin within this one
    return back_s


async def _back(rig: Rig, valid: set[str], at_s: float) -> float:
    """How long until each path that had a value has one again; inf if never."""
    bus = await rig.connect()
    try:
        while time.monotonic() < at_s + DEADLINE_S:
            with contextlib.suppress(DbusError):  # the name is not back
                if valid <= _valid(await rig.values(bus)):
                    return time.monotonic() - at_s
            await asyncio.sleep(0.01)
    finally:
        await bus.close()
    return float("inf")


def _valid(values: dict[str, object]) -> set[str]:
    return {path for path, value in values.items() if value is not None}
