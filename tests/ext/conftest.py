"""A real dbus-daemon for each test; every test that connects runs on both libraries."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from private_bus import Connector, Daemon
from velib_python._library import LibraryName
from velib_python.connection import Connection, connect


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
