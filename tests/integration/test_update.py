"""The main process is replaced (manual §4.4): charging ends, discharging goes on without a gap, as long as all is well.

The test plays the version that is replaced, which commands the outputs as a main process would, and the installer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from smallbms import __version__
from smallbms.emulators.board import Mishap
from smallbms.model import Outputs
from smallbms.outputs.client import OutputsClient
from smallbms.outputs.visitor import Visitor
from smallbms.words import Led, UpdatePhase

from .harness import BOTH_OFF, BOTH_ON, NO_CHARGE, System, codes, running
from .programs import DEADLINE_S, wait_for

UPDATING = 13
YES = Outputs(atc=True, atd=True, red_led=Led.OFF, blue_led=Led.BLINK)


class OldVersion:
    """A main process that allows both, until it is stopped."""

    def __init__(self, system: System) -> None:
        pins = {"outputs": {"kind": "simulated", "state_file": str(system.pins_file)}, "remote": None}
        self.client = OutputsClient(str(system.socket), pins)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self.client.run()), asyncio.create_task(self._decide())]
        await wait_for(lambda: self.client.state is not None and self.client.state.applied.atd, "the old version")

    async def _decide(self) -> None:
        while True:
            self.client.send(YES, asyncio.get_running_loop().time())
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def updating(folder: Path, version: str = __version__, update_s: float = 60.0) -> AsyncIterator[System]:
    """A system whose old version has just begun the update and is gone; the new one is the test's to start."""
    system = System(folder)
    old = OldVersion(system)
    try:
        await system.daemon.start()
        for battery in system.batteries:
            await battery.start()
        await system.start_outputs("--update-s", str(update_s))
        system.client = await system.connect()
        await system.start_main()
        await system.client.shows(BOTH_ON)
        await system.main.terminate()  # so that it knows which batteries could be read
        await old.start()
        state = await asyncio.to_thread(Visitor(str(system.socket)).begin, version)
        assert (state.applied.atc, state.applied.atd) == (False, True)
        await old.stop()
        await system.outputs.said("the controlling client is gone", after=len(system.outputs.lines) - 1)
        yield system
    finally:
        await old.stop()
        await system.stop()


async def test_discharging_goes_on_without_a_gap_until_the_new_version_is_healthy(tmp_path: Path) -> None:
    async with updating(tmp_path) as system:
        began = system.outputs.lines.index(await system.outputs.said(f"update to {__version__}: running"))
        assert system.shown()["charge_disconnect"] is False
        assert system.shown()["load_disconnect"] is True
        await system.start_main()
        await system.shows({**BOTH_ON, "/Alarms/FirmwareUpdateFailure": 0})
        await system.pins(charge_disconnect=True, load_disconnect=True)
        assert not [line for line in system.outputs.lines[began:] if "atd off" in line.text]
        await system.outputs.said(f"update to {__version__}: none")


async def test_the_version_to_be_replaced_neither_ends_the_update_nor_insists(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        visitor = Visitor(str(system.socket))
        await asyncio.to_thread(visitor.begin, __version__)
        await system.shows({**NO_CHARGE, "/State": UPDATING})
        await system.more_beats(4)
        state = await asyncio.to_thread(visitor.state)
        assert (state.update.phase, state.applied.atd, state.last_refusal) == (UpdatePhase.RUNNING, True, None)
        await system.main.terminate()
        await system.start_main()
        await system.shows({**BOTH_ON, "/Alarms/FirmwareUpdateFailure": 0})


async def test_an_update_that_a_reboot_cut_short_is_told_once_the_installer_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await asyncio.to_thread(Visitor(str(system.socket)).failed, "99.9")
        await system.shows({**BOTH_ON, "/Alarms/FirmwareUpdateFailure": 2})
        assert await system.client.set("/Alarms/Acknowledge", 1) == 0
        await system.shows({**BOTH_ON, "/Alarms/FirmwareUpdateFailure": 0}, seconds=2 * DEADLINE_S)
        await system.outputs.said("update to 99.9: none")


async def test_a_new_version_that_reads_nothing_keeps_charging_off(tmp_path: Path) -> None:
    async with updating(tmp_path) as system:
        system.battery.board.mishaps = Mishap.SILENT
        await system.start_main()
        items = await system.client.shows({"/Info/Reasons/Charge": lambda text: "updating" in codes(text)})
        assert items["/Io/AllowToCharge"] == 0
        assert system.shown() | {"charge_disconnect": False, "load_disconnect": True} == system.shown()
        system.battery.board.mishaps = Mishap.NONE
        await system.shows(BOTH_ON)
        await system.pins(charge_disconnect=True, load_disconnect=True)


async def test_no_healthy_version_in_time_ends_discharging_too(tmp_path: Path) -> None:
    async with updating(tmp_path, update_s=3.0) as system:
        system.battery.board.mishaps = Mishap.SILENT
        await system.start_main()
        await system.outputs.said("no healthy version in 3 s")
        await system.pins(charge_disconnect=False, load_disconnect=False)
        items = await system.shows({**BOTH_OFF, "/Alarms/FirmwareUpdateFailure": 2})
        assert {"updating"} <= codes(items["/Info/Reasons/Discharge"])
        system.battery.board.mishaps = Mishap.NONE
        await system.shows(BOTH_ON)  # late, but healthy


@pytest.mark.slow
async def test_an_update_that_expired_is_shown_as_updating(tmp_path: Path) -> None:
    """Once the 20 s of the start are over: before, it is said to be starting."""
    async with updating(tmp_path, update_s=0.1) as system:
        await system.pins(load_disconnect=False)
        system.battery.board.mishaps = Mishap.SILENT
        await system.start_main()
        await system.shows({**BOTH_OFF, "/State": lambda state: state == UPDATING}, seconds=30)


async def test_a_rollback_is_told_until_it_is_acknowledged(tmp_path: Path) -> None:
    """The update was to another version than the one that runs now."""
    async with updating(tmp_path, version="99.9") as system:
        await system.start_main()
        await system.shows({**BOTH_ON, "/Alarms/FirmwareUpdateFailure": 2, "/ErrorCode": 28})
        await system.main.kill()
        await system.client.vanished()
        await system.start_main()
        await system.shows({**BOTH_ON, "/Alarms/FirmwareUpdateFailure": 2})
        assert await system.client.set("/Alarms/Acknowledge", 1) == 0
        await system.shows({**BOTH_ON, "/ErrorCode": 0})
        await system.outputs.said("update to 99.9: none", seconds=DEADLINE_S)


async def test_a_restart_of_the_outputs_process_means_that_the_update_failed(tmp_path: Path) -> None:
    async with updating(tmp_path) as system:
        await system.outputs.kill()
        await system.start_outputs()
        await system.start_main()
        await system.shows({**BOTH_ON, "/Alarms/FirmwareUpdateFailure": 2})


async def test_the_updating_reason_outlives_a_kill_of_the_new_version(tmp_path: Path) -> None:
    async with updating(tmp_path) as system:
        system.battery.board.mishaps = Mishap.SILENT
        await system.start_main()
        await system.client.shows({"/Info/Reasons/Charge": lambda text: "updating" in codes(text)})
        await system.main.kill()
        await system.client.vanished()
        assert system.shown()["load_disconnect"] is True
        said = len(system.outputs.lines)
        await system.start_main()
        first = await system.client.items()
        assert "updating" in codes(first["/Info/Reasons/Charge"])
        assert not [line for line in system.outputs.lines[said:] if "atc on" in line.text]
        system.battery.board.mishaps = Mishap.NONE
        await system.shows(BOTH_ON)
