"""The serial line against emulated boards on real pseudo-terminals: whatever happens, readings or a reason."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smallbms.emulators.board import Mishap
from smallbms.links.schedule import IDENTITY_POLLS, SILENT_AFTER
from smallbms.words import LinkFault

from .rig import DEADLINE_S, STATE, jbd_board, make_rig, running, until
from .toy import Toy, ToyBoards

HOLD_PORT = "import serial, sys; port = serial.Serial(sys.argv[1], exclusive=True); print('held', flush=True); input()"


def logged(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


async def test_readings_arrive_with_their_stamps(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, jbd_board())
    loop = asyncio.get_running_loop()
    before_s = loop.time()
    async with running(rig.server.run, rig.line.run):
        reading = await rig.another_reading(3)
        assert before_s < reading.taken_at_s < reading.cells_taken_at_s < loop.time()
        assert reading.voltage_v == STATE.voltage_v
        assert reading.cell_voltages_v == STATE.cell_voltages_v
        assert reading.identity.model == "JBD-EMULATOR"
        assert rig.line.numbers == {1}
        health = rig.line.health
        assert health.open
        assert health.frames_ok >= 6
        assert health.round_time_s is not None
        assert 0 <= health.round_time_s < DEADLINE_S  # in whole milliseconds
    assert not rig.line.health.open


async def test_a_reply_at_9600_baud_costs_few_wake_ups(tmp_path: Path) -> None:
    toy = Toy(key="toy", unit=1)
    rig = make_rig(tmp_path, ToyBoards(1), {1: toy}, baud=9600, paced_baud=19200)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading()
        looks = toy.looks
    frames = rig.line.health.frames_ok
    assert frames >= 2
    assert looks <= 8 * (frames + 1)  # 600 bytes, 75 chunks, in waits of 255


@pytest.mark.parametrize("adapter", [Mishap.NONE, Mishap.ECHO])
async def test_the_first_request_to_a_sleeping_board_is_sent_again(tmp_path: Path, adapter: Mishap) -> None:
    board = jbd_board()
    board.mishaps = adapter
    board.sleep()
    rig = make_rig(tmp_path, board)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading()
        assert rig.line.health.errors == {}


@pytest.mark.parametrize(
    ("mishap", "fault", "text"),
    [
        (Mishap.CORRUPT, LinkFault.BAD_FRAME, "pack values: register 0x03: wrong checksum"),
        (Mishap.TRUNCATE, LinkFault.HALF_FRAME, "half an answer to the request for pack values"),
        (Mishap.SILENT, LinkFault.SILENCE, "no answer to the request for pack values"),
        (Mishap.SILENT | Mishap.ECHO, LinkFault.SILENCE, "no answer to the request for pack values"),
    ],
)
async def test_a_fault_is_counted_and_told_and_gone_when_it_ends(
    tmp_path: Path, mishap: Mishap, fault: LinkFault, text: str
) -> None:
    board = jbd_board()
    rig = make_rig(tmp_path, board)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading()
        board.mishaps = mishap
        await until(lambda: any(number == 1 and text in error for number, error in rig.frame_errors))
        assert rig.line.health.errors[fault] >= 1
        assert rig.line.health.last_error.startswith("battery 1: ")
        board.mishaps = Mishap.NONE
        await rig.another_reading(2)


@pytest.mark.parametrize("mishap", [Mishap.ECHO, Mishap.NOISE, Mishap.ECHO | Mishap.NOISE])
async def test_echo_and_noise_before_a_reply_do_no_harm(tmp_path: Path, mishap: Mishap) -> None:
    board = jbd_board()
    board.mishaps = mishap
    rig = make_rig(tmp_path, board)
    async with running(rig.server.run, rig.line.run):
        reading = await rig.another_reading(3)
    assert reading.cell_voltages_v == STATE.cell_voltages_v


async def test_a_refusal_shorter_than_the_usual_reply_is_understood(tmp_path: Path) -> None:
    board = jbd_board()
    rig = make_rig(tmp_path, board)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading(2)
        board.payloads[0x04] = b""
        await until(lambda: any("cell voltages of 0 bytes" in text for _, text in rig.frame_errors))
        reading = await rig.another_reading(2)
        assert reading.taken_at_s > reading.cells_taken_at_s


async def test_silence_is_logged_once_and_so_is_its_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="smallbms.links.serial")
    board = jbd_board()
    rig = make_rig(tmp_path, board)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading()
        board.mishaps = Mishap.SILENT
        await until(lambda: rig.line.health.errors.get(LinkFault.SILENCE, 0) >= SILENT_AFTER + 2)
        assert logged(caplog, logging.WARNING) == [f"battery 1: silent on {rig.path}"]
        board.mishaps = Mishap.NONE
        await rig.another_reading()
        await until(lambda: logged(caplog, logging.INFO) == ["battery 1: works again"])
    assert logged(caplog, logging.WARNING) == [f"battery 1: silent on {rig.path}"]


async def test_a_part_that_is_never_told_is_named_and_so_is_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="smallbms.links.serial")
    board = jbd_board()
    rig = make_rig(tmp_path, board)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading()
        board.payloads[0x04] = b""
        await until(lambda: rig.line.health.errors.get(LinkFault.BAD_FRAME, 0) >= SILENT_AFTER + 2)
        assert logged(caplog, logging.WARNING) == ["battery 1, cell voltages: no good answer, though others come"]
        board.payloads.clear()
        await until(lambda: logged(caplog, logging.INFO) == ["battery 1, cell voltages: works again"])


async def test_an_adapter_may_be_unplugged_and_come_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="smallbms.links.serial")
    rig = make_rig(tmp_path, jbd_board())
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading()
        rig.server.unplug()
        await until(lambda: rig.line.health.errors.get(LinkFault.PORT, 0) >= 2)
        assert not rig.line.health.open
        assert rig.line.health.last_error == "cannot be opened: No such file or directory"
        assert len(logged(caplog, logging.WARNING)) == 1
        rig.server.plug()
        await rig.another_reading(2)
        await until(lambda: logged(caplog, logging.INFO) == [f"{rig.path}: works again"])


async def test_after_a_replug_the_battery_is_asked_anew_who_it_is(tmp_path: Path) -> None:
    board = jbd_board()
    rig = make_rig(tmp_path, board)
    async with running(rig.server.run, rig.line.run):
        reading = await rig.another_reading()
        assert reading.identity.model == "JBD-EMULATOR"
        rig.server.unplug()
        board.payloads[0x05] = b"OTHER"
        rig.server.plug()
        reading = await rig.another_reading()
        assert reading.identity.model == "OTHER"


async def test_what_a_battery_said_of_itself_is_asked_again_piece_by_piece(tmp_path: Path) -> None:
    """Not only of one that appears: the name is one of two questions that take turns."""
    board = jbd_board()
    rig = make_rig(tmp_path, board, poll_s=0.001)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading()
        board.payloads[0x05] = b"OTHER"
        await until(lambda: rig.readings[-1][1].identity.model == "OTHER")
    assert IDENTITY_POLLS < len(rig.readings) < 3 * IDENTITY_POLLS


async def test_an_adapter_lost_while_nothing_is_asked_is_noticed(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, jbd_board(), poll_s=0.3)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading(2)
        rig.server.unplug()
        rig.server.plug()
        await rig.another_reading(2)
    assert rig.line.health.errors[LinkFault.PORT] == 1


async def test_no_adapter_at_the_start_is_waited_for(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, jbd_board())
    async with running(rig.line.run):
        await until(lambda: rig.line.health.errors.get(LinkFault.PORT, 0) == 1)
        async with running(rig.server.run):
            await rig.another_reading()


async def test_a_file_that_is_no_tty_is_a_port_fault(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, jbd_board())
    rig.path.write_text("no tty")
    async with running(rig.line.run):
        await until(lambda: rig.line.health.last_error.startswith("cannot be opened: "))


async def test_a_port_held_by_another_process_is_named_and_taken_later(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, jbd_board())
    async with running(rig.server.run):
        await until(rig.path.exists)
        command = [sys.executable, "-c", HOLD_PORT, str(rig.path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert await asyncio.to_thread(holder.stdout.readline) == "held\n"
            async with running(rig.line.run):
                await until(lambda: rig.line.health.last_error == "cannot be opened: another program uses it")
                holder.communicate("\n")
                await rig.another_reading()


async def test_absurd_values_under_a_good_checksum_are_handed_on_as_read(tmp_path: Path) -> None:
    board = jbd_board()
    board.payloads[0x04] = b"\xff\xff\x00\x00\x0c\xe4\x0c\xe5"
    rig = make_rig(tmp_path, board)
    async with running(rig.server.run, rig.line.run):
        reading = await rig.another_reading()
    assert reading.cell_voltages_v == (65.535, 0.0, 3.3, 3.301)


async def test_urged_cell_voltages_come_at_once_and_alone(tmp_path: Path) -> None:
    boards = ToyBoards(1, 2)
    units = {number: Toy(key=str(number), unit=number) for number in (1, 2)}
    rig = make_rig(tmp_path, boards, units, poll_s=2 * DEADLINE_S)
    async with running(rig.server.run, rig.line.run):
        first = await rig.another_reading()
        assert boards.asked == [">1P", ">1C"]
        rig.line.urge(1)
        urged = await rig.another_reading()
        assert boards.asked == [">1P", ">1C", ">1C"]
    assert urged.cells_taken_at_s > first.cells_taken_at_s
    assert urged.taken_at_s == first.taken_at_s


async def test_units_of_one_line_are_all_read_and_the_near_one_more_often(tmp_path: Path) -> None:
    units = {number: Toy(key=str(number), unit=number) for number in (1, 2, 3, 4)}
    rig = make_rig(tmp_path, ToyBoards(1, 2, 3, 4), units)
    rig.line.set_near_limit({3})
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading(24)
    numbers = [number for number, _ in rig.readings[:24]]
    assert 11 <= numbers.count(3) <= 13
    assert min(numbers.count(number) for number in (1, 2, 4)) >= 3


async def test_a_silent_unit_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    units = {number: Toy(key=str(number), unit=number) for number in (1, 2)}
    boards = ToyBoards(1)
    rig = make_rig(tmp_path, boards, units)
    async with running(rig.server.run, rig.line.run):
        await until(lambda: rig.line.health.errors.get(LinkFault.SILENCE, 0) == SILENT_AFTER)
        boards.asked.clear()
        await until(lambda: len(boards.asked) > 25)
        silent_slots = boards.asked.count(">2P") / 2
        assert silent_slots <= boards.asked.count(">1P") / 4 + 1
        boards.units.add(2)
        await until(lambda: any(number == 2 for number, _ in rig.readings))


async def test_cancelling_closes_the_port_and_leaks_nothing(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, jbd_board())
    async with running(rig.server.run):
        async with running(rig.line.run):
            await rig.another_reading()
        before = len(os.listdir("/proc/self/fd"))
        for turns in range(12):
            async with running(rig.line.run):
                for _ in range(turns):
                    await asyncio.sleep(0)
        async with running(rig.line.run):
            await rig.another_reading()
        assert len(os.listdir("/proc/self/fd")) == before
