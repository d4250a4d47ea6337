"""One fault, from a whole system to a whole system: what was seen meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from integration.client import Items
from integration.harness import BOTH_ON
from integration.programs import DEADLINE_S, wait_for

from .rigged import RiggedSystem, rigged

CHARGE, LOAD = "charge_disconnect", "load_disconnect"
WORDS = {CHARGE: "ATC", LOAD: "ATD"}
BOTH = (CHARGE, LOAD)
REASONS = ("/Info/Reasons/Charge", "/Info/Reasons/Discharge")
ALARM = "/Alarms/"
LOOK_S = 0.005
SETTLE_S = 5.0  # for what is said to follow what is done
MOST_WAIT_S = 1.0  # before a fault comes

Act = Callable[[RiggedSystem, Random], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is done to a system, what must come of it, and how it is undone; None: it mends itself.

    `floats`: the outputs that must go off within `within_s`; the others must stay on, as long as `lasts_s`.
    `says`: reason codes, alarms as "BmsCable 2", or parts of log lines.
    """

    name: str
    inject: Act
    mend: Act | None = None
    floats: tuple[str, ...] = ()
    within_s: float = 0.0
    lasts_s: float = 3.0
    says: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was seen. `off_s`: from the fault to the float, None where nothing floated; `back_s`: from its end (where it
    mends itself: from the fault) to both on; `lost`: kept figures that are others now."""

    floated: tuple[str, ...]
    off_s: float | None
    back_s: float
    said: tuple[str, ...]
    lost: tuple[str, ...]


class Said(NamedTuple):
    """On the bus reason codes and alarms, each with its highest level; in the logs lines."""

    bus: list[str]
    lines: list[str]


class Watch:
    """Looks at the pins all the time; `off_at_s` is when each was first seen off, `last_off_s` when any was last."""

    def __init__(self, system: RiggedSystem) -> None:
        self.off_at_s: dict[str, float] = {}
        self.last_off_s = 0.0
        self._system = system

    async def run(self) -> None:
        while True:
            shown, now_s = self._system.shown(), time.monotonic()
            for pin in BOTH:
                if shown[pin] is not True:
                    self.off_at_s.setdefault(pin, now_s)
                    self.last_off_s = now_s
            await asyncio.sleep(LOOK_S)


async def attempt(fault: Fault, folder: Path, seed: int) -> Outcome:
    """Inject a fault into a system of its own; AssertionError if the system does not come back afterwards."""
    random = Random(f"{seed} {fault.name}")
    async with rigged(folder) as system:
        for path, value in (("/Settings/Battery/TailCurrent", 5.5), ("/CustomName", "boat")):
            await system.keep(path, value)
        await system.shows({"/Soc": system.pack.soc_pct})
        before = await system.kept()
        await asyncio.sleep(random.uniform(0.0, MOST_WAIT_S))
        async with _watching(system) as watch:
            heard, began_s = len(system.client.seen), time.monotonic()
            client = system.client
            await fault.inject(system, random)
            await _over(fault, watch, began_s)
            with contextlib.suppress(AssertionError):  # what is missing then is told by the outcome
                await wait_for(lambda: not _missing(fault, _said(system, client.seen[heard:], began_s)), "", SETTLE_S)
            seen = dict(watch.off_at_s)
            said = _said(system, client.seen[heard:], began_s)
            mended_s = began_s
            if fault.mend is not None:
                mended_s = time.monotonic()
                await fault.mend(system, random)
            await system.pins(charge_disconnect=True, load_disconnect=True, seconds=2 * DEADLINE_S)
            back_s = max(mended_s, watch.last_off_s) - mended_s
        after = await _came_back(system, before)
    return Outcome(
        floated=tuple(pin for pin in BOTH if pin in seen),
        off_s=max(seen.values()) - began_s if seen else None,
        back_s=back_s,
        said=_worth_telling(fault, said),
        lost=tuple(path for path, value in before.items() if after.get(path) != value),
    )


async def attempts(faults: Sequence[Fault], folder: Path, *, seed: int, at_once: int) -> dict[Fault, Outcome]:
    """Attempt each, so many side by side, each in a folder of its own."""
    turns = asyncio.Semaphore(at_once)

    async def one(number: int, fault: Fault) -> Outcome:
        async with turns:
            return await attempt(fault, folder / str(number), seed)

    async with asyncio.TaskGroup() as group:
        tasks = {fault: group.create_task(one(number, fault)) for number, fault in enumerate(faults)}
    return {fault: task.result() for fault, task in tasks.items()}


@contextlib.asynccontextmanager
async def _watching(system: RiggedSystem) -> AsyncIterator[Watch]:
    watch = Watch(system)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _over(fault: Fault, watch: Watch, began_s: float) -> None:
    """Wait until all has floated that must, and for as long as the fault lasts anyway."""
    await asyncio.sleep(max(0.0, began_s + fault.lasts_s - time.monotonic()))
    with contextlib.suppress(AssertionError):
        await wait_for(lambda: watch.off_at_s.keys() >= set(fault.floats), "", DEADLINE_S)


async def _came_back(system: RiggedSystem, before: Items) -> Items:
    """What is kept, once all is well again; a value that is published late is waited for."""
    await system.client.shows(BOTH_ON, 2 * DEADLINE_S)
    end_s = time.monotonic() + SETTLE_S
    while (after := await system.kept()) != before and time.monotonic() < end_s:
        await asyncio.sleep(0.1)
    return after


def _said(system: RiggedSystem, seen: list[tuple[float, str, object]], since_s: float) -> Said:
    codes: dict[str, None] = {}
    levels: dict[str, int] = {}
    for _, path, value in seen:
        if path in REASONS and isinstance(value, str):
            codes |= dict.fromkeys(reason["code"] for reason in json.loads(value))
        elif path.startswith(ALARM) and isinstance(value, int) and value:
            alarm = path.removeprefix(ALARM)
            levels[alarm] = max(value, levels.get(alarm, 0))
    lines = [line.text for program in system.programs for line in program.lines if line.at_s >= since_s]
    return Said([*codes, *(f"{alarm} {level}" for alarm, level in levels.items())], lines)


def _missing(fault: Fault, said: Said) -> list[str]:
    return [text for text in fault.says if text not in said.bus and not any(text in line for line in said.lines)]


def _worth_telling(fault: Fault, said: Said) -> tuple[str, ...]:
    """All reasons and alarms, and of the logs what was wanted of them."""
    missing = _missing(fault, said)
    return (*said.bus, *(text for text in fault.says if text not in said.bus and text not in missing))
