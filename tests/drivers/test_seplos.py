"""Seplos boards where the captures do not reach: every event and bit, every odd value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms import drivers
from smallbms.drivers.ascii_hex import frame
from smallbms.drivers.base import Want
from smallbms.drivers.seplos import Seplos
from smallbms.errors import FrameError
from smallbms.model import BatteryReading
from smallbms.words import Fault

from .capture import find_request

CELLS, SENSORS = 8, 6
EVENTS = (0, 1, 2, 3, 4, 5, 12, 13)  # where event 1 … 8 is, from the first
QUIET = bytes((0, 1, CELLS, *[0] * CELLS, SENSORS, *[0] * SENSORS, 0, 0, 20, *[0] * 6, 3, *[0] * 13))
AT_CELL, AT_SENSOR, AT_CURRENT, AT_VOLTAGE, AT_COUNT, AT_EVENT_1 = 3, 12, 18, 19, 20, 21
AT_SWITCHES, AT_BALANCING, AT_DISCONNECTED = AT_EVENT_1 + 6, AT_EVENT_1 + 7, AT_EVENT_1 + 10


def words(*values: int) -> bytes:
    return b"".join((value & 0xFFFF).to_bytes(2, "big") for value in values)


def telemetry(
    *,
    cells: tuple[int, ...] = (3300, 3301, 3302, 3303, 3304, 3305, 3306, 3307),
    temperatures: tuple[int, ...] = (2981, 2991, 3001, 3011, 3021, 3031),
    current: int = 0,
    rated: int = 10000,
    health: int = 998,
) -> bytes:
    return (
        bytes((0, 1, len(cells)))
        + words(*cells)
        + bytes((len(temperatures),))
        + words(*temperatures, current, 2643, 5000)
        + b"\x0a"
        + words(9500, 526, rated, 12, health, 2642, 0, 0, 0, 0)
    )


def take(driver: Seplos, what: str, info: bytes, *, now_s: float = 1.0) -> None:
    find_request(driver, what).decode(frame(driver.unit, 0, info), now_s)


def read(*, alarms: bytes = QUIET, values: bytes = b"", board_sensors: tuple[int, ...] = ()) -> BatteryReading:
    driver = Seplos(key="seplos", board_sensors=frozenset(board_sensors))
    take(driver, "alarms", alarms)
    take(driver, "telemetry", values or telemetry())
    reading = driver.reading()
    assert reading is not None
    return reading


def with_bytes(at: int, *values: int) -> bytes:
    return QUIET[:at] + bytes(values) + QUIET[at + len(values) :]


HOT = {Fault.CHARGE_HOT, Fault.DISCHARGE_HOT}
COLD = {Fault.CHARGE_COLD, Fault.DISCHARGE_COLD}
OVER = {Fault.CHARGE_OVER_CURRENT, Fault.DISCHARGE_OVER_CURRENT}
BROKEN = {Fault.INTERNAL}
NAMELESS = {Fault.UNNAMED}
SAID: set[Fault] = set()  # a warning or a state

EVERY_BIT = (
    (BROKEN, {Fault.TEMPERATURE_SENSOR}, BROKEN, BROKEN, {Fault.CELL_IMBALANCE}, BROKEN, BROKEN, BROKEN),
    (SAID, {Fault.CELL_HIGH}, SAID, {Fault.CELL_LOW}, SAID, {Fault.PACK_HIGH}, SAID, {Fault.PACK_LOW}),
    (SAID, {Fault.CHARGE_HOT}, SAID, {Fault.CHARGE_COLD}, SAID, {Fault.DISCHARGE_HOT}, SAID, {Fault.DISCHARGE_COLD}),
    (SAID, HOT, SAID, COLD, {Fault.BOARD_HOT}, SAID, SAID, BROKEN),
    (
        SAID,
        {Fault.CHARGE_OVER_CURRENT},
        SAID,
        {Fault.DISCHARGE_OVER_CURRENT},
        OVER,
        {Fault.SHORT_CIRCUIT},
        OVER,
        {Fault.SHORT_CIRCUIT},
    ),
    ({Fault.PACK_HIGH}, SAID, SAID, {Fault.PACK_LOW}, {Fault.CELL_LOW} | BROKEN, BROKEN, BROKEN, NAMELESS),
    (SAID, SAID, SAID, SAID, SAID, SAID, NAMELESS, NAMELESS),
    (BROKEN, SAID, SAID, SAID, SAID, SAID, SAID, NAMELESS),
)
WARNED = {  # by event and bit; no other bit warns
    (2, 0): {Fault.CELL_HIGH},
    (2, 2): {Fault.CELL_LOW},
    (2, 4): {Fault.PACK_HIGH},
    (2, 6): {Fault.PACK_LOW},
    (3, 0): {Fault.CHARGE_HOT},
    (3, 2): {Fault.CHARGE_COLD},
    (3, 4): {Fault.DISCHARGE_HOT},
    (3, 6): {Fault.DISCHARGE_COLD},
    (4, 0): HOT,
    (4, 2): COLD,
    (4, 5): {Fault.BOARD_HOT},
    (5, 0): {Fault.CHARGE_OVER_CURRENT},
    (5, 2): {Fault.DISCHARGE_OVER_CURRENT},
}


@pytest.mark.parametrize(
    ("event", "bit", "faults"),
    [(number, bit, faults) for number, row in enumerate(EVERY_BIT, 1) for bit, faults in enumerate(row)],
)
def test_each_bit_of_each_event(event: int, bit: int, faults: set[Fault]) -> None:
    reading = read(alarms=with_bytes(AT_EVENT_1 + EVENTS[event - 1], 1 << bit))
    assert reading.faults == faults
    assert reading.warnings == WARNED.get((event, bit), set())


@given(events=st.tuples(*[st.integers(min_value=0, max_value=0xFF)] * 6))
def test_no_fault_is_lost_among_others(events: tuple[int, ...]) -> None:
    alone = {
        fault
        for row, event in zip(EVERY_BIT, events, strict=False)
        for bit, faults in enumerate(row)
        if event >> bit & 1
        for fault in faults
    }
    assert read(alarms=with_bytes(AT_EVENT_1, *events)).faults == alone


@pytest.mark.parametrize("at", [AT_CELL, AT_CELL + CELLS - 1, AT_SENSOR, AT_CURRENT, AT_VOLTAGE])
def test_a_state_is_told_by_the_events_and_an_unknown_one_is_a_fault(at: int) -> None:
    assert [read(alarms=with_bytes(at, state)).faults for state in (0, 1, 2)] == [frozenset()] * 3
    assert [read(alarms=with_bytes(at, state)).faults for state in (3, 0x80, 0xF0)] == [BROKEN] * 3


@pytest.mark.parametrize("at", [AT_DISCONNECTED, AT_DISCONNECTED + 1])
def test_a_cell_that_is_not_connected_is_a_fault(at: int) -> None:
    assert read(alarms=with_bytes(at, 0x10)).faults == BROKEN


@pytest.mark.parametrize(("switches", "on"), [(0, (False, False)), (1, (False, True)), (2, (True, False))])
def test_switches(switches: int, on: tuple[bool, bool]) -> None:
    reading = read(alarms=with_bytes(AT_SWITCHES, switches | 0xC))  # and those of the current limit and the heater
    assert (reading.charge_switch_on, reading.discharge_switch_on) == on


def test_balancing_cells_by_number() -> None:
    assert read().balancing_cells == ()
    assert read(alarms=with_bytes(AT_BALANCING, 0x81, 0x40)).balancing_cells == (1, 8, 15)


def test_what_is_read() -> None:
    reading = read(values=telemetry(current=-676))
    assert (reading.voltage_v, reading.current_a, reading.cycles) == (26.43, -6.76, 12)
    assert (reading.remaining_ah, reading.capacity_ah) == (50.0, 100.0)  # rated, not what it has learned
    assert (reading.soc_pct, reading.soh_pct) == (52.6, 99.8)
    assert read(values=telemetry(rated=0)).capacity_ah is None
    assert read(values=telemetry(health=0)).soh_pct is None


def test_four_sensors_are_at_cells_and_the_others_are_not() -> None:
    values = telemetry(temperatures=(2981, 0, 3001, 3011, 3021, 0xFFFF))
    assert read(values=values).cell_temperatures_c == (25.0, None, 27.0, 28.0)
    assert read(values=values).board_temperatures_c == (29.0, None)
    assert read(values=values, board_sensors=(4,)).cell_temperatures_c == (25.0, None, 27.0)
    assert read(values=values, board_sensors=(4,)).board_temperatures_c == (28.0, 29.0, None)
    assert read(values=telemetry(temperatures=(2981, 2991))).cell_temperatures_c == (25.0, 26.0)


@pytest.mark.parametrize(
    ("what", "info", "text"),
    [
        ("telemetry", telemetry()[:48], "telemetry of 48 bytes, at least 49 wanted"),
        ("telemetry", telemetry(cells=()), "telemetry without cells"),
        ("alarms", QUIET[:-7], "alarms of 34 bytes, at least 35 wanted"),
        ("alarms", with_bytes(AT_COUNT, 13), "alarms with 13 events, at least 14 wanted"),
        ("maker", bytes(11), "maker of 11 bytes, at least 12 wanted"),
    ],
)
def test_an_answer_that_ends_too_early_is_refused(what: str, info: bytes, text: str) -> None:
    with pytest.raises(FrameError, match=text):
        take(Seplos(key="seplos"), what, info)


@pytest.mark.parametrize(
    ("what", "info", "text"),
    [
        ("telemetry", telemetry() + bytes(3), "telemetry of 62 bytes, at most 61 wanted"),
        ("telemetry", telemetry()[:-1], "telemetry of 58 bytes, at least 59 wanted"),
        ("telemetry", QUIET, "telemetry "),
        ("alarms", QUIET + b"\0", "alarms of 42 bytes, at most 41 wanted"),
        ("alarms", QUIET[:-1], "alarms of 40 bytes, at least 41 wanted"),
        ("alarms", telemetry(), "alarms with 11 events"),
        ("alarms", telemetry(cells=(3300,) * 16), "alarms "),
        ("maker", QUIET, "maker of 41 bytes, at most 32 wanted"),
        ("maker", telemetry(), "maker of 59 bytes, at most 32 wanted"),
    ],
)
def test_an_answer_that_does_not_hold_what_it_counts_is_that_to_another_question(
    what: str, info: bytes, text: str
) -> None:
    with pytest.raises(FrameError, match=text):
        take(Seplos(key="seplos"), what, info)


def test_a_board_without_a_name_has_no_model() -> None:
    driver = Seplos(key="seplos")
    take(driver, "alarms", QUIET)
    take(driver, "telemetry", telemetry())
    take(driver, "maker", bytes(10) + b"\x02\x07" + bytes(20))
    reading = driver.reading()
    assert reading is not None
    assert (reading.identity.model, reading.identity.firmware) == (None, "2.7")


def test_reading_never_writes() -> None:
    requests = Seplos(key="seplos").requests(Want.ALL | Want.IDENTITY)
    assert {request.data[7:9] for request in requests} == {b"42", b"44", b"51"}


def test_a_board_that_states_no_address_is_that_without_switches_set() -> None:
    assert drivers.make("seplos", port="/dev/ttyUSB0").unit == 0
