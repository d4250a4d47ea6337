"""What publishing and answering on D-Bus costs a service, on both libraries, and what a hanging daemon does to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.figure import Figure
from bench.processes import Daemon, Helper, daemon
from bench.publisher_process import CHANGED_PATHS, NAME, path, published
from bench.rig import BUS_ITEM
from velib_python import Connection, connect
from velib_python._library import Message

LIBRARIES = ("dbus-fast", "dbus-next")
ROUNDS, CALLS, REPEATS = 1000, 300, 5
ASKED_PATHS, MANY_PATHS = 500, 2000
HANG_S = 4.0
DRAIN_S = 20.0


def measure(quick: bool) -> list[Figure]:
    return [figure for library in LIBRARIES for figure in asyncio.run(_measure(library, quick))]


async def _measure(library: str, quick: bool) -> list[Figure]:
    rounds, calls, repeats = (20, 5, 1) if quick else (ROUNDS, CALLS, REPEATS)
    async with _serving(library, ASKED_PATHS) as (server, bus, bus_daemon):
        await bus.add_signal_handler(lambda _: None, interface=BUS_ITEM, member="ItemsChanged")
        publish_s = [(await server.ask(publish=rounds))["cpu_s"] * ROUNDS / rounds for _ in range(repeats)]
        answer_ms = [await _answer_ms(server, bus, calls) for _ in range(repeats)]
        lost = await _lost(server, bus, bus_daemon, rounds, 0.1 if quick else HANG_S)
    async with _serving(library, MANY_PATHS) as (_, bus, _):
        (items,) = await bus.call(NAME, "/", BUS_ITEM, "GetItems")
    return [
        Figure(
            what=f"{ROUNDS} rounds × {CHANGED_PATHS} changed paths, {library}: publisher CPU",
            value=statistics.median(publish_s), unit="s", limit=0.30,
            elsewhere="velib_python 0.43 s, aiovelib on dbus-next 1.5 s",
        ),
        Figure(
            what=f"the same with a daemon that hangs {HANG_S:g} s, {library}: values lost", value=lost, limit=0,
            elsewhere="connection lost, dbus-next and dbus-fast alone",
        ),
        Figure(
            what=f"GetItems of {ASKED_PATHS} paths, {library}: server CPU per call",
            value=statistics.median(answer_ms), unit="ms", limit=1.0,
            elsewhere="velib_python 1.7–2.2 ms, dbus-next 4–7 ms",
        ),
        Figure(
            what=f"{MANY_PATHS} paths, {library}: how many a client gets", value=len(items), limit=MANY_PATHS,
            at_least=True,
        ),
    ]  # fmt: skip


@contextlib.asynccontextmanager
async def _serving(library: str, paths: int) -> AsyncIterator[tuple[Helper, Connection, Daemon]]:
    with tempfile.TemporaryDirectory(prefix="smallbms-bench-") as folder, daemon(Path(folder)) as bus_daemon:
        server = Helper("bench.publisher_process", library, bus_daemon.address, str(paths))
        try:
            await server.ask()
            bus = await connect(bus_daemon.address)
            yield server, bus, bus_daemon
            await bus.close()
        finally:
            server.close()


async def _answer_ms(server: Helper, bus: Connection, calls: int) -> float:
    begin_s = (await server.ask(cpu=True))["cpu_s"]
    for _ in range(calls):
        await bus.call(NAME, "/", BUS_ITEM, "GetItems")
    return float((await server.ask(cpu=True))["cpu_s"] - begin_s) / calls * 1e3


async def _lost(server: Helper, bus: Connection, bus_daemon: Daemon, rounds: int, hang_s: float) -> int:
    """Publish while the daemon hangs: how many paths never get their last value (all, if the connection is lost)."""
    heard: dict[str, float] = {}

    def hear(message: Message) -> None:
        (items,) = message.body
        heard.update({changed: item["Value"].value for changed, item in items.items()})

    await bus.add_signal_handler(hear, interface=BUS_ITEM, member="ItemsChanged")
    pid = bus_daemon.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        state = await server.ask(publish=rounds)
        await asyncio.sleep(hang_s)
    finally:
        os.kill(pid, signal.SIGCONT)
    wanted = {path(number): published(number, rounds) for number in range(CHANGED_PATHS)}
    end_s = time.monotonic() + DRAIN_S
    while not wanted.items() <= heard.items() and not state["closed"] and time.monotonic() < end_s:
        await asyncio.sleep(0.01)
    return sum(heard.get(changed) != value for changed, value in wanted.items())
