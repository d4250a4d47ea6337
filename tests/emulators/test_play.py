"""A battery of each protocol as `smallbms emulate` plays it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import serial

from smallbms import drivers
from smallbms.drivers.base import Request, Want
from smallbms.emulators import BOARDS, make_board, play

from .test_jbd import STATE

DEADLINE_S = 20.0


@pytest.mark.parametrize("name", BOARDS)
def test_what_it_says_is_what_its_driver_reads(name: str) -> None:
    driver, board = drivers.make(name, port="/dev/ttyUSB0"), make_board(name, lambda: STATE)
    for request in driver.requests(Want.ALL | Want.IDENTITY):
        request.decode(board.receive(request.data), 1.0)
    reading = driver.reading()
    assert reading is not None
    assert reading.cell_voltages_v == STATE.cell_voltages_v
    assert reading.current_a == STATE.current_a


def test_every_serial_driver_can_be_played() -> None:
    assert set(BOARDS) == set(drivers.available())


def ask(path: Path, baud: int, request: Request) -> bytes:
    with serial.Serial(str(path), baud, timeout=DEADLINE_S) as port:
        port.write(request.data)
        reply = b""
        while lacking := request.missing(reply):
            reply += port.read(lacking)
        return reply


@pytest.mark.parametrize("name", ["jbd", "jk-pb"])
async def test_it_answers_behind_a_port_until_it_is_ended(tmp_path: Path, name: str) -> None:
    path, driver = tmp_path / "battery", drivers.make(name, port="/dev/ttyUSB0")
    task = asyncio.create_task(play(name, path, lambda: STATE))
    while not path.exists():
        await asyncio.sleep(0.002)
    (request, *_) = driver.requests(Want.ALL)
    request.decode(await asyncio.to_thread(ask, path, driver.INFO.baud, request), 1.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not path.is_symlink()
