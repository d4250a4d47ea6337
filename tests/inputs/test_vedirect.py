"""A SmartShunt at a pseudo-terminal, and what becomes of its wire."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.test_vedirect import HISTORY, SHUNT, block
from smallbms.inputs import vedirect
from smallbms.inputs.vedirect import VeDirect
from smallbms.model import ShuntReading

from .rig import until, working


class Wire:
    """The far end of a serial port that can be unplugged; `says` is sent again and again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shunt"
        self.says = block(SHUNT)
        self.readings: list[ShuntReading] = []
        self.shunt = VeDirect(str(self.path), self.readings.append)
        self._ends: tuple[int, ...] = ()
        self.plug()

    def plug(self) -> None:
        self._ends = pty.openpty()
        os.set_blocking(self._ends[0], False)
        self.path.symlink_to(os.ttyname(self._ends[1]))

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = ()

    async def run(self) -> None:
        """Speak until cancelled."""
        while True:
            if self._ends:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._ends[0], self.says)
            await asyncio.sleep(0.005)

    async def another(self) -> ShuntReading:
        wanted = len(self.readings) + 1
        await until(lambda: len(self.readings) >= wanted)
        return self.readings[-1]


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setattr(vedirect, "LOOK_S", 0.002)
    monkeypatch.setattr(vedirect, "BACK_OFF_S", (0.01, 0.05))
    made = Wire(tmp_path)
    yield made
    made.unplug()


async def test_it_is_read_as_it_speaks(wire: Wire) -> None:
    async with working(wire.shunt, wire):
        first = await wire.another()
        assert (first.voltage_v, first.current_a) == (pytest.approx(26.201), pytest.approx(-7.31))
        wire.says = block(HISTORY) + b":A0102000543\n" + block(SHUNT | {"I": "12000"})
        await until(lambda: wire.readings[-1].current_a == pytest.approx(12.0))
        assert wire.readings[-1].taken_at_s > first.taken_at_s


async def test_an_adapter_that_vanishes_is_read_again_once_it_is_back(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with working(wire.shunt, wire):
        await wire.another()
        wire.unplug()
        await until(lambda: "cannot be opened" in caplog.text or "hung up" in caplog.text or "failed" in caplog.text)
        wire.plug()
        await wire.another()
        await until(lambda: "works again" in caplog.text)


@pytest.mark.parametrize(("says", "told"), [
    (b"", "no reading for"),
    (block(HISTORY), "no reading for"),
    (block(SHUNT).replace(b"26201", b"26202"), "refused: wrong checksum"),
    (block({"V": "twelve", "I": "0"}), "refused: V is 'twelve'"),
])  # fmt: skip
async def test_one_that_says_nothing_good_is_opened_anew_and_complained_of(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, says: bytes, told: str
) -> None:
    monkeypatch.setattr(vedirect, "SILENT_S", 0.2)
    wire.says = says
    async with working(wire.shunt, wire):
        await until(lambda: told in caplog.text)
        assert wire.readings == []
        wire.says = block(SHUNT)
        await wire.another()
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


async def test_a_port_that_is_no_serial_port_is_complained_of(
    tmp_path: Path, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.touch()
    async with working(VeDirect(str(file), wire.readings.append)):
        await until(lambda: "cannot be opened" in caplog.text)
