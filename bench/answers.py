"""How long a client waits for GetValue, while polling goes well and while it does not."""

from __future__ import annotations

import asyncio
import time

from bench.battery_process import GARBAGE
from bench.figure import PEER, Figure, percentile
from bench.rig import Rig, allowing
from velib_python import Connection

PATH = "/Soc"
PAUSE_S = 0.003
POLLING_S = 15.0
MISHAPS = {"garbage": GARBAGE, "silence": "SILENT", "truncated frames": "TRUNCATE", "wrong checksums": "CORRUPT"}
MISHAP_S = 5.0


def measure(quick: bool) -> list[Figure]:
    return asyncio.run(_measure(scale=0.02 if quick else 1.0))


async def asked(rig: Rig, bus: Connection, seconds: float) -> list[float]:
    """GetValue again and again for so long: the milliseconds that each took."""
    took_ms = []
    end_s = time.monotonic() + seconds
    while (begin_s := time.monotonic()) < end_s:
        await rig.value(bus, PATH)
        took_ms.append((time.monotonic() - begin_s) * 1e3)
        await asyncio.sleep(PAUSE_S)
    return took_ms


async def _measure(scale: float) -> list[Figure]:
    worst_ms = {}
    async with allowing() as (rig, bus):
        polling_ms = await asked(rig, bus, POLLING_S * scale)
        for name, mishap in MISHAPS.items():
            await rig.order(mishap=mishap)
            worst_ms[name] = max(await asked(rig, bus, MISHAP_S * scale))
    at_worst = f"31.9 s, {PEER}"
    return [
        Figure(
            what=f"GetValue while polling, {len(polling_ms)} calls: p99", value=percentile(polling_ms, 99), unit="ms",
            limit=5, elsewhere=f"285 ms, {PEER}",
        ),
        Figure(what="GetValue while polling: max", value=max(polling_ms), unit="ms"),
        *(
            Figure(what=f"GetValue during {name}: max", value=value, unit="ms", limit=20, elsewhere=at_worst)
            for name, value in worst_ms.items()
        ),
    ]  # fmt: skip
