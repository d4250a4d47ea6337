from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.programs import wait_for
from smallbms.watchdog import WatchdogFile

PERIOD_S = 0.02
LONG_AGO_S = 1.0


async def touched(path: Path) -> None:
    os.utime(path, (0, 0))
    await wait_for(lambda: path.stat().st_mtime, "the file is touched again")


async def running(path: Path, stepped_at_s: Callable[[], float]) -> tuple[WatchdogFile, asyncio.Task[None]]:
    watchdog = WatchdogFile(path, stepped_at_s, period_s=PERIOD_S)
    return watchdog, asyncio.create_task(watchdog.run())


async def test_it_is_touched_again_and_again_while_the_engine_steps(tmp_path: Path) -> None:
    path = tmp_path / "watchdog/bms"
    watchdog, task = await running(path, time.monotonic)
    await wait_for(path.exists, "the file")
    await touched(path)
    await touched(path)
    task.cancel()
    watchdog.remove()
    assert not path.exists()


async def test_an_engine_that_steps_no_more_leaves_it_alone(tmp_path: Path) -> None:
    asked: list[float] = []

    def long_ago() -> float:
        asked.append(time.monotonic())
        return asked[-1] - LONG_AGO_S

    watchdog, task = await running(tmp_path / "bms", long_ago)
    await wait_for(lambda: len(asked) >= 3, "three periods")
    task.cancel()
    assert not (tmp_path / "bms").exists()
    watchdog.remove()


async def test_where_it_cannot_be_touched_that_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    asked: list[float] = []

    def now() -> float:
        asked.append(time.monotonic())
        return asked[-1]

    with caplog.at_level(logging.WARNING):
        _, task = await running(tmp_path / "file/bms", now)
        await wait_for(lambda: len(asked) >= 3, "three periods")
        task.cancel()
    assert len(caplog.records) == 1
    assert "cannot be touched" in caplog.text
