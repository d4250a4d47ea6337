"""A GX that obeys a battery instead of this BMS: it is said by `check` and `status`, and mended by `check --select`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ext.local_settings import LocalSettings
from integration.harness import System
from velib_python import VeDbusService, connect

pytestmark = pytest.mark.asyncio(loop_scope="module")

OBEYED, SHOWN = "/Settings/SystemSetup/BmsInstance", "/Settings/SystemSetup/BatteryService"
MEMBER = "com.victronenergy.battery.ttyUSB0"


@asynccontextmanager
async def settings(system: System, **stored: object) -> AsyncIterator[LocalSettings]:
    kept = LocalSettings(system.daemon.address)
    kept.stored = {f"/Settings/SystemSetup/{name}": value for name, value in stored.items()}
    await kept.start()
    try:
        yield kept
    finally:
        await kept.stop()


async def test_both_choices_are_made_and_what_was_before_is_said(system: System) -> None:
    instance = (await system.measured())["/DeviceInstance"]
    async with settings(system, BmsInstance=-1, BatteryService="com.victronenergy.battery/7") as kept:
        result = await system.command("check", "--select")
        assert (result.status, result.out.splitlines()) == (0, [
            f"Controlling BMS: {instance}, before: automatic",
            f"Battery monitor: com.victronenergy.battery/{instance}, before: com.victronenergy.battery/7",
        ])  # fmt: skip
        assert kept.stored == {OBEYED: instance, SHOWN: f"com.victronenergy.battery/{instance}"}
        again = await system.command("check", "--select")
        assert again.out.splitlines()[0] == f"Controlling BMS: {instance}, as it was"
        told = json.loads((await system.command("check", "--select", "--json")).out)
        assert told[OBEYED] == {"before": instance, "now": instance}


async def test_without_a_gx_nothing_is_selected(system: System) -> None:
    result = await system.command("check", "--select")
    assert (result.status, result.out) == (1, "")
    assert "cannot be read" in result.err


async def test_a_refused_choice_is_no_choice(system: System) -> None:
    async with settings(system, BmsInstance=5, BatteryService="default") as kept:
        kept.limits[OBEYED] = (1000, 1001)
        result = await system.command("check", "--select")
        assert result.status == 1
        assert "the GX does not take Controlling BMS" in result.err
        assert kept.stored[OBEYED] == 5


async def test_a_gx_that_obeys_a_battery_is_told_of(system: System) -> None:
    items = await system.measured()
    connection = await connect(system.daemon.address)
    gx = VeDbusService("com.victronenergy.system", connection)
    gx.add_path("/ActiveBmsService", MEMBER, signature="s")
    gx.add_path("/ActiveBatteryService", f"com.victronenergy.battery/{items['/DeviceInstance']}", signature="s")
    await gx.register()
    text = f"the GX obeys {MEMBER}: smallbms check --select makes it this BMS"
    try:
        assert text in (await system.command("check")).out
        await system.shows({"/Info/Notices": lambda notices: text in notices})
        (gx["/ActiveBmsService"],) = await system.client.services()
        await system.shows({"/Info/Notices": lambda notices: text not in notices})
        assert "the GX obeys" not in (await system.command("check")).out
    finally:
        await connection.close(timeout_s=0.1)
