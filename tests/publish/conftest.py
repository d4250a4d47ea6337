"""A real dbus-daemon for each test, on both libraries, and publishers that end with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from core.bench_battery import Rig
from private_bus import Daemon, Peer
from publish.stage import Stage, on_the_bus
from velib_python._library import LibraryName

StageMaker = Callable[..., Stage]


@pytest.fixture
async def make_stage(daemon: Daemon, library: LibraryName) -> AsyncIterator[StageMaker]:
    """Make a stage whose publisher runs; it has published the bench's last step."""
    stages: list[Stage] = []

    def make(rig: Rig, **more: Any) -> Stage:
        stages.append(Stage(daemon, library, rig, **more))
        stages[-1].start()
        return stages[-1]

    yield make
    for stage in stages:
        await stage.stop()


@pytest.fixture
async def stage(make_stage: StageMaker, peer: Peer) -> Stage:
    """Two batteries in series, on the bus."""
    made = make_stage(Rig(2, type_name="12.8/200", series=2).start())
    await on_the_bus(peer)
    return made
