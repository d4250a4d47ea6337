"""An update that is interrupted at any moment, by the death of one, of all installers, or of the whole device."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from integration.programs import wait_for

from .device import NEW, ON_THE_BUS, Device, device
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
@pytest.mark.parametrize("seed", range(2))
async def test_interrupted_at_any_point_one_version_or_the_other_runs(seed: int, tmp_path: Path) -> None:
    """A quarter of the points each on two devices at once, in one of two processes."""
    folders = [tmp_path / str(number) for number in range(2)]
    async with asyncio.TaskGroup() as tasks:
        for number, folder in enumerate(folders):
            folder.mkdir()
            tasks.create_task(_interrupt_often(folder, random.Random(2 * seed + number), POINTS // 4 + 1))


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
        for after_s in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5):
            said, newer = len(place.system.outputs.lines), place.layout.linked_version(place.layout.previous)
            await _interrupted(place, the_updater_dies, after_s)
            await place.runs(newer or "", failure=0)
            assert not gaps(place.system.outputs.lines[said:])
