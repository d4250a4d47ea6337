"""What becomes of the outputs and of what is kept while everything around the service fails, again and again."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from random import Random

from bench.figure import Figure, spread
from bench.processes import ROOT

sys.path.insert(0, str(ROOT / "tests"))  # the faults themselves are those of the tests

from faults.campaigns import Writes, kills, stops, writes
from faults.power_cuts import Losses, cut, live, random_moments

SEED = 1
FLOAT_S = 2.5
STRIKES = 100
CUTS = 200
CALLS = 10_000
CLIENTS = 4


def measure(quick: bool) -> list[Figure]:
    share = 50 if quick else 1
    with tempfile.TemporaryDirectory(prefix="smallbms-bench-") as name:
        return asyncio.run(_measure(Path(name), share))


async def _measure(folder: Path, share: int) -> list[Figure]:
    strikes = STRIKES // share
    killed_s, stopped_s = await asyncio.gather(
        kills(folder / "kills", strikes, SEED), stops(folder / "stops", strikes, SEED)
    )
    written = await writes(folder / "writes", CALLS // share, SEED, clients=CLIENTS)
    return [
        *spread("kill -9 of the main process → both float", killed_s, "s", median=None, highest=FLOAT_S),
        *spread("SIGSTOP of the main process → both float", stopped_s, "s", median=None, highest=FLOAT_S),
        *_power(_cuts(folder, CUTS // share)),
        *_writes(written),
    ]


def _cuts(folder: Path, count: int) -> Losses:
    random = Random(SEED)
    for name in ("life", "cut"):
        (folder / name).mkdir()
    life = live(folder / "life", random)
    return cut(life, random_moments(life, count, random), folder / "cut", random)


def _power(losses: Losses) -> list[Figure]:
    what = f"{losses.cuts} power cuts between two writes"
    return [
        Figure(what=f"{what}: state that cannot be read", value=losses.unreadable, limit=0),
        Figure(what=f"{what}: trips or settings forgotten", value=losses.trips + losses.settings, limit=0),
        Figure(what=f"{what}: most state of charge lost", value=losses.most_pct, unit="%", limit=0.6),
        Figure(what=f"{what}: oldest state", value=losses.most_s, unit="s", limit=61),
    ]


def _writes(done: Writes) -> list[Figure]:
    what = f"{done.calls} random SetValue from {CLIENTS} clients"
    return [
        Figure(what=f"{what}: measured paths changed", value=len(done.moved) + done.taken_measured, limit=0),
        Figure(what=f"{what}: taken, all of them settings and actions", value=done.taken),
        Figure(what=f"{what}: calls a second", value=done.calls / done.seconds, unit="/s"),
    ]
