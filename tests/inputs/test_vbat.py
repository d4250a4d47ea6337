"""Vbat from a file: a number times its scale, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smallbms.inputs import vbat
from smallbms.inputs.vbat import VbatFile

DEADLINE_S = 10.0


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vbat, "PERIOD_S", 0.005)


@contextlib.asynccontextmanager
async def reading(path: Path, volts_per_count: float = 1.0) -> AsyncIterator[VbatFile]:
    source = VbatFile(path, volts_per_count)
    task = asyncio.create_task(source.run())
    try:
        yield source
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def becomes(source: VbatFile, voltage_v: float | None) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while source.voltage_v != (None if voltage_v is None else pytest.approx(voltage_v)):
            await asyncio.sleep(0.002)


async def test_counts_become_volts_and_follow_the_file(tmp_path: Path) -> None:
    file = tmp_path / "in_voltage0_raw"
    file.write_text("1660\n")
    async with reading(file, 0.008) as source:
        await becomes(source, 13.28)
        file.write_text("1700")
        await becomes(source, 13.6)


@pytest.mark.parametrize("content", ["", "thirteen", "nan", "inf", "-inf", "13,2"])
async def test_what_is_no_number_is_not_read(content: str, tmp_path: Path) -> None:
    file = tmp_path / "vbat"
    file.write_text("13.2")
    async with reading(file) as source:
        await becomes(source, 13.2)
        file.write_text(content)
        await becomes(source, None)


async def test_a_file_that_goes_is_said_once_and_its_return_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "vbat"
    caplog.set_level(logging.INFO)
    file.write_text("13.2")
    async with reading(file) as source:
        await becomes(source, 13.2)
        file.unlink()
        await becomes(source, None)
        await asyncio.sleep(0.05)  # some more readings that fail
        file.write_text("13.3")
        await becomes(source, 13.3)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
