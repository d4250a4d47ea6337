"""Emulated batteries that speak hexadecimal text: as real ones do, also when they misbehave, and several on a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms import drivers
from smallbms.drivers.ascii_hex import frame
from smallbms.drivers.base import Driver, Want
from smallbms.emulators.ascii_hex import AsciiHexBoard
from smallbms.emulators.board import EmulatedBoard, Mishap, SharedLine
from smallbms.emulators.pylontech import PylontechBoard
from smallbms.emulators.seplos import SeplosBoard
from smallbms.errors import FrameError
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

READ = BatteryReading(
    taken_at_s=1.0,
    cells_taken_at_s=1.0,
    identity=Identity(key="pylontech:/dev/a:2", serial="EMULATOR00000001", model="Pylon EMULATED", firmware="1.0"),
    voltage_v=26.42,
    current_a=-4.5,
    cell_voltages_v=(3.3, 3.301, 3.302, 3.299, 3.303, 3.304, 3.305, 3.306),
    cell_min_v=3.299,
    cell_max_v=3.306,
    cell_temperatures_c=(22.4, None, -12.5, 23.0),
    board_temperatures_c=(30.5,),
    charge_switch_on=True,
    discharge_switch_on=False,
    remaining_ah=30.0,
    capacity_ah=50.0,
    cycles=12,
    faults=frozenset({Fault.CELL_LOW, Fault.INTERNAL}),
)
PYLONTECH = replace(READ, charge_limit_a=25.0, discharge_limit_a=0.0, charge_voltage_limit_v=28.4)
SEPLOS = replace(
    READ,
    identity=Identity(key="seplos:/dev/a:0", model="Seplos EMULATED", firmware="1.0"),
    soc_pct=60.0,
    soh_pct=99.0,
    balancing_cells=(1, 8),
    warnings=frozenset({Fault.PACK_LOW}),
)
BOARDS: dict[str, tuple[Callable[..., AsciiHexBoard], BatteryReading]] = {
    "pylontech": (PylontechBoard, PYLONTECH),
    "seplos": (SeplosBoard, SEPLOS),
}
EVERY_BOARD = pytest.mark.parametrize("name", BOARDS)


def board(name: str, **changes: object) -> AsciiHexBoard:
    make, state = BOARDS[name]
    changed = replace(state, **changes)  # type: ignore[arg-type]
    return make(lambda: changed)


def read_all(answering: EmulatedBoard | SharedLine, driver: Driver) -> BatteryReading:
    for request in driver.requests(Want.ALL | Want.IDENTITY):
        request.decode(answering.receive(request.data), 1.0)
    reading = driver.reading()
    assert reading is not None
    return reading


def driver(name: str, unit: int | None = None) -> Driver:
    return drivers.make(name, port="/dev/a", unit=unit)


@EVERY_BOARD
def test_what_the_board_has_is_what_the_driver_reads(name: str) -> None:
    assert read_all(board(name), driver(name)) == BOARDS[name][1]


@EVERY_BOARD
@pytest.mark.parametrize("fault", [f for f in Fault if f not in (Fault.SWITCH_LOCKED, Fault.CHARGE_TIMEOUT)])
def test_a_fault_of_the_board_is_read_as_one_that_takes_no_less(name: str, fault: Fault) -> None:
    """What a protocol cannot say by itself is said as more."""
    found = read_all(board(name, faults=frozenset({fault})), driver(name)).faults
    assert found
    assert fault in found or Fault.INTERNAL in found


@EVERY_BOARD
def test_a_large_and_an_unknown_capacity(name: str) -> None:
    large = read_all(board(name, capacity_ah=280.0, remaining_ah=140.0), driver(name))
    assert (large.capacity_ah, large.remaining_ah) == (280.0, 140.0)
    assert read_all(board(name, capacity_ah=None), driver(name)).capacity_ah is None


def test_what_a_pylontech_does_not_know_is_not_read() -> None:
    bare = BatteryReading(taken_at_s=0.0, cells_taken_at_s=0.0, identity=READ.identity, cell_voltages_v=(3.3, None))
    reading = read_all(PylontechBoard(lambda: bare), driver("pylontech"))
    assert (reading.capacity_ah, reading.remaining_ah, reading.soc_pct) == (None, None, None)
    assert reading.cell_voltages_v == (3.3, 0.0)
    assert (reading.cell_temperatures_c, reading.board_temperatures_c) == ((), (None,))


@EVERY_BOARD
def test_several_on_one_line_answer_for_themselves_alone(name: str) -> None:
    make, state = BOARDS[name]
    cycles = {address: address for address in (2, 3, 10)}
    line = SharedLine([make(lambda n=n: replace(state, cycles=n), address=n) for n in cycles])
    assert {n: read_all(line, driver(name, n)).cycles for n in cycles} == cycles
    assert line.receive(frame(4, 0x42, b"\x04")) == b""


@EVERY_BOARD
@given(chunks=st.lists(st.integers(min_value=1, max_value=9), max_size=20))
def test_requests_may_come_in_any_pieces(name: str, chunks: list[int]) -> None:
    first, second, *_ = driver(name).requests(Want.ALL)
    stream = b"\x00\r\x01" + first.data + second.data
    whole, pieces = board(name), board(name)
    replies, at = b"", 0
    for size in chunks:
        replies += pieces.receive(stream[at : at + size])
        at += size
    replies += pieces.receive(stream[at:])
    assert replies == whole.receive(first.data) + whole.receive(second.data)


@EVERY_BOARD
def test_refusals(name: str) -> None:
    answering = board(name)
    unit = driver(name).unit
    assert answering.receive(frame(unit, 0x99)) == frame(unit, 0x04)
    assert answering.receive(frame(unit, 0x42, b"\x01")[:-2] + b"0\r") == frame(unit, 0x02)


@EVERY_BOARD
def test_an_answer_can_be_forced(name: str) -> None:
    answering = board(name)
    answering.payloads[0x44] = b"\x00"
    with pytest.raises(FrameError, match="alarms of 1 bytes"):
        read_all(answering, driver(name))


@EVERY_BOARD
def test_a_sleeping_board_swallows_one_request(name: str) -> None:
    answering = board(name)
    (request, *_) = driver(name).requests(Want.ALL)
    answering.sleep()
    assert answering.receive(request.data) == b""
    assert answering.receive(request.data) != b""


@EVERY_BOARD
@pytest.mark.parametrize("mishap", [Mishap.CORRUPT, Mishap.TRUNCATE, Mishap.SILENT])
def test_a_spoilt_reply_is_refused(name: str, mishap: Mishap) -> None:
    answering = board(name)
    answering.mishaps = mishap
    with pytest.raises(FrameError):
        read_all(answering, driver(name))


@EVERY_BOARD
@pytest.mark.parametrize("mishap", [Mishap.NOISE, Mishap.ECHO, Mishap.NOISE | Mishap.ECHO])
def test_what_comes_before_a_reply_does_no_harm(name: str, mishap: Mishap) -> None:
    answering = board(name)
    answering.mishaps = mishap
    assert read_all(answering, driver(name)) == BOARDS[name][1]
