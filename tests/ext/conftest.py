"""A real dbus-daemon for each test; every test that connects runs on both libraries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbus_fast.aio import MessageBus

from private_bus import Connector, Daemon, Peer
from velib_python._library import LibraryName
from velib_python.connection import Connection, connect


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    running = Daemon(tmp_path)
    await running.start()
    yield running
    await running.kill()


@pytest.fixture(params=["dbus-next", "dbus-fast"])
def library(request: pytest.FixtureRequest) -> LibraryName:
    name: LibraryName = request.param
    return name


@pytest.fixture
async def connector(daemon: Daemon, library: LibraryName) -> AsyncIterator[Connector]:
    """Make connections of our own, closed after the test."""
    made: list[Connection] = []

    async def make() -> Connection:
        made.append(await connect(daemon.address, library=library))
        return made[-1]

    yield make
    for connection in made:
        await connection.close(timeout_s=0.1)


@pytest.fixture
async def bus(connector: Connector) -> Connection:
    return await connector()


@pytest.fixture
async def peer(daemon: Daemon) -> AsyncIterator[Peer]:
    client = Peer(await MessageBus(bus_address=daemon.address).connect())
    yield client
    if client.bus.connected:
        await client.close()
