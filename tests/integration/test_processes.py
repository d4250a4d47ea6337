"""A main process that dies, stands still or is told to stop: the outputs float, and nothing is forgotten."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from .client import Items
from .harness import BOTH_ON, System, running

SILENCE_S = 2.5  # promised
GRACE_S = 2.0  # of a busy machine
KEPT = ("/History/", "/Settings/", "/Mode", "/CustomName", "/Serial", "/Diagnostics/")


def kept(items: Items) -> Items:
    """What a restart may not change."""
    return {path: value for path, value in items.items() if path.startswith(KEPT)}


async def live_a_little(system: System) -> None:
    """A discharge for the history, and settings that are no defaults; all of it saved."""
    system.pack.current_a = -99.0
    system.pack.cells_v[0] = 3.2
    await system.shows({"/History/TotalAhDrawn": lambda ah: ah >= 0.1, "/History/MinimumCellVoltage": 3.2})
    system.pack.current_a = 0.0
    await system.shows({"/Dc/0/Current": 0.0})
    saved = system.generation("engine")
    for path, value in (
        ("/Settings/Battery/TailCurrent", 5.5),
        ("/Settings/Battery/DischargeFloor", 21),
        ("/CustomName", "boat"),
    ):
        assert await system.client.set(path, value) == 0
    await system.saved("engine", after=saved)
    async with asyncio.timeout(10):  # the answer to a write comes before its fsync
        while (await system.slot("settings")).get("custom_name") != "boat":
            await asyncio.sleep(0.02)
    await system.shows({"/CustomName": "boat"})


async def test_a_killed_main_process_lets_the_outputs_float_and_forgets_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await live_a_little(system)
        before = await system.client.items()
        await system.main.kill()
        assert await system.floating() < SILENCE_S + GRACE_S
        await system.start_main()
        after = await system.shows(BOTH_ON)
        assert kept(after) == kept(before)
        assert abs(after["/Soc"] - before["/Soc"]) <= 0.5
        assert after["/Settings/Battery/TailCurrent"] == 5.5
        assert after["/Settings/Alarm/LowSoc"] == 22
        await system.pins(charge_disconnect=True, load_disconnect=True)


async def test_a_main_process_that_stands_still_lets_the_outputs_float_and_goes_on_later(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        system.main.send(signal.SIGSTOP)
        assert 1.0 < await system.floating() < SILENCE_S + GRACE_S
        await system.outputs.said("no command for 2 s: disarmed")
        system.main.send(signal.SIGCONT)
        await system.pins(charge_disconnect=True, load_disconnect=True)
        await system.shows(BOTH_ON)


async def test_a_stopped_main_process_ends_in_good_order(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await live_a_little(system)
        before = kept(await system.client.items())
        saved = system.generation("engine")
        assert await system.main.terminate() == 0
        await system.floating()
        await system.client.vanished()
        assert system.generation("engine") > saved
        await system.start_main()
        assert kept(await system.shows(BOTH_ON)) == before


async def test_killed_outputs_are_said_and_get_nothing_back_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await system.outputs.kill()
        await system.shows({"/ErrorCode": 36, "/Alarms/InternalFailure": 2})
        assert "the outputs process cannot be reached" in await system.why()
        await system.start_outputs()
        await system.more_beats(1)
        assert (system.shown()["charge_disconnect"], system.shown()["load_disconnect"]) == (False, False)
