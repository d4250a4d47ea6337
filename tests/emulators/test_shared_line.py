"""Boards with addresses: each answers for itself alone, whatever else is on the line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms import drivers
from smallbms.drivers.base import Driver, Want
from smallbms.emulators.board import EmulatedBoard, Mishap, SharedLine
from smallbms.emulators.daly import DalyBoard
from smallbms.emulators.jk_pb import JkPbBoard
from smallbms.errors import FrameError
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

STATE = BatteryReading(
    taken_at_s=1.0,
    cells_taken_at_s=1.0,
    identity=Identity(key=""),
    voltage_v=52.5,
    current_a=-4.5,
    cell_voltages_v=(3.301, 3.29, *[3.28] * 13, 3.31),
    cell_min_v=3.28,
    cell_max_v=3.31,
    cell_temperatures_c=(22.0, None, -12.0, 0.0),
    charge_switch_on=True,
    discharge_switch_on=False,
    remaining_ah=50.5,
    capacity_ah=100.0,
    soc_pct=50.0,
    cycles=12,
    faults=frozenset({Fault.CELL_LOW, Fault.SHORT_CIRCUIT}),
)
DALY_STATE = replace(
    STATE, identity=Identity(key="daly:/dev/line:1", serial="DALY-EMULATOR"), warnings=frozenset({Fault.CHARGE_HOT})
)
JK_STATE = replace(
    STATE,
    identity=Identity(key="jk-pb:/dev/line:1", serial="40100000001", model="JK_PB-EMULATOR", firmware="15A 15.41"),
    board_temperatures_c=(31.5,),
    soh_pct=98.0,
    balancing_cells=(3, 16),
    warnings=frozenset({Fault.INTERNAL}),
)
Make = Callable[[int], EmulatedBoard]
STATES = {"daly": DALY_STATE, "jk-pb": JK_STATE}
BOARDS: dict[str, Make] = {
    "daly": lambda address: DalyBoard(lambda: DALY_STATE, address=address),
    "jk-pb": lambda address: JkPbBoard(lambda: JK_STATE, address=address),
}
EVERY_BOARD = pytest.mark.parametrize("name", BOARDS)


def driver_of(name: str, unit: int = 1) -> Driver:
    return drivers.make(name, port="/dev/line", unit=unit)


def read_all(driver: Driver, line: EmulatedBoard | SharedLine) -> BatteryReading:
    for request in driver.requests(Want.ALL | Want.IDENTITY):
        reply = line.receive(request.data)
        assert request.missing(reply) == 0
        request.decode(reply.removeprefix(request.data), 1.0)
    reading = driver.reading()
    assert reading is not None
    return reading


@EVERY_BOARD
def test_what_the_board_has_is_what_the_driver_reads(name: str) -> None:
    assert read_all(driver_of(name), BOARDS[name](1)) == STATES[name]


@EVERY_BOARD
def test_what_the_board_does_not_know_is_not_read(name: str) -> None:
    bare = BatteryReading(
        taken_at_s=0.0, cells_taken_at_s=0.0, identity=Identity(key=""), cell_voltages_v=(3.3, 3.2), soc_pct=None
    )
    board: EmulatedBoard = DalyBoard(lambda: bare) if name == "daly" else JkPbBoard(lambda: bare)
    driver = driver_of(name)
    for request in driver.requests(Want.ALL | Want.IDENTITY):
        if request.what != "temperatures":  # a board without sensors says nothing of them
            request.decode(board.receive(request.data), 1.0)
    reading = driver.reading()
    assert reading is not None
    assert (reading.soc_pct, reading.capacity_ah) == (None, None)
    assert set(reading.cell_temperatures_c) <= {None}
    assert reading.faults == frozenset()


@EVERY_BOARD
def test_each_fault_is_told_or_told_as_more(name: str) -> None:
    state = STATES[name]
    for fault in Fault:
        with_fault = replace(state, faults=frozenset({fault}))
        board: EmulatedBoard = (
            DalyBoard(lambda s=with_fault: s) if name == "daly" else JkPbBoard(lambda s=with_fault: s)
        )
        assert read_all(driver_of(name), board).faults in ({fault}, {Fault.INTERNAL})


@EVERY_BOARD
def test_a_board_answers_only_its_own_requests(name: str) -> None:
    third, other = BOARDS[name](3), driver_of(name, 2)
    for request in other.requests(Want.ALL | Want.IDENTITY):
        assert third.receive(request.data) == b""
    assert read_all(driver_of(name, 3), SharedLine([BOARDS[name](2), third])).voltage_v == STATE.voltage_v


@EVERY_BOARD
def test_the_answer_of_another_board_is_no_answer(name: str) -> None:
    """Both for a driver that has read its own, and for one that has not."""
    stranger, ours = BOARDS[name](2), driver_of(name, 1)
    asked = driver_of(name, 2).requests(Want.ALL | Want.IDENTITY)
    for _ in range(2):
        for request, theirs in zip(ours.requests(Want.ALL | Want.IDENTITY), asked, strict=True):
            with pytest.raises(FrameError):
                request.decode(stranger.receive(theirs.data), 9.0)
        before = ours.reading()
        read_all(ours, BOARDS[name](1))
        assert before is None or before.taken_at_s == 1.0


@EVERY_BOARD
@given(chunks=st.lists(st.integers(min_value=1, max_value=9), min_size=20, max_size=20))
def test_requests_may_come_in_any_pieces(name: str, chunks: list[int]) -> None:
    requests = [request.data for request in driver_of(name).requests(Want.ALL)]
    stream = b"\x00\x01" + b"".join(requests)
    board, replies, at = BOARDS[name](1), b"", 0
    for size in chunks:
        replies += board.receive(stream[at : at + size])
        at += size
    replies += board.receive(stream[at:])
    fresh = BOARDS[name](1)
    assert replies == b"".join([fresh.receive(request) for request in requests])


@EVERY_BOARD
@pytest.mark.parametrize("mishap", [Mishap.CORRUPT, Mishap.TRUNCATE, Mishap.SILENT])
def test_a_spoilt_reply_is_refused(name: str, mishap: Mishap) -> None:
    board = BOARDS[name](1)
    board.mishaps = mishap
    for request in driver_of(name).requests(Want.ALL):
        with pytest.raises(FrameError):
            request.decode(board.receive(request.data), 1.0)


@EVERY_BOARD
@pytest.mark.parametrize("mishap", [Mishap.NOISE, Mishap.ECHO, Mishap.NOISE | Mishap.ECHO])
def test_what_comes_before_a_reply_does_no_harm(name: str, mishap: Mishap) -> None:
    board = BOARDS[name](1)
    board.mishaps = mishap
    assert read_all(driver_of(name), board) == STATES[name]


@EVERY_BOARD
def test_a_sleeping_board_swallows_one_request_of_its_own(name: str) -> None:
    board, request = BOARDS[name](1), driver_of(name).requests(Want.ALL)[0]
    board.sleep()
    assert board.receive(driver_of(name, 2).requests(Want.ALL)[0].data) == b""
    assert board.receive(request.data) == b""
    assert board.receive(request.data) != b""


@EVERY_BOARD
def test_what_it_cannot_be_asked_and_what_is_spoilt_it_does_not_answer(name: str) -> None:
    board = BOARDS[name](1)
    for request in driver_of(name).requests(Want.ALL | Want.IDENTITY):
        spoilt = request.data[:-1] + bytes((request.data[-1] ^ 1,))
        assert board.receive(spoilt) == b""
        assert board.receive(request.data) != b""


def test_bits_and_payloads_can_be_forced() -> None:
    daly = DalyBoard(lambda: DALY_STATE)
    daly.protection = 1 << 1
    daly.payloads[0x93] = [bytes(8)]
    reading = read_all(driver_of("daly"), daly)
    assert reading.faults == STATE.faults | {Fault.CELL_HIGH}
    assert (reading.charge_switch_on, reading.remaining_ah) == (False, 0.0)
    jk = JkPbBoard(lambda: JK_STATE)
    jk.alarms = 1 << 9
    assert read_all(driver_of("jk-pb"), jk).faults == STATE.faults | {Fault.CHARGE_COLD}
    jk.frames[0x1620] = b"\x01" * 300
    assert read_all(driver_of("jk-pb"), jk).soc_pct == 1.0
