"""One, five and ten JBD batteries on as many ports."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bench.answers import asked
from bench.figure import Figure, percentile
from bench.processes import cpu_s
from bench.rig import allowing

SIZES = (1, 5, 10)
CPU_S, ASK_S, SETTLE_S = 15.0, 5.0, 3.0
NOISE = 1.1  # how much the same measurement differs from one run to the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    poll_ms: float
    answer_ms: float
    turn_ms: float


def measure(quick: bool) -> list[Figure]:
    sizes = SIZES[:2] if quick else SIZES
    found = {count: asyncio.run(_measure(count, 0.1 if quick else 1.0)) for count in sizes}
    figures = []
    for count, size in found.items():
        head = f"{count} JBD batteries on {count} ports: " if count > 1 else "1 JBD battery: "
        figures += [
            Figure(
                what=f"{head}CPU per poll of one", value=size.poll_ms, unit="ms",
                limit=None if count == 1 else round(found[1].poll_ms * NOISE, 3),
            ),
            Figure(what=f"{head}GetValue p99", value=size.answer_ms, unit="ms"),
            Figure(what=f"{head}turn of the loop that holds a step, p99", value=size.turn_ms, unit="ms"),
        ]  # fmt: skip
    return figures


async def _measure(count: int, scale: float) -> Size:
    async with allowing(count, timed=True) as (rig, bus):
        await asyncio.sleep(SETTLE_S * scale)
        polls, begin_cpu_s, begin_s = await rig.polls(), cpu_s(rig.main), time.monotonic()
        await asyncio.sleep(CPU_S * scale)
        poll_s = (cpu_s(rig.main) - begin_cpu_s) / (await rig.polls() - polls)
        end_s = time.monotonic()
        answer_ms = await asked(rig, bus, ASK_S * scale)
        wall_ms = [wall_s * 1e3 for at_s, wall_s, _ in rig.turns() if begin_s <= at_s <= end_s]
    return Size(poll_ms=poll_s * 1e3, answer_ms=percentile(answer_ms, 99), turn_ms=percentile(wall_ms, 99))
