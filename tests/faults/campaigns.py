"""The same fault again and again, at random moments: kills and stops of the main process, writes of anything."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from dbus_fast import Variant

from integration.client import BUS_ITEM, Client, Items
from integration.harness import BOTH_ON
from smallbms.settings import ACTIONS, SET_SOC, SETTINGS

from .rigged import RiggedSystem, rigged

FLOATING = {"charge_disconnect": False, "load_disconnect": False, "pre_alarm": False}
BOTH_CLOSED = {"charge_disconnect": True, "load_disconnect": True}
MOST_WAIT_S = 1.0
CURRENT_A = 7.5
MEASURED = (
    "/Dc/0/", "/Voltages/", "/System/Max", "/System/Min", "/System/Batteries", "/Battery/1/Volt", "/Battery/1/Cell",
    "/Battery/1/Curr", "/Battery/1/Temp", "/Capacity", "/InstalledCapacity", "/SystemSwitch", "/Serial", "/ProductId",
)  # fmt: skip
ECHO = "/Battery/Request/Id"
SETTABLE = (*(setting.bus_path for setting in SETTINGS), *(action.bus_path for action in ACTIONS), SET_SOC.bus_path)
SETTABLE_SHARE = 0.3  # of the writes goes to paths that may take one

Strike = Callable[[RiggedSystem], Awaitable[None]]


async def kill(system: RiggedSystem) -> None:
    system.main.send(signal.SIGKILL)


async def after_kill(system: RiggedSystem) -> None:
    await system.main.ended()
    await system.start_main()


async def stop(system: RiggedSystem) -> None:
    system.main.send(signal.SIGSTOP)


async def after_stop(system: RiggedSystem) -> None:
    system.main.send(signal.SIGCONT)


async def strikes(folder: Path, count: int, seed: int, strike: Strike, mend: Strike) -> list[float]:
    """Strike the main process so often, each time within a second of its outputs coming on: how long until they
    float."""
    random, took_s = Random(seed), []
    async with rigged(folder) as system:
        for _ in range(count):
            await system.pins(**BOTH_CLOSED)
            await asyncio.sleep(random.uniform(0.0, MOST_WAIT_S))
            began_s = time.monotonic()
            await strike(system)
            await system.pins(**FLOATING)
            took_s.append(time.monotonic() - began_s)
            await mend(system)
        await system.pins(**BOTH_CLOSED)
        await system.shows(BOTH_ON)
    return took_s


async def kills(folder: Path, count: int, seed: int) -> list[float]:
    return await strikes(folder, count, seed, kill, after_kill)


async def stops(folder: Path, count: int, seed: int) -> list[float]:
    return await strikes(folder, count, seed, stop, after_stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """Of so many calls how many were taken, how many of those on measured paths, and which measured paths moved."""

    calls: int
    taken: int
    taken_measured: int
    moved: tuple[str, ...]
    seconds: float


async def writes(folder: Path, count: int, seed: int, *, clients: int = 4) -> Writes:
    """Write anything anywhere from several clients at once while a battery measures the same all the time."""
    async with rigged(folder) as system:
        system.pack.current_a = CURRENT_A
        await system.shows({"/Dc/0/Current": CURRENT_A})
        before = await system.client.items()
        writers = [await system.connect() for _ in range(clients)]
        heard, began_s = len(system.client.seen), time.monotonic()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(write(writer, sorted(before), count // clients, Random(f"{seed} {number}")))
                for number, writer in enumerate(writers)
            ]
        seconds = time.monotonic() - began_s
        after = await system.client.items()
        seen = [(path, value) for _, path, value in system.client.seen[heard:]]
    taken = [path for task in tasks for path in task.result()]
    return Writes(
        calls=count // clients * clients,
        taken=len(taken),
        taken_measured=sum(path.startswith(MEASURED) for path in taken),
        moved=_moved(before, [*seen, *after.items()]),
        seconds=seconds,
    )


def _moved(before: Items, seen: list[tuple[str, object]]) -> tuple[str, ...]:
    return tuple(sorted({path for path, value in seen if path.startswith(MEASURED) and before[path] != value}))


async def write(client: Client, paths: list[str], count: int, random: Random) -> list[str]:
    """Random values to random paths: those that were taken."""
    service, taken = await client.appeared(), []
    for _ in range(count):
        path = random.choice(SETTABLE if random.random() < SETTABLE_SHARE else paths)
        code = await client.call(service, path, BUS_ITEM, "SetValue", "v", _value(random))
        if code == 0 and path != ECHO:
            taken.append(path)
    return taken


def _value(random: Random) -> Variant:
    kind = random.randrange(6)
    if kind == 0:
        return Variant("d", random.choice((float("nan"), float("inf"), -1e300, 0.0, 3.3, 13.2, 100.0)))
    if kind == 1:
        return Variant("s", random.choice(("", "1", "full", "\u00b0", "x" * 200)))
    if kind == 2:
        return Variant("ai", random.choice(([], [1, 2])))
    if kind == 3:
        return Variant("b", random.random() < 0.5)
    return Variant("i", random.randint(-(2**31), 2**31 - 1) if kind == 4 else random.randint(-2, 300))
