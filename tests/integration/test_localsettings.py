"""With a GX's localsettings: at the start, absent, coming later; our settings and the device instance go both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ext.local_settings import LocalSettings

from .harness import BOTH_ON, System
from .programs import run_command, wait_for

PLACE = "/Settings/Devices/smallbms_"


@asynccontextmanager
async def started(folder: Path, stored: dict[str, Any] | None = None) -> AsyncIterator[tuple[System, LocalSettings]]:
    """A system on a bus whose localsettings, unless `stored` is None, was there before."""
    system = System(folder, localsettings=True)
    settings = LocalSettings(system.daemon.address)
    try:
        await system.daemon.start()
        if stored is not None:
            settings.stored.update(stored)
            await settings.start()
        for battery in system.batteries:
            await battery.start()
        await system.start_outputs()
        await system.start_main()
        system.client = await system.connect()
        await system.client.shows(BOTH_ON)
        yield system, settings
    finally:
        await settings.stop()
        await system.stop()


async def place(system: System) -> str:
    """Where our settings are: under the last word of the service's name."""
    return f"/Settings/Devices/{(await system.client.appeared()).rpartition('.')[2]}"


async def test_settings_are_added_at_the_start_and_go_both_ways(tmp_path: Path) -> None:
    async with started(tmp_path, {}) as (system, settings):
        here = await place(system)
        assert here.startswith(PLACE)
        assert settings.stored[f"{here}/ClassAndVrmInstance"] == "battery:1"
        assert settings.stored[f"{here}/DischargeFloorPct"] == 10
        assert await system.client.set("/Settings/Battery/DischargeFloor", 13) == 0
        await wait_for(lambda: settings.stored[f"{here}/DischargeFloorPct"] == 13, "our floor in localsettings")
        settings.set(f"{here}/DischargeFloorPct", 14)
        await system.shows({**BOTH_ON, "/Settings/Battery/DischargeFloor": 14})


async def test_a_taken_instance_gives_the_next_one(tmp_path: Path) -> None:
    async with started(tmp_path, {"/Settings/Devices/other/ClassAndVrmInstance": "battery:1"}) as (system, _):
        assert (await system.client.items())["/DeviceInstance"] == 2


async def test_a_changed_instance_registers_anew(tmp_path: Path) -> None:
    async with started(tmp_path, {}) as (system, settings):
        said = len(system.outputs.lines)
        settings.set(f"{await place(system)}/ClassAndVrmInstance", "battery:7")
        await system.shows({**BOTH_ON, "/DeviceInstance": 7})
        changes = [owners for owners in system.client.owners if owners.service == await system.client.appeared()]
        assert [bool(change.owner) for change in changes][-2:] == [False, True]  # left, and came back
        assert not [line for line in system.outputs.lines[said:] if line.text.startswith("outputs:")]


async def test_localsettings_that_comes_later_is_used(tmp_path: Path) -> None:
    async with started(tmp_path) as (system, settings):
        assert (await system.client.items())["/DeviceInstance"] == 1
        assert await system.client.set("/Settings/Battery/DischargeFloor", 12) == 0
        settings.stored["/Settings/Devices/other/ClassAndVrmInstance"] = "battery:1"
        await settings.start()
        await system.shows({**BOTH_ON, "/DeviceInstance": 2})
        floor = f"{await place(system)}/DischargeFloorPct"
        await wait_for(lambda: settings.stored.get(floor) == 12, "our floor in localsettings")


async def test_localsettings_that_goes_and_comes_back_changes_nothing(tmp_path: Path) -> None:
    async with started(tmp_path, {}) as (system, settings):
        before = await system.shows({**BOTH_ON, "/Soc": 60.0})
        await settings.stop()
        await system.more_beats(2)
        assert await system.client.items() == before
        assert await system.client.set("/Settings/Battery/DischargeFloor", 11) == 0
        await settings.start()
        floor = f"{await place(system)}/DischargeFloorPct"
        await wait_for(lambda: settings.stored.get(floor) == 11, "our floor in localsettings")
        await system.shows({**BOTH_ON, "/Settings/Battery/DischargeFloor": 11})


async def test_a_refused_change_in_localsettings_is_put_right(tmp_path: Path) -> None:
    """A warning level that is not above the floor: localsettings knows no such rule, we do."""
    async with started(tmp_path, {}) as (system, settings):
        warning = f"{await place(system)}/LowSocWarningPct"
        settings.set(warning, 5)
        await wait_for(lambda: settings.stored[warning] == 15, "the old warning level")
        await system.shows({**BOTH_ON, "/Settings/Alarm/LowSoc": 15})


async def test_a_first_start_takes_over_what_localsettings_kept(tmp_path: Path) -> None:
    async with started(tmp_path, {}) as (system, settings):
        here = await place(system)
        await system.main.terminate()
        for file in system.state.glob("settings.*"):
            file.unlink()
        settings.stored[f"{here}/DischargeFloorPct"] = 17
        await system.client.vanished()
        await system.start_main()
        await system.shows({**BOTH_ON, "/Settings/Battery/DischargeFloor": 17, "/Settings/Alarm/LowSoc": 18})
        async with asyncio.timeout(10):
            while settings.stored[f"{here}/LowSocWarningPct"] != 18:
                await asyncio.sleep(0.02)


async def test_they_can_be_forgotten_once_the_service_is_removed(tmp_path: Path) -> None:
    async with started(tmp_path, {"/Settings/Gui/Brightness": 7}) as (system, settings):
        assert len(settings.stored) > 5
        await system.main.terminate()
        arguments = ("forget-settings", "--state", str(system.state), "--bus", settings.address)
        result = await run_command(tmp_path, *arguments)
        assert (result.status, result.err) == (0, "")
        assert settings.stored == {"/Settings/Gui/Brightness": 7}
        await settings.stop()
        result = await run_command(tmp_path, *arguments)
        assert (result.status, result.out) == (1, "")
        assert "localsettings cannot be asked" in result.err


async def test_a_service_that_never_ran_has_none_to_forget(tmp_path: Path) -> None:
    result = await run_command(tmp_path, "forget-settings", "--state", str(tmp_path))
    assert (result.status, result.out) == (0, "no settings are known: the BMS has not run yet\n")
