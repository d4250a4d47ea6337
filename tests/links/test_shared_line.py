"""Several boards on one RS485 line, on a real pseudo-terminal: each is read as itself, the silent one costs little."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from smallbms import drivers
from smallbms.drivers.base import Want
from smallbms.emulators.board import EmulatedBoard, Mishap, SharedLine
from smallbms.emulators.daly import DalyBoard
from smallbms.emulators.jk_pb import JkPbBoard
from smallbms.emulators.pylontech import PylontechBoard
from smallbms.emulators.seplos import SeplosBoard
from smallbms.links.schedule import SILENT_AFTER
from smallbms.links.timing import time_out_s
from smallbms.model import BatteryReading
from smallbms.words import LinkFault

from .rig import STATE, Rig, make_rig, running, until

BOARDS: Mapping[str, Callable[..., EmulatedBoard]] = {
    "daly": DalyBoard,
    "jk-pb": JkPbBoard,
    "pylontech": PylontechBoard,
    "seplos": SeplosBoard,
}
EVERY_BOARD = pytest.mark.parametrize("name", BOARDS)


def state_of(address: int) -> BatteryReading:
    return replace(STATE, current_a=float(-address))


def boards_of(name: str, *addresses: int) -> dict[int, EmulatedBoard]:
    return {address: BOARDS[name](partial(state_of, address), address=address) for address in addresses}


def rig_of(folder: Path, name: str, boards: Mapping[int, EmulatedBoard]) -> Rig:
    """Battery 10 n has address n."""
    path = str(folder / "adapter")
    units = {10 * address: drivers.make(name, port=path, unit=address) for address in boards}
    return make_rig(folder, SharedLine(list(boards.values())), units)


def heard(rig: Rig, *numbers: int) -> bool:
    return set(numbers) <= {number for number, _ in rig.readings}


@EVERY_BOARD
@pytest.mark.parametrize("mishap", [Mishap.NONE, Mishap.ECHO])
async def test_each_is_read_as_itself(tmp_path: Path, name: str, mishap: Mishap) -> None:
    boards = boards_of(name, 2, 3, 5)
    for board in boards.values():
        board.mishaps = mishap
    rig = rig_of(tmp_path, name, boards)
    async with running(rig.server.run, rig.line.run):
        await until(lambda: heard(rig, 20, 30, 50))
    assert all(reading.current_a == -number / 10 for number, reading in rig.readings)
    assert all(reading.cell_voltages_v == STATE.cell_voltages_v for _, reading in rig.readings)
    assert rig.line.health.errors == {}


@EVERY_BOARD
async def test_one_that_falls_silent_is_missed_alone_and_heard_again(tmp_path: Path, name: str) -> None:
    boards = boards_of(name, 2, 3)
    rig = rig_of(tmp_path, name, boards)
    async with running(rig.server.run, rig.line.run):
        await until(lambda: heard(rig, 20, 30))
        boards[3].mishaps = Mishap.SILENT
        await until(lambda: rig.line.health.errors.get(LinkFault.SILENCE, 0) >= SILENT_AFTER)
        rig.readings.clear()
        await rig.another_reading(3)
        assert {number for number, _ in rig.readings} == {20}
        boards[3].mishaps = Mishap.NONE
        await until(lambda: heard(rig, 30))


@pytest.mark.parametrize("name", ["pylontech", "seplos"])
async def test_an_answer_that_comes_late_is_not_taken_for_that_of_another_question(tmp_path: Path, name: str) -> None:
    """It does not say which it is of; a board that is always late is read, if slowly."""
    path, info = str(tmp_path / "adapter"), drivers.available()[name].INFO
    driver = drivers.make(name, port=path, unit=2)
    late_s = 1.3 * time_out_s(driver.requests(Want.ALL)[0], info, info.baud)
    boards = SharedLine(list(boards_of(name, 2).values()))
    rig = make_rig(tmp_path, boards, {20: driver}, baud=info.baud, paced_baud=info.baud, turnaround_s=late_s)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading(2)
    assert all(reading.current_a == -2.0 and not reading.faults for _, reading in rig.readings)
    assert {reading.cell_voltages_v for _, reading in rig.readings} == {STATE.cell_voltages_v}
    assert {reading.charge_switch_on for _, reading in rig.readings} == {True}
    assert rig.line.health.errors == {}


async def test_a_board_is_left_alone_as_long_as_it_wants_after_each_answer(tmp_path: Path) -> None:
    clock = asyncio.get_running_loop().time
    times_s: list[float] = []

    class Watched(SharedLine):
        def receive(self, data: bytes) -> bytes:
            times_s.append(clock())
            return super().receive(data)

    path = str(tmp_path / "adapter")
    units = {address: drivers.make("jk-pb", port=path, unit=address) for address in (1, 2)}
    rig = make_rig(tmp_path, Watched(list(boards_of("jk-pb", 1, 2).values())), units)
    async with running(rig.server.run, rig.line.run):
        await rig.another_reading(3)
    pauses_s = [later - earlier for earlier, later in pairwise(times_s)]
    assert min(pauses_s) >= 0.9 * units[1].INFO.pause_s
