"""An update that is interrupted at any moment, by the death of one, of all installers, or of the whole device."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from integration.programs import wait_for

from .device import NEW, OLD, ON_THE_BUS, Device, break_main, device
from .update_rule import breaches, gaps

LIMIT_S = 3.0
POINTS = 50
INSTALLER = "smallbms.installer"


async def the_updater_dies(place: Device) -> None:
    """A guard waits for that."""
    place.kill(f"{INSTALLER} --root {place.root} rollback")


async def every_installer_dies(place: Device) -> None:
    """Then the next start of the main process sees to it."""
    place.kill(INSTALLER)
    await place.restart_main()


async def the_power_is_cut(place: Device) -> None:
    await place.power_cut()


DEATHS: tuple[Callable[[Device], Awaitable[None]], ...] = (the_updater_dies, every_installer_dies, the_power_is_cut)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_interrupted_at_any_point_one_version_or_the_other_runs(tmp_path: Path) -> None:
    """Most of the points, on two devices at once."""
    async with asyncio.TaskGroup() as tasks:
        for seed in range(2):
            tasks.create_task(_interrupt_often(_made(tmp_path / str(seed)), random.Random(seed), POINTS // 3 + 1))


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_limit_of_a_device_is_120_s(tmp_path: Path) -> None:
    """That takes so long that the rest of the points are passed beside it, on another device."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_neither_comes_up(_made(tmp_path / "0")))
        tasks.create_task(_interrupt_often(_made(tmp_path / "1"), random.Random(2), POINTS // 3))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _neither_comes_up(folder: Path) -> None:
    async with device(folder, update_s=120.0) as place:
        for version in (OLD, NEW):
            break_main(place.layout.version(version), "import time; time.sleep(3600)")
        said = len(place.system.outputs.lines)
        updating = asyncio.create_task(place.does("rollback", "--yes", "--healthy-s", "30"))
        began = await place.system.outputs.said("update to 2.0.0: running", after=said, seconds=60)
        ended = await place.system.outputs.said("no healthy version in 120 s", after=said, seconds=130)
        await place.system.pins(charge_disconnect=False, load_disconnect=False)
        assert 119.5 < ended.at_s - began.at_s < 122.0
        held = [line for line in place.system.outputs.lines[said:] if line.at_s < ended.at_s - 0.5]
        assert not gaps(held)
        status, _ = await updating
        assert (status, place.current()) == (1, OLD)


async def _interrupt_often(folder: Path, chance: random.Random, times: int) -> None:
    async with device(folder, update_s=LIMIT_S) as place:
        for _ in range(times):
            said = len(place.system.outputs.lines)
            await _interrupted(place, chance.choice(DEATHS), chance.uniform(-1.0, 4.0))
            await place.shows({"/FirmwareVersion": lambda shown: shown == ON_THE_BUS[place.current() or ""]})
            assert not breaches(place.system.outputs.lines[said:], LIMIT_S), place.system.outputs.text
            await _remote_off_works(place)


async def _interrupted(place: Device, death: Callable[[Device], Awaitable[None]], after_s: float) -> None:
    """Begin an update and interrupt it so long after the journal was written; before that if negative."""
    updating = await place.installer("rollback", "--yes", "--healthy-s", "8")
    if after_s >= 0:
        with contextlib.suppress(AssertionError):
            await wait_for(lambda: place.layout.journal.exists() or updating.returncode is not None, "the journal")
    await asyncio.sleep(abs(after_s))
    await death(place)
    await updating.communicate()


async def _remote_off_works(place: Device) -> None:
    place.system.remote("open", "open")
    await place.system.pins(charge_disconnect=False, load_disconnect=False, seconds=5)
    place.system.remote("open", "plus")
    await place.system.pins(charge_disconnect=True, load_disconnect=True)


@pytest.mark.slow
async def test_remote_off_takes_both_in_the_middle_of_an_update(tmp_path: Path) -> None:
    async with device(tmp_path) as place:
        updating = await place.installer("rollback", "--yes")
        await place.system.outputs.said("update to 2.0.0: running, load output held")
        assert place.system.shown()["load_disconnect"] is True
        place.system.remote("open", "open")
        await place.system.pins(charge_disconnect=False, load_disconnect=False, seconds=5)
        await updating.communicate()
        assert updating.returncode == 0
        assert place.system.shown()["load_disconnect"] is False
        place.system.remote("open", "plus")
        await place.runs(NEW, failure=0)


@pytest.mark.slow
async def test_an_updater_that_dies_costs_no_gap_in_discharging(tmp_path: Path) -> None:
    """The limit is generous here: the guard is quicker than that."""
    async with device(tmp_path) as place:
        for after_s in (0.0, 0.6, 1.2, 1.8):
            said, newer = len(place.system.outputs.lines), place.layout.linked_version(place.layout.previous)
            await _interrupted(place, the_updater_dies, after_s)
            await place.runs(newer or "", failure=0)
            assert not gaps(place.system.outputs.lines[said:])
