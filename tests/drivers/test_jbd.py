"""The JBD board where the captures do not reach: every bit, every odd value, every refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.drivers.base import Want
from smallbms.drivers.jbd import PACK, Jbd, Pack, frame
from smallbms.errors import FrameError
from smallbms.model import BatteryReading
from smallbms.words import Fault

from .capture import find_request

REGISTERS = {"pack values": 0x03, "cell voltages": 0x04, "name": 0x05}
QUIET = Pack(
    voltage_10mv=1320,
    current_10ma=0,
    remaining_10mah=5000,
    capacity_10mah=10000,
    cycles=7,
    production_date=0,
    balancing_low=0,
    balancing_high=0,
    protection=0,
    software=0x21,
    soc_pct=50,
    switches=3,
    cells=4,
    sensors=0,
)
FOUR_CELLS = bytes.fromhex("0CE4 0CE5 0CE6 0CE7")


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def take(driver: Jbd, what: str, data: bytes, *, status: int = 0, now_s: float = 1.0) -> None:
    reply = frame(REGISTERS[what], bytes((status, len(data))) + data)
    find_request(driver, what).decode(reply, now_s)


def read(pack: Pack, *, temperatures: bytes = b"", board_sensors: tuple[int, ...] = ()) -> BatteryReading:
    driver = Jbd(key="jbd", board_sensors=frozenset(board_sensors))
    take(driver, "pack values", PACK.pack(*pack) + temperatures)
    take(driver, "cell voltages", words(*range(3300, 3300 + pack.cells)))
    reading = driver.reading()
    assert reading is not None
    return reading


@pytest.mark.parametrize(
    ("bit", "fault"),
    [
        (0, Fault.CELL_HIGH),
        (1, Fault.CELL_LOW),
        (2, Fault.PACK_HIGH),
        (3, Fault.PACK_LOW),
        (4, Fault.CHARGE_HOT),
        (5, Fault.CHARGE_COLD),
        (6, Fault.DISCHARGE_HOT),
        (7, Fault.DISCHARGE_COLD),
        (8, Fault.CHARGE_OVER_CURRENT),
        (9, Fault.DISCHARGE_OVER_CURRENT),
        (10, Fault.SHORT_CIRCUIT),
        (11, Fault.INTERNAL),
        (12, Fault.SWITCH_LOCKED),
        (13, Fault.CHARGE_TIMEOUT),
        (14, Fault.INTERNAL),
        (15, Fault.INTERNAL),
    ],
)
def test_each_protection_bit_is_a_fault(bit: int, fault: Fault) -> None:
    assert read(QUIET._replace(protection=1 << bit)).faults == {fault}


@given(bits=st.integers(min_value=0, max_value=0xFFFF))
def test_no_protection_bit_is_lost_among_others(bits: int) -> None:
    alone = [read(QUIET._replace(protection=1 << bit)).faults for bit in range(16) if bits >> bit & 1]
    assert read(QUIET._replace(protection=bits)).faults == frozenset().union(*alone)


@pytest.mark.parametrize(("switches", "on"), [(0, (False, False)), (1, (True, False)), (2, (False, True))])
def test_switches(switches: int, on: tuple[bool, bool]) -> None:
    reading = read(QUIET._replace(switches=switches))
    assert (reading.charge_switch_on, reading.discharge_switch_on) == on


@pytest.mark.parametrize(
    ("field", "raw", "name", "value"),
    [
        ("soc_pct", 0, "soc_pct", 0.0),
        ("soc_pct", 101, "soc_pct", None),
        ("soc_pct", 255, "soc_pct", None),
        ("capacity_10mah", 0, "capacity_ah", None),
        ("capacity_10mah", 0xFFFF, "capacity_ah", None),
        ("remaining_10mah", 0, "remaining_ah", 0.0),
        ("remaining_10mah", 0xFFFF, "remaining_ah", None),
        ("current_10ma", -20000, "current_a", -200.0),
        ("current_10ma", 1234, "current_a", 12.34),
        ("voltage_10mv", 0xFFFF, "voltage_v", 655.35),
    ],
)
def test_what_no_battery_can_mean_is_not_read_and_the_rest_is_given_as_it_is(
    field: str, raw: int, name: str, value: float | None
) -> None:
    assert getattr(read(QUIET._replace(**{field: raw})), name) == value


@pytest.mark.parametrize(
    ("raw", "celsius"),
    [
        (2731, 0.0),
        (2981, 25.0),
        (2531, -20.0),
        (2332, -39.9),
        (2331, None),  # -40: the end of the table of an open sensor
        (3930, 119.9),
        (3931, None),  # 120: shorted
        (0, None),
        (0xFFFF, None),
    ],
)
def test_a_sensor_open_or_short_is_not_read_and_keeps_its_place(raw: int, celsius: float | None) -> None:
    reading = read(QUIET._replace(sensors=3), temperatures=words(2981, raw, 2991))
    assert reading.cell_temperatures_c == (25.0, celsius, 26.0)


def test_board_sensors_are_never_cells() -> None:
    reading = read(QUIET._replace(sensors=3), temperatures=words(2981, 3331, 2991), board_sensors=(2,))
    assert reading.cell_temperatures_c == (25.0, 26.0)
    assert reading.board_temperatures_c == (60.0,)


def test_balancing_cells_by_number() -> None:
    reading = read(QUIET._replace(cells=20, balancing_low=0x8001, balancing_high=0x0008))
    assert reading.balancing_cells == (1, 16, 20)


def test_bytes_of_newer_firmware_are_ignored() -> None:
    plain = read(QUIET._replace(sensors=1), temperatures=words(2981))
    assert read(QUIET._replace(sensors=1), temperatures=words(2981) + bytes(range(9))) == plain


def test_a_cell_without_voltage_is_given_as_read() -> None:
    driver = Jbd(key="jbd")
    take(driver, "pack values", PACK.pack(*QUIET))
    take(driver, "cell voltages", words(3300, 0, 3301, 3302))
    reading = driver.reading()
    assert reading is not None
    assert reading.cell_voltages_v == (3.3, 0.0, 3.301, 3.302)
    assert reading.cell_min_v == 0.0


@pytest.mark.parametrize(
    ("what", "data", "text"),
    [
        ("pack values", bytes(22), "22 bytes, at least 23"),
        ("pack values", PACK.pack(*QUIET._replace(sensors=2)) + words(2981), "25 bytes, 27 wanted for 2 sensors"),
        ("cell voltages", b"", "0 bytes"),
        ("cell voltages", bytes(7), "7 bytes"),
        ("cell voltages", bytes(10), "10 bytes, 8 wanted for 4 cells"),
    ],
)
@pytest.mark.parametrize("pack_known", [True, False])
def test_lengths_that_do_not_fit_are_refused(what: str, data: bytes, text: str, pack_known: bool) -> None:
    driver = Jbd(key="jbd")
    if pack_known:
        take(driver, "pack values", PACK.pack(*QUIET))
    elif len(data) == 10:
        return take(driver, what, data)  # five cells, as nothing says otherwise
    with pytest.raises(FrameError, match=text):
        take(driver, what, data)
    return None


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("DD 03 80 00 FF 80 77", "register 0x03 refused: unknown register"),
        ("DD 03 81 00 FF 7F 77", "refused: not allowed"),
        ("DD 03 83 00 FF 7D 77", "refused: wrong password"),
        ("DD 03 42 00 FF BE 77", "refused: status 0x42"),
        ("DD 03 80 00 FF 81 77", "wrong checksum"),
        ("DD 03 00", "1 bytes short|4 bytes short"),
        ("DD 04 00 08 0F 45 0F 3D 0F 37 0F 3D FE C6 77", "no answer among 15 bytes"),
    ],
)
def test_a_refusal_says_why(reply: str, text: str) -> None:
    with pytest.raises(FrameError, match=text):
        find_request(Jbd(key="jbd"), "pack values").decode(bytes.fromhex(reply), 1.0)


def test_after_a_refusal_the_length_is_no_longer_taken_for_known() -> None:
    driver = Jbd(key="jbd")
    request = find_request(driver, "name")
    take(driver, "name", b"ABC")
    assert request.missing(b"") == 10
    with pytest.raises(FrameError):
        take(driver, "name", b"", status=0x80)
    assert request.missing(b"") == 4


def test_a_broken_frame_is_not_waited_for_but_one_behind_it_is() -> None:
    request = find_request(Jbd(key="jbd"), "name")
    broken = bytes.fromhex("DD 05 00 00 12 34 77")
    assert request.missing(broken) == 0
    assert request.missing(broken + bytes.fromhex("DD 05 00 03")) == 6


def test_name_and_firmware() -> None:
    driver = Jbd(key="jbd:/dev/ttyUSB0:1")
    take(driver, "pack values", PACK.pack(*QUIET))
    take(driver, "cell voltages", FOUR_CELLS)
    take(driver, "name", b"JBD-SP04S020\0\0 ")
    reading = driver.reading()
    assert reading is not None
    assert reading.identity.model == "JBD-SP04S020"
    assert reading.identity.firmware == "2.1"


def test_a_board_without_a_name_has_no_model() -> None:
    driver = Jbd(key="jbd")
    take(driver, "pack values", PACK.pack(*QUIET))
    take(driver, "cell voltages", FOUR_CELLS)
    take(driver, "name", b"\0\0\0")
    reading = driver.reading()
    assert reading is not None
    assert reading.identity.model is None


def test_reading_never_writes() -> None:
    driver = Jbd(key="jbd")
    for request in driver.requests(Want.ALL | Want.IDENTITY):
        assert request.data[:2] == b"\xdd\xa5"
        assert request.data[3] == 0


@pytest.mark.parametrize(
    ("direction", "body", "expected"),
    [
        (0xA5, "AA 00", "DD A5 AA 00 FF 56 77"),
        (0x5A, "E1 02 00 02", "DD 5A E1 02 00 02 FF 1B 77"),
        (0xE1, "00 00", "DD E1 00 00 00 00 77"),
    ],
)
def test_frames(direction: int, body: str, expected: str) -> None:
    assert frame(direction, bytes.fromhex(body)) == bytes.fromhex(expected)
