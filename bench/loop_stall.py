"""How long the main process's loop serves nothing else, by a stopwatch in the loop and by pings over D-Bus."""

from __future__ import annotations

import asyncio
import time

from bench.figure import Figure, percentile
from bench.rig import Rig, allowing
from velib_python import Connection

SECONDS = 15.0
PAUSE_S = 0.003
SETTLE_S = 3.0


def measure(quick: bool) -> list[Figure]:
    return asyncio.run(_measure(0.5 if quick else SECONDS, 0.0 if quick else SETTLE_S))


async def _measure(seconds: float, settle_s: float) -> list[Figure]:
    async with allowing(timed=True) as (rig, bus):
        await asyncio.sleep(settle_s)
        begin_s = time.monotonic()
        await asyncio.sleep(seconds)
        end_s = time.monotonic()
        ping_ms = await _pinged(rig, bus, seconds)
        turns = [turn for turn in rig.turns() if begin_s <= turn[0] <= end_s]
    wall_ms, cpu_ms = [turn[1] * 1e3 for turn in turns], [turn[2] * 1e3 for turn in turns]
    return [
        Figure(what=f"loop stall, {len(turns)} turns in {seconds:g} s: max", value=max(wall_ms), unit="ms", limit=5),
        Figure(what="loop stall: p99", value=percentile(wall_ms, 99), unit="ms"),
        Figure(what="loop stall, CPU alone: max", value=max(cpu_ms), unit="ms"),
        Figure(what="Ping of the main process over D-Bus: max", value=max(ping_ms), unit="ms"),
    ]


async def _pinged(rig: Rig, bus: Connection, seconds: float) -> list[float]:
    took_ms = []
    end_s = time.monotonic() + seconds
    while (begin_s := time.monotonic()) < end_s:
        await bus.call(rig.name, "/", "org.freedesktop.DBus.Peer", "Ping")
        took_ms.append((time.monotonic() - begin_s) * 1e3)
        await asyncio.sleep(PAUSE_S)
    return took_ms
