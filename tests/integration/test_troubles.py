"""What people and machines get wrong: a wrong file, a second process, no outputs, a bad disk. One clear text each."""

from __future__ import annotations

import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from .harness import BOTH_OFF, BOTH_ON, System, codes, running
from .programs import run_command

NO_CONFIG, RUNS_ALREADY = 2, 2


@asynccontextmanager
async def prepared(folder: Path, **options: Any) -> AsyncIterator[System]:
    """A bus, boards and a client; the processes are the test's to start."""
    system = System(folder, **options)
    try:
        await system.daemon.start()
        for battery in system.batteries:
            await battery.start()
        system.client = await system.connect()
        yield system
    finally:
        await system.stop()


WRONG = {
    "[bank]\nseries = 9\n": "[bank] series = 9 is not allowed; allowed is 1…4",
    "[bank\n": "smallbms.toml",
    '[[battery]]\ndriver = "lynx"\nport = "/dev/ttyUSB0"\n': "driver = 'lynx' is not allowed; allowed is",
    "[misc]\n": "[misc] is unknown; known are",
    "": "nothing is set yet; say there which batteries and outputs you have",
    "[dbus]\n": "[[battery]] is missing",
}


@pytest.mark.parametrize("text", WRONG)
async def test_a_wrong_configuration_ends_with_one_clear_text(text: str, tmp_path: Path) -> None:
    file = tmp_path / "smallbms.toml"
    file.write_text(text, encoding="utf-8")
    result = await run_command(tmp_path, "run", "--config", str(file), "--runtime", str(tmp_path))
    assert result.status == NO_CONFIG
    assert WRONG[text] in result.err
    assert str(file) in result.err


async def test_no_configuration_ends_with_one_clear_text(tmp_path: Path) -> None:
    result = await run_command(tmp_path, "run", "--config", str(tmp_path / "none.toml"), "--runtime", str(tmp_path))
    assert result == (NO_CONFIG, "", f"{tmp_path}/none.toml: cannot be read: No such file or directory\n")


async def test_a_runtime_directory_that_is_missing_is_made(tmp_path: Path) -> None:
    async with prepared(tmp_path) as system:
        system.runtime.rmdir()
        await system.start_main()
        await system.client.shows({"/State": lambda state: state is not None})
        assert system.runtime.stat().st_mode & 0o777 == 0o700


async def test_a_second_main_process_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        result = await run_command(tmp_path, *system.run_arguments())
        assert result.status == RUNS_ALREADY
        assert "smallbms runs already (process " in result.err
        await system.more_beats(2)
        await system.shows(BOTH_ON)
        assert system.shown()["load_disconnect"] is True


async def test_without_an_outputs_process_it_waits_and_says_so(tmp_path: Path) -> None:
    async with prepared(tmp_path) as system:
        await system.start_main()
        items = await system.client.shows({
            **BOTH_OFF, "/State": lambda state: state != 4, "/ErrorCode": 36, "/Alarms/InternalFailure": 2,
        })  # fmt: skip
        assert codes(items["/Info/Reasons/Charge"]) == {"output_fault_charge"}
        assert codes(items["/Info/Reasons/Discharge"]) == {"output_fault_load"}
        assert "the outputs process cannot be reached" in items["/Info/Reasons/Charge/Text"]
        await system.client.shows({"/Dc/0/Voltage": 13.21})  # it measures on
        await system.start_outputs()
        await system.client.shows(BOTH_ON)
        await system.pins(charge_disconnect=True, load_disconnect=True)


async def live_and_end(system: System) -> None:
    """Two generations of each slot: the newer one has the floor at 30."""
    for floor in (20, 30):
        saved = system.generation("settings")
        assert await system.client.set("/Settings/Battery/DischargeFloor", floor) == 0
        await system.saved("settings", after=saved)
    await system.main.terminate()
    await system.client.vanished()


async def test_a_broken_slot_gives_way_to_the_older_one(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await live_and_end(system)
        newest = max(system.state.glob("settings.[ab].json"), key=lambda file: file.stat().st_mtime_ns)
        newest.write_bytes(newest.read_bytes()[:-20])
        await system.start_main()
        await system.shows({**BOTH_ON, "/Settings/Battery/DischargeFloor": 20})
        assert "settings" in (await system.main.said("cannot be used")).text


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe garbage \n"])
async def test_broken_slots_start_anew_with_a_warning(garbage: bytes, tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        serial = (await system.client.items())["/Serial"]
        await live_and_end(system)
        for file in system.state.glob("*.json"):
            file.write_bytes(garbage)
        await system.start_main()
        items = await system.shows({**BOTH_ON, "/Settings/Battery/DischargeFloor": 10, "/Soc": 60.0})
        assert items["/Serial"] == serial  # of this machine, not of the file
        await system.main.said("cannot be used")


@pytest.mark.parametrize("part", ["soc", "history"])
async def test_a_stored_part_of_the_wrong_shape_starts_anew_alone(part: str, tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        assert await system.client.set("/Settings/Battery/StateOfCharge", 33) == 0
        await system.shows({"/Soc": 33.0})
        await system.main.terminate()
        await system.write_slot("engine", await system.slot("engine") | {part: "nonsense"})
        await system.start_main()
        items = await system.shows({**BOTH_ON, "/Soc": lambda pct: pct is not None})
        assert items["/Soc"] == (60.0 if part == "soc" else 33.0)
        await system.main.said("cannot be read")


async def test_a_state_directory_that_cannot_be_is_a_warning_and_no_end(tmp_path: Path) -> None:
    async with prepared(tmp_path) as system:
        system.state.write_text("a file where the directory should be", encoding="utf-8")
        await system.start_outputs()
        await system.start_main()
        await system.client.shows({**BOTH_ON, "/Alarms/InternalFailure": 1})
        await system.pins(charge_disconnect=True, load_disconnect=True, red_led="blink")
        assert await system.client.set("/Settings/Battery/TailCurrent", 6.0) == 0
        await system.client.shows({"/Settings/Battery/TailCurrent": 6.0})
        assert await system.main.terminate() == 0
        await system.main.said("not all could be kept")


async def test_a_full_disk_is_a_warning_and_no_end(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        assert (await system.client.items())["/Alarms/InternalFailure"] == 0
        fill_the_disk(system)
        assert await system.client.set("/Settings/Battery/TailCurrent", 6.0) == 0
        await system.shows({**BOTH_ON, "/Alarms/InternalFailure": 1, "/Settings/Battery/TailCurrent": 6.0})
        await system.more_beats(2)
        assert system.shown()["charge_disconnect"] is True
        saved = system.generation("settings")
        free_the_disk(system)
        await system.saved("settings", after=saved)


def fill_the_disk(system: System) -> None:
    """No file of the main process may grow beyond 10 bytes from now on."""
    _, hard = resource.prlimit(system.main.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(system.main.pid, resource.RLIMIT_FSIZE, (10, hard))


def free_the_disk(system: System) -> None:
    _, hard = resource.prlimit(system.main.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(system.main.pid, resource.RLIMIT_FSIZE, (hard, hard))


async def test_stored_settings_out_of_bounds_fall_back_to_their_defaults(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await live_and_end(system)
        await system.write_slot("settings", {"tail_current_pct": 99, "discharge_floor_pct": 30, "old_name": 1})
        await system.start_main()
        items = await system.shows({**BOTH_ON, "/Settings/Battery/DischargeFloor": 30})
        assert items["/Settings/Battery/TailCurrent"] == 4.0
        assert json.loads(items["/Info/Reasons/Charge"]) == []
        await system.main.said("stored setting: Tail current (tail_current_pct) = 99 is not allowed")
        await system.main.said("stored setting 'old_name' is unknown: ignored")
