"""The commands that look: every page of a running service, for people and as JSON."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from integration.harness import System
from integration.programs import DEADLINE_S, environment, run_command
from smallbms.settings import SETTINGS

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_status_shows_the_three_pages(system: System) -> None:
    result = await system.command("status")
    assert result.status == 0
    for text in (
        "State of charge         60.0%", "Allowed to charge       Yes", "Allowed to discharge    Yes", "13.21V",
        "Battery #1", "3.30V", "Last errors",
    ):  # fmt: skip
        assert text in result.out, text
    assert result.err == ""


async def test_status_as_json_has_every_item(system: System) -> None:
    said = json.loads((await system.command("status", "--json")).out)
    items = await system.client.raw_items()
    assert said.keys() == items.keys()
    assert said["/Soc"] == {"value": 60.0, "text": "60.0%"}
    assert {path: item["value"] for path, item in said.items()} == {path: item["Value"] for path, item in items.items()}


async def test_status_is_watched_until_stopped(system: System) -> None:
    watching = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "smallbms", "status", "--watch", "--bus", system.daemon.address,
        env=environment(system.folder), stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert watching.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        for _ in range(2):
            while b"Battery bank" not in await watching.stdout.readline():
                assert watching.returncode is None
        watching.send_signal(signal.SIGINT)
        _, err = await watching.communicate()
    assert (watching.returncode, err) == (0, b"")


async def test_a_reader_that_has_seen_enough_ends_the_watch(system: System) -> None:
    command = f"{sys.executable} -m smallbms status --watch --bus {system.daemon.address} | head -n 1"
    piped = await asyncio.create_subprocess_exec(
        "bash", "-o", "pipefail", "-c", command, env=environment(system.folder), stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(DEADLINE_S):
        out, err = await piped.communicate()
    assert (piped.returncode, out.count(b"\n"), err) == (0, 1, b"")


async def test_nothing_is_wrong(system: System) -> None:
    assert await system.command("why") == (0, "Charging and discharging are allowed.\n", "")
    assert json.loads((await system.command("why", "--json")).out) == {"Charge": [], "Discharge": []}


async def test_a_no_is_explained(system: System) -> None:
    assert await system.client.set("/Mode", 252) == 0
    await system.shows({"/Io/AllowToCharge": 0})
    result = await system.command("why")
    assert result.out.splitlines() == [
        "No to charging: the mode is Standby; back: it is On",
        "No to discharging: the mode is Standby; back: it is On",
    ]
    said = json.loads((await system.command("why", "--json")).out)
    assert [reason["code"] for reason in said["Charge"] + said["Discharge"]] == ["mode_off", "mode_off"]
    page = (await system.command("status")).out
    assert "Allowed to charge       No" in page
    assert "No to charging: the mode is Standby" in page
    assert await system.client.set("/Mode", 3) == 0
    await system.shows({"/Io/AllowToCharge": 1})


async def test_every_setting_is_listed_with_what_is_allowed(system: System) -> None:
    lines = (await system.command("settings")).out.splitlines()
    assert [line.split()[0] for line in lines] == [row.name for row in SETTINGS]
    assert next(line for line in lines if "discharge_floor_pct" in line).split()[1:4] == ["10", "%", "0…90"]
    assert next(line for line in lines if "mode" in line).split()[1] == "on"
    said = json.loads((await system.command("settings", "--json")).out)
    assert said["tail_current_pct"] == {"value": 4.0, "minimum": 0.5, "maximum": 10.0, "default": 4.0}
    assert said.keys() == {row.name for row in SETTINGS}


async def test_the_history_is_shown_and_cleared(system: System) -> None:
    assert await system.client.set("/Settings/Battery/Synchronize", 1) == 0
    await system.shows({"/History/AutomaticSyncs": 1})
    page = (await system.command("history")).out
    assert "Synchronisations        1" in page
    said = json.loads((await system.command("history", "--json")).out)
    assert said["/History/AutomaticSyncs"]["value"] == 1
    assert {path.split("/")[1] for path in said} == {"History", "Diagnostics"}
    cleared = await system.command("history", "--clear")
    assert (cleared.status, cleared.err) == (0, "The history is cleared.\n")
    await system.shows({"/History/AutomaticSyncs": 0})


@pytest.mark.parametrize("command", ["status", "why", "settings", "history", "acknowledge", "reset-to-defaults"])
async def test_without_a_service_there_is_one_sentence(command: str, tmp_path: Path) -> None:
    nowhere = f"unix:path={tmp_path}/nowhere"
    result = await run_command(tmp_path, command, "--bus", nowhere)
    assert (result.status, result.out) == (1, "")
    assert result.err.count("\n") == 1
    assert "is the service running?" in result.err


async def test_a_bus_without_the_service_is_said_to_be_one(system: System, tmp_path: Path) -> None:
    """The daemon answers; nobody of ours is there."""
    alone = System(tmp_path)
    try:
        await alone.daemon.start()
        result = await alone.command("status")
    finally:
        await alone.stop()
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("no smallbms on the bus unix:path=")


@pytest.mark.parametrize("bus", ["nonsense", "unix:", "tcp:host=x", ""])
async def test_an_address_that_is_none_is_one_sentence(bus: str, tmp_path: Path) -> None:
    result = await run_command(tmp_path, "why", "--bus", bus)
    assert result.status == 1
    assert result.err.count("\n") == 1
