"""A Bluetooth battery: kept connected, connected anew, and never spoken of when it says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from smallbms.errors import FrameError, LinkError
from smallbms.links import ble
from smallbms.links.ble import BleLink
from smallbms.model import BatteryReading, Identity
from smallbms.words import LinkFault

from .rig import running, until

SAMPLE = {"voltage": 13.2, "current": -1.0, "cell_voltages": [3.3] * 4}


class ToyRadio:
    """One battery in reach, or not; `says` is what it answers."""

    def __init__(self) -> None:
        self.identity = Identity(key="ble:AA", serial="77")
        self.says: Mapping[str, Any] | Exception = SAMPLE
        self.in_reach = True
        self.asked_for: list[tuple[str, str | None, str | None]] = []
        self.open = 0

    @contextlib.asynccontextmanager
    async def connected(self, kind: str, *, address: str | None, name: str | None) -> AsyncIterator[ToyRadio]:
        self.asked_for.append((kind, address, name))
        if not self.in_reach:
            raise LinkError("not in reach")
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def sample(self) -> Mapping[str, Any]:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


class Rig:
    def __init__(self) -> None:
        self.radio = ToyRadio()
        self.readings: list[tuple[int, BatteryReading]] = []
        self.link = BleLink(
            self.radio, 3, "toy_bms", address="AA", on_reading=lambda n, reading: self.readings.append((n, reading))
        )

    async def another(self, count: int = 1) -> BatteryReading:
        wanted = len(self.readings) + count
        await until(lambda: len(self.readings) >= wanted)
        return self.readings[-1][1]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(ble, "POLL_S", 0.005)
    monkeypatch.setattr(ble, "BACK_OFF_S", (0.005, 0.02))
    return Rig()


async def test_it_is_read_over_one_connection(rig: Rig) -> None:
    async with running(rig.link.run):
        reading = await rig.another(3)
        assert rig.radio.asked_for == [("toy_bms", "AA", None)]
        assert (rig.readings[0][0], reading.voltage_v, reading.identity) == (3, 13.2, rig.radio.identity)
        assert reading.taken_at_s <= asyncio.get_running_loop().time()
        health = rig.link.health
        assert (health.open, health.errors, health.frames_ok >= 3) == (True, {}, True)
    assert (rig.radio.open, rig.link.health.open, rig.link.numbers) == (0, False, {3})


async def test_one_that_goes_is_looked_for_until_it_is_back(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with running(rig.link.run):
        await rig.another()
        rig.radio.in_reach, rig.radio.says = False, LinkError("it has disconnected")
        await until(lambda: len(rig.radio.asked_for) >= 4)
        read = len(rig.readings)
        assert rig.radio.open == 0
        rig.radio.in_reach, rig.radio.says = True, SAMPLE
        await rig.another()
        assert len(rig.readings) > read
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert rig.link.health.errors[LinkFault.PORT] >= 3
    assert rig.link.health.last_error in ("not in reach", "it has disconnected")


async def test_what_cannot_be_understood_is_no_reading_and_in_the_end_a_new_connection(rig: Rig) -> None:
    rig.radio.says = FrameError("IndexError: 7")
    async with running(rig.link.run):
        await until(lambda: len(rig.radio.asked_for) >= 2)
        assert rig.readings == []
        assert rig.link.health.errors[LinkFault.BAD_FRAME] >= ble.BAD_SAMPLES
        rig.radio.says = SAMPLE
        await rig.another()


async def test_a_first_high_cell_is_looked_at_again_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "POLL_S", 3600.0)
    async with running(rig.link.run):
        await rig.another()
        await asyncio.sleep(0)
        rig.link.urge(3)
        await rig.another()
