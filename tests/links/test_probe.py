"""Finding the batteries on a line: real conversations on pseudo-terminals."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from smallbms import drivers
from smallbms.drivers.base import Driver
from smallbms.emulators.board import EmulatedBoard, Mishap, SharedLine
from smallbms.emulators.daly import DalyBoard
from smallbms.emulators.jbd import JbdBoard
from smallbms.emulators.jk_pb import JkPbBoard
from smallbms.emulators.pty import Board, PtyServer
from smallbms.emulators.pylontech import PylontechBoard
from smallbms.emulators.seplos import SeplosBoard
from smallbms.errors import LinkError
from smallbms.links import probe as probing
from smallbms.links.probe import LINE_S, SEARCH_S, Line, probe_line

from .rig import STATE, running, until

KINDS = drivers.available()


class Nobody:
    """An adapter with nothing behind it."""

    def receive(self, _data: bytes) -> bytes:
        return b""


async def probe(folder: Path, board: Board, *names: str) -> Line:
    server = PtyServer(board, folder / "adapter", baud=0)
    kinds: list[type[Driver]] = [KINDS[name] for name in names or KINDS]
    async with running(lambda: asyncio.ensure_future(server.run())):
        await until(server.path.exists)
        return await probe_line(str(server.path), kinds)


def board(name: str, address: int | None = None) -> EmulatedBoard:
    def state() -> object:
        return replace(STATE, cycles=KINDS[name].INFO.addresses[0] if address is None else address)

    makes = {
        "daly": DalyBoard,
        "jbd": JbdBoard,
        "jk-pb": JkPbBoard,
        "pylontech": PylontechBoard,
        "seplos": SeplosBoard,
    }
    own = {} if address is None else {"address": address}
    made: EmulatedBoard = makes[name](state, **own)  # type: ignore[operator]
    return made


@pytest.mark.parametrize(
    "name", ["jbd", *(pytest.param(name, marks=pytest.mark.slow) for name in sorted({*KINDS} - {"jbd"}))]
)
async def test_each_protocol_is_found_with_what_the_configuration_needs(tmp_path: Path, name: str) -> None:
    info = KINDS[name].INFO
    (found,) = (await probe(tmp_path, board(name), name)).found
    address = {"address": info.addresses[0]} if info.addressed else {}
    assert found.table == {"driver": name, "port": str(tmp_path / "adapter"), **address}
    assert found.reading.cell_voltages_v == STATE.cell_voltages_v
    assert found.reading.capacity_ah == STATE.capacity_ah


async def test_every_battery_of_a_shared_line_is_found(tmp_path: Path) -> None:
    line = SharedLine([board("pylontech", address) for address in (3, 4, 9)])
    found = (await probe(tmp_path, line, "pylontech")).found
    assert [(battery.table["address"], battery.reading.cycles) for battery in found] == [(3, 3), (4, 4), (9, 9)]


async def test_where_time_is_up_only_neighbours_of_who_answers_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "LINE_S", 0.0)
    line = await probe(tmp_path, SharedLine([board("pylontech", address) for address in (3, 4, 9)]), "pylontech")
    assert [battery.table["address"] for battery in line.found] == [3, 4]
    assert line.unasked == tuple(range(6, 18))


async def test_a_board_that_sleeps_is_woken_and_an_echo_is_no_battery(tmp_path: Path) -> None:
    sleeper = board("jbd")
    sleeper.mishaps = Mishap.ECHO
    sleeper.sleep()
    assert len((await probe(tmp_path, sleeper, "jbd")).found) == 1
    sleeper.mishaps = Mishap.ECHO | Mishap.SILENT
    assert (await probe(tmp_path, sleeper, "jbd")).found == ()


async def test_a_board_that_says_too_little_is_no_battery(tmp_path: Path) -> None:
    poor = JbdBoard(lambda: STATE)
    poor.payloads[0x04] = b""
    assert await probe(tmp_path, poor, "jbd") == Line()


async def test_a_port_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="cannot be opened: No such file"):
        await probe_line(str(tmp_path / "none"), KINDS.values())


async def test_a_port_that_goes_away_meanwhile_is_said(tmp_path: Path) -> None:
    server = PtyServer(Nobody(), tmp_path / "adapter", baud=0)
    async with running(lambda: asyncio.ensure_future(server.run())):
        await until(server.path.exists)
        asked = asyncio.get_running_loop().call_later(0.1, server.unplug)
        with pytest.raises(LinkError):
            await probe_line(str(server.path), KINDS.values())
        assert asked.when() <= asyncio.get_running_loop().time()


@pytest.mark.slow
async def test_a_line_without_a_battery_is_given_up_in_time(tmp_path: Path) -> None:
    began_s = asyncio.get_running_loop().time()
    assert await probe(tmp_path, Nobody()) == Line()
    assert SEARCH_S < asyncio.get_running_loop().time() - began_s < LINE_S
