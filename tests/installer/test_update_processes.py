"""An update of a running device: always one version or the other runs, and the outputs obey the rule meanwhile."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.harness import BOTH_OFF
from integration.programs import wait_for
from smallbms.installer import journal
from smallbms.installer.journal import Stage

from .device import DEADLINE_S, NEW, OLD, Device, break_main, device, edit

UPDATING = 13


def said_since(place: Device, count: int, text: str) -> list[str]:
    return [line.text for line in place.system.outputs.lines[count:] if text in line.text]


async def test_a_good_update_keeps_discharging_without_a_gap(tmp_path: Path) -> None:
    async with device(tmp_path) as place:
        said, heard = len(place.system.outputs.lines), len(place.system.client.seen)
        status, text = await place.does("rollback", "--yes")
        assert status == 0, text
        await place.runs(NEW, failure=0)
        assert not said_since(place, said, "atd off")
        assert said_since(place, said, "atc off")
        assert ("/State", UPDATING) in [(path, value) for _, path, value in place.system.client.seen[heard:]]
        assert place.layout.linked_version(place.layout.previous) == OLD


def crashes(version: Path) -> None:
    break_main(version, "raise SystemExit(1)")


def hangs(version: Path) -> None:
    break_main(version, "import time; time.sleep(3600)")


def hangs_and_ignores_signals(version: Path) -> None:
    break_main(version, "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)")


def reads_no_battery(version: Path) -> None:
    """All of it runs, but no reply is ever a reading."""
    before = "        pack = self._pack\n"
    edit(version / "service/smallbms/drivers/jbd.py", before, f"        return None\n{before}")


@pytest.mark.slow
@pytest.mark.parametrize("breaks", [crashes, hangs, hangs_and_ignores_signals, reads_no_battery])
async def test_a_bad_version_is_replaced_by_the_one_before(breaks: Callable[[Path], None], tmp_path: Path) -> None:
    async with device(tmp_path) as place:
        breaks(place.layout.version(NEW))
        status, text = await place.does("rollback", "--yes", "--healthy-s", "4")
        assert (status, "back to 1.0.0" in text) == (1, True), text
        await place.runs(OLD, failure=2)
        assert place.layout.linked_version(place.layout.previous) == NEW


async def test_a_version_that_fails_its_self_test_is_never_switched_to(tmp_path: Path) -> None:
    async with device(tmp_path) as place:
        edit(place.layout.version(NEW) / "service/smallbms/core/soc.py", "import annotations", "import annotation")
        said = len(place.system.outputs.lines)
        status, text = await place.does("rollback", "--yes")
        assert (status, "self-test of 2.0.0 failed" in text) == (1, True), text
        assert "Nothing was changed. 1.0.0 runs." in text
        assert place.current() == OLD
        assert not said_since(place, said, "update")


@pytest.mark.slow
async def test_where_neither_version_comes_up_discharging_ends_after_the_limit(tmp_path: Path) -> None:
    async with device(tmp_path, update_s=5.0) as place:
        for version in (OLD, NEW):
            break_main(place.layout.version(version), "raise SystemExit(1)")
        said = len(place.system.outputs.lines)
        status, text = await place.does("rollback", "--yes", "--healthy-s", "2")
        assert (status, "1.0.0 is not healthy" in text) == (1, True), text
        await place.system.outputs.said("no healthy version in 5 s", after=said)
        await place.system.pins(charge_disconnect=False, load_disconnect=False)
        assert place.current() == OLD


@pytest.mark.slow
async def test_whoever_dies_after_any_stage_the_guard_goes_on(tmp_path: Path) -> None:
    """Also where the stage was done and could not be noted any more."""
    async with device(tmp_path) as place:
        older, newer = OLD, NEW
        for cut in (Stage.BEGIN, Stage.SWITCH, Stage.RESTART, Stage.WATCH):
            for noted in (True, False):
                said = len(place.system.outputs.lines)
                await place.update_until(cut, older, newer, noted=noted)
                status, text = await place.does("watch")
                assert status == 0, (cut, noted, text)
                await place.runs(newer, failure=0)
                assert not said_since(place, said, "atd off"), (cut, noted)
                older, newer = newer, older


@pytest.mark.slow
async def test_whoever_dies_on_the_way_back_the_guard_goes_on(tmp_path: Path) -> None:
    async with device(tmp_path) as place:
        break_main(place.layout.version(NEW), "raise SystemExit(1)")
        for cut in (Stage.WATCH, Stage.BACK, Stage.RESTART_BACK):
            await place.update_until(cut, OLD, NEW, noted=True)
            await place.does("watch")  # or the version that crashes has had one started already
            await place.runs(OLD, failure=2)


@pytest.mark.slow
async def test_after_a_power_cut_the_older_version_runs_unless_the_newer_one_was_healthy(tmp_path: Path) -> None:
    async with device(tmp_path) as place:
        for cut in (Stage.BEGIN, Stage.SWITCH, Stage.RESTART):
            await place.update_until(cut, OLD, NEW, noted=True)
            await place.power_cut()
            await place.runs(OLD, failure=2)
            assert place.layout.linked_version(place.layout.previous) == NEW
        await place.update_until(Stage.WATCH, OLD, NEW, noted=True)
        async with asyncio.timeout(DEADLINE_S):  # the new version has kept that it was healthy, milliseconds later
            while (await place.system.slot("engine"))["update"]["failed"]:
                await asyncio.sleep(0.05)
        await place.power_cut()
        await place.runs(NEW, failure=0)


@pytest.mark.slow
async def test_a_main_process_that_starts_finds_an_update_that_nobody_goes_on_with(tmp_path: Path) -> None:
    async with device(tmp_path) as place:
        await place.update_until(Stage.SWITCH, OLD, NEW, noted=True)
        await place.restart_main()
        await place.runs(NEW, failure=0)


@pytest.mark.slow
async def test_a_second_update_is_refused_and_ctrl_c_ends_none(tmp_path: Path) -> None:
    async with device(tmp_path) as place:
        first = await place.installer("rollback", "--yes")
        await wait_for(place.layout.journal.exists, "the journal")
        first.send_signal(signal.SIGINT)
        first.send_signal(signal.SIGHUP)
        status, text = await place.does("rollback", "--yes")
        assert (status, text) == (1, "an update is running already; wait until it has ended\n")
        said, _ = await first.communicate()
        assert (first.returncode, b"The update goes on" in said) == (0, True), said
        await place.runs(NEW, failure=0)


@pytest.mark.slow
async def test_with_no_main_process_in_control_the_version_is_exchanged_without_a_watch(tmp_path: Path) -> None:
    async with device(tmp_path) as place:
        place.system.config_file.write_text("[nonsense]\n", encoding="utf-8")
        await place.restart_main()
        await place.system.client.vanished()
        status, text = await place.does("rollback", "--yes")
        assert (status, "without waiting" in text) == (0, True), text
        assert (place.current(), journal.read(place.layout.journal)) == (NEW, None)
        await place.system.pins(charge_disconnect=False, load_disconnect=False)
        place.system.config_file.write_text(place.system.config(with_remote=True), encoding="utf-8")
        await place.runs(NEW, failure=0)


@pytest.mark.slow
async def test_an_outputs_process_of_another_protocol_is_replaced_with_both_outputs_off(tmp_path: Path) -> None:
    async with device(tmp_path, supervised_outputs=True) as place:
        edit(place.layout.version(NEW) / "service/smallbms/outputs/protocol.py", "PROTOCOL = 1\n", "PROTOCOL = 2\n")
        status, said = await place.does("rollback", "--yes")
        assert (status, "BOTH outputs off" in said) == (0, True), said
        await place.runs(NEW, failure=0)
        assert place.visitor.protocol() == 2
        break_main(place.layout.version(OLD), "raise SystemExit(1)")
        status, said = await place.does("rollback", "--yes", "--healthy-s", "3")
        assert status == 1, said
        await place.runs(NEW, failure=2)
        assert place.visitor.protocol() == 2
        await place.system.client.shows(dict.fromkeys(BOTH_OFF, 1))
