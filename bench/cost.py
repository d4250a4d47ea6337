"""What it costs to run: CPU per poll, resident memory."""

from __future__ import annotations

import asyncio
import statistics

from bench.figure import PEER, Figure
from bench.processes import cpu_s, resident_mb
from bench.rig import BUS_ITEM, allowing

POLLS_PER_WINDOW = 16
WINDOWS = 5
SETTLE_S = 3.0


def measure(quick: bool) -> list[Figure]:
    """One 16-cell JBD battery at 9600 baud, everything switched on, one subscriber on the bus."""
    return asyncio.run(_measure(windows=1 if quick else WINDOWS, polls=2 if quick else POLLS_PER_WINDOW))


async def _measure(*, windows: int, polls: int) -> list[Figure]:
    main_ms, outputs_ms = [], []
    async with allowing() as (rig, bus):
        await bus.add_signal_handler(lambda _: None, interface=BUS_ITEM, member="ItemsChanged")
        await asyncio.sleep(SETTLE_S if windows > 1 else 0.0)
        for _ in range(windows):
            begin = await rig.polls(), cpu_s(rig.main), cpu_s(rig.outputs)
            await asyncio.sleep(polls / 2)
            read = await rig.polls() - begin[0]
            main_ms.append((cpu_s(rig.main) - begin[1]) / read * 1e3)
            outputs_ms.append((cpu_s(rig.outputs) - begin[2]) / read * 1e3)
        memory_mb = resident_mb(rig.main), resident_mb(rig.outputs)
    return [
        Figure(
            what="CPU of the main process per poll: read, decide, D-Bus, store",
            value=statistics.median(main_ms), unit="ms", limit=1.2, elsewhere=f"3.6–4.3 ms, {PEER}",
        ),
        Figure(what="CPU of the outputs process per poll", value=statistics.median(outputs_ms), unit="ms"),
        Figure(
            what="resident memory, main process", value=memory_mb[0], unit="MB", limit=40, elsewhere=f"44 MB, {PEER}"
        ),
        Figure(what="resident memory, outputs process", value=memory_mb[1], unit="MB", limit=12),
    ]  # fmt: skip
