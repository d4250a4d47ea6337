"""A private bus for whoever asks for one; tests that ask for `library` run on both D-Bus libraries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbus_fast.aio import MessageBus

from private_bus import Daemon, Peer
from velib_python._library import LibraryName


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
async def peer(daemon: Daemon) -> AsyncIterator[Peer]:
    client = Peer(await MessageBus(bus_address=daemon.address).connect())
    yield client
    if client.bus.connected:
        await client.close()
