"""From the start of the processes to values on the bus, and to both permissions at the pins."""

from __future__ import annotations

import asyncio

from bench.figure import PEER, Figure, spread
from bench.processes import until
from bench.rig import Rig, running

TRIES = 7


def measure(quick: bool) -> list[Figure]:
    """Outputs and main process are started together, as a supervisor does."""
    return asyncio.run(_measure(1 if quick else TRIES))


async def _measure(tries: int) -> list[Figure]:
    named_s, allowed_s = [], []
    for _ in range(tries):
        async with running() as rig:
            bus = await rig.connect()
            named_at_s, allowed_at_s = await asyncio.gather(rig.find(bus), _allowed_at_s(rig))
            named_s.append(named_at_s - rig.started_at_s)
            allowed_s.append(allowed_at_s - rig.started_at_s)
            await bus.close()
    what = "process start → name on the bus with values"
    return [
        *spread(what, named_s, "s", median=1.0, highest=None, elsewhere=f"17.3 s, {PEER}"),
        *spread("process start → both outputs on", allowed_s, "s", median=None, highest=None),
    ]


async def _allowed_at_s(rig: Rig) -> float:
    return await until(lambda: rig.pins() == (True, True))
