"""The emulated board speaks as a real one does, also when it misbehaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.drivers.base import Want
from smallbms.drivers.jbd import Jbd, frame
from smallbms.emulators.board import Mishap
from smallbms.emulators.jbd import JbdBoard
from smallbms.errors import FrameError
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

STATE = BatteryReading(
    taken_at_s=1.0,
    cells_taken_at_s=1.0,
    identity=Identity(key="jbd", model="JBD-EMULATOR", firmware="1.0"),
    voltage_v=13.2,
    current_a=-4.5,
    cell_voltages_v=(3.3, 3.301, 3.302, 3.299),
    cell_min_v=3.299,
    cell_max_v=3.302,
    cell_temperatures_c=(22.4, None, -12.5),
    charge_switch_on=True,
    discharge_switch_on=False,
    remaining_ah=50.0,
    capacity_ah=100.0,
    soc_pct=50.0,
    cycles=12,
    balancing_cells=(1, 4),
    faults=frozenset({Fault.CELL_LOW, Fault.SHORT_CIRCUIT}),
)
READ_PACK = frame(0xA5, b"\x03\x00")
READ_NAME = frame(0xA5, b"\x05\x00")


def switches(off: int) -> bytes:
    return frame(0x5A, bytes((0xE1, 2, 0, off)))


def read_all(board: JbdBoard) -> BatteryReading:
    driver = Jbd(key="jbd")
    for request in driver.requests(Want.ALL | Want.IDENTITY):
        request.decode(board.receive(request.data), 1.0)
    reading = driver.reading()
    assert reading is not None
    return reading


def test_what_the_board_has_is_what_the_driver_reads() -> None:
    assert read_all(JbdBoard(lambda: STATE)) == STATE


def test_what_the_board_does_not_know_is_not_read() -> None:
    bare = BatteryReading(taken_at_s=0.0, cells_taken_at_s=0.0, identity=STATE.identity, cell_voltages_v=(3.3, None))
    reading = read_all(JbdBoard(lambda: bare))
    assert (reading.soc_pct, reading.capacity_ah, reading.remaining_ah) == (None, None, None)
    assert reading.cell_voltages_v == (3.3, 0.0)
    assert reading.cell_temperatures_c == ()


@given(chunks=st.lists(st.integers(min_value=1, max_value=9), min_size=20, max_size=20))
def test_requests_may_come_in_any_pieces(chunks: list[int]) -> None:
    stream = b"\x00\x01" + READ_PACK + READ_NAME
    board = JbdBoard(lambda: STATE)
    replies = b""
    at = 0
    for size in chunks:
        replies += board.receive(stream[at : at + size])
        at += size
    replies += board.receive(stream[at:])
    fresh = JbdBoard(lambda: STATE)
    assert replies == fresh.receive(READ_PACK) + fresh.receive(READ_NAME)


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("DD A5 07 00 FF F9 77", "DD 07 80 00 FF 80 77"),  # unknown register
        ("DD A5 03 00 FF FC 77", "DD 03 82 00 FF 7E 77"),  # wrong checksum
        ("DD 5A 10 02 00 01 FF ED 77", "DD 10 81 00 FF 7F 77"),  # not allowed outside factory mode
        ("DD 5A E1 02 00 03 FF 1A 77", "DD E1 00 00 00 00 77"),
        ("DD 11 03 00 FF FD 77", "DD 03 80 00 FF 80 77"),  # neither read nor write
    ],
)
def test_replies_without_data(request_: str, reply: str) -> None:
    assert JbdBoard(lambda: STATE).receive(bytes.fromhex(request_)) == bytes.fromhex(reply)


@pytest.mark.parametrize(
    ("off", "charge_on", "discharge_on", "locked"),
    [(0, True, True, False), (1, False, True, True), (2, True, False, True), (3, False, False, True)],
)
def test_the_mos_register_opens_switches(off: int, charge_on: bool, discharge_on: bool, locked: bool) -> None:
    board = JbdBoard(
        lambda: BatteryReading(taken_at_s=0.0, cells_taken_at_s=0.0, identity=STATE.identity, cell_voltages_v=(3.3,))
    )
    board.receive(switches(off))
    reading = read_all(board)
    assert (reading.charge_switch_on, reading.discharge_switch_on) == (charge_on, discharge_on)
    assert (Fault.SWITCH_LOCKED in reading.faults) == locked
    board.receive(switches(0))
    assert read_all(board).faults == frozenset()


def test_protection_bits_and_payloads_can_be_forced() -> None:
    board = JbdBoard(lambda: STATE)
    board.protection = 1 << 11
    board.payloads[0x04] = b"\xff" * 8
    reading = read_all(board)
    assert reading.faults == STATE.faults | {Fault.INTERNAL}
    assert reading.cell_voltages_v == (65.535,) * 4


def test_a_sleeping_board_swallows_one_request() -> None:
    board = JbdBoard(lambda: STATE)
    board.sleep()
    assert board.receive(READ_NAME) == b""
    assert board.receive(READ_NAME) != b""


@pytest.mark.parametrize("mishap", [Mishap.CORRUPT, Mishap.TRUNCATE, Mishap.SILENT])
def test_a_spoilt_reply_is_refused(mishap: Mishap) -> None:
    board = JbdBoard(lambda: STATE)
    board.mishaps = mishap
    with pytest.raises(FrameError):
        read_all(board)


@pytest.mark.parametrize("mishap", [Mishap.NOISE, Mishap.ECHO, Mishap.NOISE | Mishap.ECHO])
def test_what_comes_before_a_reply_does_no_harm(mishap: Mishap) -> None:
    board = JbdBoard(lambda: STATE)
    board.mishaps = mishap
    assert board.receive(READ_NAME) != JbdBoard(lambda: STATE).receive(READ_NAME)
    assert read_all(board) == STATE
