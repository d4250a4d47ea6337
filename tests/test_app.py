"""The wiring by itself: it runs on whatever is missing around it, and ends in good order or with one sentence."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from pathlib import Path

import pytest

from smallbms.app import Options, serve
from smallbms.commands.check import known_drivers
from smallbms.commands.demo import demo_toml
from smallbms.config import Config, parse
from smallbms.core.state import Snapshot
from smallbms.drivers.simulated import SimulatedBattery
from smallbms.memory import DEVICE, ENGINE
from smallbms.simulation.demo import house
from smallbms.simulation.drive import Drive
from smallbms.store import Store
from smallbms.words import ReasonCode

DEADLINE_S = 20.0
STOPPED, FAILED, REFUSED = 0, 1, 2


def config(folder: Path) -> Config:
    """Four simulated batteries, a bus that is not there."""
    return parse(demo_toml(f"unix:path={folder}/no-bus", folder), "test", known_drivers())


class Run:
    """One run in this process, stopped once a snapshot is as wanted."""

    def __init__(self, folder: Path) -> None:
        self.config = config(folder)
        models = [model for battery in self.config.batteries if (model := self.config.model_of(battery)) is not None]
        self.snapshots: list[Snapshot] = []
        self.options = Options(
            state=folder / "state",
            runtime=folder / "run",
            drive=Drive(house([SimulatedBattery(model, soc_pct=60.0, seed=7) for model in models])),
            on_snapshot=self._see,
        )

    def _see(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)
        if snapshot.decision.soc_pct is not None:
            self.options.stop.set()

    async def serve(self) -> int:
        async with asyncio.timeout(DEADLINE_S):
            return await serve(self.config, self.options)


async def test_without_outputs_and_bus_it_decides_says_why_and_keeps_its_state(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert await run.serve() == STOPPED
    last = run.snapshots[-1]
    assert not (last.decision.allow_to_charge or last.decision.allow_to_discharge)
    codes = {reason.code for reason in last.decision.reasons}
    assert codes <= {ReasonCode.STARTING, ReasonCode.OUTPUT_FAULT_CHARGE, ReasonCode.OUTPUT_FAULT_LOAD}
    assert codes
    kept = await Store(tmp_path / "state").load(ENGINE)
    assert kept.data is not None
    assert kept.notices == ()
    assert not (tmp_path / "run" / "bus").exists()


async def test_its_serial_is_made_once(tmp_path: Path) -> None:
    serials = set()
    for _ in range(2):
        run = Run(tmp_path)
        assert await run.serve() == STOPPED
        serials.add(run.snapshots[-1].identity.serial)
    assert len(serials) == 1
    kept = (await Store(tmp_path / "state").load(DEVICE)).data
    assert kept is not None
    assert kept["serial"] in serials


async def test_two_in_one_runtime_directory_are_one_too_many(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = Run(tmp_path), Run(tmp_path)
    second.options.state = tmp_path / "other"
    running = asyncio.create_task(first.serve())
    async with asyncio.timeout(DEADLINE_S):
        while not (tmp_path / "run" / "main.lock").exists():
            await asyncio.sleep(0)
    assert await second.serve() == REFUSED
    assert "smallbms runs already (process " in caplog.text
    assert not (tmp_path / "other").exists()
    assert await running == STOPPED


async def test_a_full_runtime_directory_keeps_nobody_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, lock = os.write, tmp_path / "run" / "main.lock"

    def write(fd: int, data: bytes) -> int:
        if os.path.samestat(os.fstat(fd), lock.stat()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really(fd, data)

    run = Run(tmp_path)
    monkeypatch.setattr(os, "write", write)
    assert await run.serve() == STOPPED
    assert lock.read_bytes() == b""


async def test_a_runtime_directory_that_cannot_be_is_one_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    run.options.runtime = tmp_path / "file" / "run"
    assert await run.serve() == REFUSED
    assert caplog.messages == [f"{tmp_path}/file/run cannot be used for sockets and locks: Not a directory"]


async def test_an_internal_error_ends_it_with_a_trace_and_the_state_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(tmp_path)

    def break_down(_: Snapshot) -> None:
        raise ZeroDivisionError("a bug")

    run.options.on_snapshot = break_down
    assert await run.serve() == FAILED
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info
    assert "please report this" in record.message
    assert (await Store(tmp_path / "state").load(ENGINE)).data is not None
