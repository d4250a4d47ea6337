"""Twenty times the normal rate of events for minutes: memory, tasks and descriptors stay."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from bench.figure import Figure
from bench.processes import ROOT

sys.path.insert(0, str(ROOT / "tests"))  # what happens there is what happens in the tests

from faults.soak import soak

MINUTES = 20.0
QUICK_MINUTES = 0.2
LIMIT_MB = 1.0
LIMIT_MB_AN_HOUR = 1.0  # at 20 times the normal rate; what sways by 0.2 MB makes up to 0.5 of it in 15 min
SEED = 1


def measure(quick: bool, minutes: float = MINUTES) -> list[Figure]:
    seconds = 60.0 * (QUICK_MINUTES if quick else minutes)
    with tempfile.TemporaryDirectory(prefix="smallbms-bench-") as name:
        soaked = asyncio.run(soak(Path(name) / "system", seconds, SEED))
    what = f"soak, {soaked.seconds:.0f} s"
    drift = f"{what}: memory after the first minute, farthest from its first,"
    grown = f"{what}: memory from the sixth minute on, growth"
    return [
        Figure(what=f"{what}: events a second, normal are 2.5", value=soaked.events / soaked.seconds, unit="/s"),
        Figure(what=f"{drift} main process", value=soaked.main_mb, unit="MB", limit=LIMIT_MB),
        Figure(what=f"{drift} outputs process", value=soaked.outputs_mb, unit="MB", limit=LIMIT_MB),
        Figure(what=f"{grown}, main process", value=soaked.main_mb_an_hour, unit="MB/h", limit=LIMIT_MB_AN_HOUR),
        Figure(what=f"{grown}, outputs process", value=soaked.outputs_mb_an_hour, unit="MB/h", limit=LIMIT_MB_AN_HOUR),
        Figure(what=f"{what}: tasks leaked", value=soaked.tasks, limit=0),
        Figure(what=f"{what}: descriptors leaked, main process", value=soaked.descriptors, limit=0),
        Figure(what=f"{what}: descriptors leaked, outputs process", value=soaked.outputs_descriptors, limit=0),
    ]
