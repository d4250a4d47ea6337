"""A private bus for whoever asks; those that ask for `library` run on both D-Bus libraries; figures are printed."""

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured and told by `record_property`."""
    told = [line for report in terminalreporter.getreports("passed") for line in report.user_properties]
    if told:
        terminalreporter.section("figures")
    for what, value in told:
        terminalreporter.line(f"{what}: {value}")
