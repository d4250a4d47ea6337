"""Inputs at work, other services on a private bus, and patience."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from smallbms.wiring import Work
from velib_python import VeDbusService, connect

DEADLINE_S = 20.0


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def working(*inputs: Work) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(input_.run()) for input_ in inputs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


@contextlib.asynccontextmanager
async def service(address: str, name: str, values: dict[str, float | str | None]) -> AsyncIterator[VeDbusService]:
    """A service of Venus OS that has these values."""
    bus = await connect(address)
    offered = VeDbusService(name, bus)
    for path, value in values.items():
        offered.add_path(path, value, signature="s" if isinstance(value, str) else "d")
    await offered.register()
    try:
        yield offered
    finally:
        await bus.close()
