"""Twenty times the normal rate of events for as long as one likes, and what the processes use meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import linear_regression

from integration.harness import BOTH_ON

from .campaigns import write
from .rigged import RiggedSystem, descriptors, resident_mb
from .wire import GARBAGE

BATTERIES = 10  # each read twice as often as one normally is
POLL_S = 0.25
QUESTIONS = 2  # of a poll: pack and cells
LOOK_S = 1.0
SETTLED_S = 60.0
STEADY_S = 300.0
BUS_AWAY_S = 0.5
GARBLED_S = 1.5

Chore = Callable[[RiggedSystem, Random], Awaitable[None]]


class SoakedSystem(RiggedSystem):
    """Ten batteries, read four times a second."""

    def config(self, *, with_remote: bool = False) -> str:
        return super().config(with_remote=with_remote).replace('driver = "jbd"', f'driver = "jbd"\npoll_s = {POLL_S}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a process uses at a moment."""

    at_s: float
    main_mb: float
    outputs_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """`main_mb`, `outputs_mb`: the farthest that memory went from what it was after the first minute (half of a shorter
    run); `…_mb_an_hour`: how fast it grew from the sixth minute (the last half) on, by the line of least squares of
    all looks; `tasks`, `descriptors`: how many more there are at the end than at the beginning, both at rest."""

    events: int
    seconds: float
    main_mb: float
    outputs_mb: float
    main_mb_an_hour: float
    outputs_mb_an_hour: float
    tasks: int
    descriptors: int
    outputs_descriptors: int


async def move(system: RiggedSystem, random: Random) -> None:
    """Every figure of a battery is another one."""
    pack = random.choice(system.batteries).pack
    pack.cells_v = [random.uniform(3.28, 3.34) for _ in pack.cells_v]
    pack.current_a = random.uniform(-40.0, 40.0)
    pack.temperatures_c = (random.uniform(15.0, 25.0), random.uniform(15.0, 25.0))


async def garble(system: RiggedSystem, random: Random) -> None:
    wire = random.choice(system.wires)
    wire.garble(random.choice(list(GARBAGE.values())))
    await asyncio.sleep(GARBLED_S)
    wire.garble(None)


async def pull(system: RiggedSystem, random: Random) -> None:
    cable = random.choice(system.batteries).cable
    cable.unplug()
    await asyncio.sleep(random.uniform(0.0, GARBLED_S))
    cable.plug()


async def visit(system: RiggedSystem, random: Random) -> None:
    """A client comes, reads all, writes something and goes."""
    client = await system.connect()
    paths = sorted(await client.items())
    await write(client, paths, 3, random)
    await client.close()
    system.forget(client)


async def look(system: RiggedSystem, _random: Random) -> None:
    """Somebody asks the outputs process."""
    await system.beats()


async def stop_bus(system: RiggedSystem, _random: Random) -> None:
    system.daemon.stop()
    await asyncio.sleep(BUS_AWAY_S)
    system.daemon.resume()


CHORES: tuple[tuple[float, Chore], ...] = (  # every so many seconds
    (0.02, move), (2.0, garble), (5.0, pull), (0.5, visit), (0.2, look), (20.0, stop_bus),
)  # fmt: skip


async def soak(folder: Path, seconds: float, seed: int) -> Soaked:
    """Let it all happen for so long; AssertionError if the system is not well afterwards."""
    folder.mkdir(exist_ok=True)
    system = SoakedSystem(folder, batteries=BATTERIES)
    try:
        await system.start()
        first, began_s = await _at_rest(system), time.monotonic()
        events, uses = await _busy(system, seconds, seed)
        seconds = time.monotonic() - began_s
        last = await _at_rest(system)
    finally:
        await system.stop()
    later = _from(uses, began_s + min(SETTLED_S, seconds / 2))
    steady = _from(uses, began_s + min(STEADY_S, seconds / 2))
    return Soaked(
        events=events,
        seconds=seconds,
        main_mb=max(abs(use.main_mb - later[0].main_mb) for use in later),
        outputs_mb=max(abs(use.outputs_mb - later[0].outputs_mb) for use in later),
        main_mb_an_hour=_an_hour([(use.at_s, use.main_mb) for use in steady]),
        outputs_mb_an_hour=_an_hour([(use.at_s, use.outputs_mb) for use in steady]),
        tasks=last[0] - first[0],
        descriptors=last[1] - first[1],
        outputs_descriptors=last[2] - first[2],
    )


def _from(uses: list[Use], at_s: float) -> list[Use]:
    return [use for use in uses if use.at_s >= at_s]


def _an_hour(looks: list[tuple[float, float]]) -> float:
    return linear_regression(*zip(*looks, strict=True)).slope * 3600.0


async def _busy(system: RiggedSystem, seconds: float, seed: int) -> tuple[int, list[Use]]:
    events, uses = 0, []
    asked, end_s = _asked(system), time.monotonic() + seconds

    async def repeat(every_s: float, chore: Chore) -> None:
        nonlocal events
        random = Random(f"{seed} {chore.__name__}")
        while time.monotonic() + every_s < end_s:
            await asyncio.sleep(every_s)
            await chore(system, random)
            events += 1

    async with asyncio.TaskGroup() as group:
        for every_s, chore in CHORES:
            group.create_task(repeat(every_s, chore))
        while time.monotonic() < end_s:
            uses.append(
                Use(
                    at_s=time.monotonic(),
                    main_mb=resident_mb(system.main),
                    outputs_mb=resident_mb(system.outputs),
                )
            )
            await asyncio.sleep(LOOK_S)
    return events + (_asked(system) - asked) // QUESTIONS, uses


def _asked(system: RiggedSystem) -> int:
    return sum(wire.wire.asked for wire in system.wires)


async def _at_rest(system: RiggedSystem) -> tuple[int, int, int]:
    """Tasks and descriptors once nothing happens any more."""
    for battery in system.batteries:
        battery.pack.current_a = 0.0
    for path, value in (("/Mode", 3), ("/Settings/Battery/StateOfCharge", 60), ("/Settings/RestoreDefaults", 1)):
        assert await system.client.set(path, value) == 0
    await system.shows(BOTH_ON, 60.0)
    await system.pins(charge_disconnect=True, load_disconnect=True)
    await system.shows({"/Dc/0/Current": 0.0, "/System/NrOfModulesOnline": BATTERIES})
    return await system.tasks(), descriptors(system.main), descriptors(system.outputs)
