"""A port that comes and goes for weeks leaves nothing for the garbage collector: it would hold it for hours."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from smallbms.drivers.base import Want
from smallbms.drivers.jbd import Jbd
from smallbms.emulators.pty import PtyServer
from smallbms.errors import LinkError
from smallbms.links.port import Exchange, Port, Script, opened

from .rig import jbd_board, running, until


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def errors() -> int:
    return sum(isinstance(one, LinkError) for one in gc.get_objects())


async def open_in_vain(path: str) -> None:
    try:
        async with opened(path, 9600):
            raise AssertionError("there is no such port")
    except LinkError:
        pass


async def test_a_port_that_cannot_be_opened() -> None:
    before = errors()
    for _ in range(40):
        await open_in_vain("/nowhere/tty")
    assert errors() - before < 20  # each thread that tried keeps its last


def polling() -> Script:
    request, *_ = Jbd(key="jbd").requests(Want.PACK)
    while True:
        yield Exchange(request, 0.05)


async def lose(server: PtyServer) -> weakref.ref[Port]:
    """Open it and ask until it is unplugged."""
    await until(server.path.exists)
    asyncio.get_running_loop().call_later(0.05, server.unplug)
    try:
        async with opened(str(server.path), 9600) as port:
            await port.play(polling())
    except LinkError:
        pass
    server.plug()
    return weakref.ref(port)


async def test_a_port_that_is_lost(tmp_path: Path) -> None:
    server = PtyServer(jbd_board(), tmp_path / "port", baud=0)
    before = errors()
    async with running(server.run):
        ports = [await lose(server) for _ in range(3)]
    assert [port() for port in ports] == [None] * 3
    assert errors() == before
