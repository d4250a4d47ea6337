"""The link without a wire behaves like the ones with."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from smallbms.links.simulated import SimulatedLink
from smallbms.model import BatteryReading

from .rig import DEADLINE_S, STATE, running, until


def make_link(poll_s: float) -> tuple[SimulatedLink, list[tuple[int, BatteryReading]]]:
    readings: list[tuple[int, BatteryReading]] = []

    def source(now_s: float) -> dict[int, BatteryReading]:
        return {number: replace(STATE, taken_at_s=now_s, cells_taken_at_s=now_s) for number in (1, 2)}

    def take(number: int, reading: BatteryReading) -> None:
        readings.append((number, reading))

    return SimulatedLink(source, (1, 2, 3), poll_s=poll_s, on_reading=take), readings


async def test_readings_come_at_the_pace_asked_for() -> None:
    link, readings = make_link(0.01)
    start_s = asyncio.get_running_loop().time()
    async with running(link.run):
        await until(lambda: len(readings) >= 10)
        assert link.health.open
        assert link.health.frames_ok >= 10
    assert not link.health.open
    assert link.numbers == {1, 2, 3}
    assert [number for number, _ in readings[:4]] == [1, 2, 1, 2]
    stamps = [reading.taken_at_s for number, reading in readings if number == 1]
    assert stamps == sorted(stamps)
    assert stamps[4] - start_s >= 0.04


async def test_an_urged_battery_is_read_at_once() -> None:
    link, readings = make_link(2 * DEADLINE_S)
    link.set_near_limit({1})
    async with running(link.run):
        await until(lambda: len(readings) == 2)
        link.urge(2)
        await until(lambda: len(readings) == 4)
