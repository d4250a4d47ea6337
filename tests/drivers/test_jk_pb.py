"""The JK board where the captures do not reach: every bit, every odd value, every refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms import drivers
from smallbms.drivers.base import Want
from smallbms.drivers.jk_pb import ABOUT, SETTINGS, START, STATUS, JkPb, Register, Status, acknowledgement, request
from smallbms.errors import ConfigError, FrameError
from smallbms.model import BatteryReading
from smallbms.words import Fault

from .capture import find_request

QUIET = Status(
    present=0xF, mosfet_100mc=301, voltage_mv=13200, current_ma=-1500, sensor_1_100mc=200, sensor_2_100mc=210,
    alarms=0, balancing=0, soc_pct=50, remaining_mah=50_000, capacity_mah=100_000, cycles=7, soh_pct=99, charge=1,
    discharge=1, sensors=0x37, sensor_3_100mc=220, sensor_4_100mc=230,
)  # fmt: skip
KINDS = {"status": 2, "settings": 1, "about": 3}
REGISTERS = {"status": Register.STATUS, "settings": Register.SETTINGS, "about": Register.ABOUT}


def answer(what: str, plain: bytes, address: int = 1, pad: bytes = b"\0") -> bytes:
    body = START + bytes((KINDS[what], 0)) + plain[6:299]
    return body + bytes((sum(body) & 0xFF,)) + pad + acknowledgement(address, REGISTERS[what])


def status(values: Status, *millivolts: int) -> bytes:
    cells = millivolts or (3300, 3301, 3302, 3303)
    return STATUS.pack(*cells, *[0] * (32 - len(cells)), *values)


def take(driver: JkPb, what: str, plain: bytes) -> None:
    find_request(driver, what).decode(answer(what, plain), 1.0)


def read(values: Status = QUIET, *millivolts: int, driver: JkPb | None = None) -> BatteryReading:
    driver = driver or JkPb(key="jk")
    take(driver, "status", status(values, *millivolts))
    reading = driver.reading()
    assert reading is not None
    return reading


@pytest.mark.parametrize(
    ("bit", "fault"),
    [
        (0, Fault.INTERNAL),
        (1, Fault.BOARD_HOT),
        (2, Fault.INTERNAL),
        (3, Fault.INTERNAL),
        (4, Fault.CELL_HIGH),
        (5, Fault.PACK_HIGH),
        (6, Fault.CHARGE_OVER_CURRENT),
        (7, Fault.SHORT_CIRCUIT),
        (8, Fault.CHARGE_HOT),
        (9, Fault.CHARGE_COLD),
        (10, Fault.INTERNAL),
        (11, Fault.CELL_LOW),
        (12, Fault.PACK_LOW),
        (13, Fault.DISCHARGE_OVER_CURRENT),
        (14, Fault.SHORT_CIRCUIT),
        (15, Fault.DISCHARGE_HOT),
        (16, Fault.INTERNAL),
        (17, Fault.INTERNAL),
        (20, Fault.INTERNAL),
        (21, Fault.DISCHARGE_HOT),
        (22, Fault.TEMPERATURE_SENSOR),
        (24, Fault.INTERNAL),
        (31, Fault.INTERNAL),
    ],
)
def test_each_alarm_bit_is_a_fault(bit: int, fault: Fault) -> None:
    assert read(QUIET._replace(alarms=1 << bit)).faults == {fault}


def test_only_accessories_and_advice_are_no_fault() -> None:
    assert {bit for bit in range(32) if not read(QUIET._replace(alarms=1 << bit)).faults} == {18, 19, 23}
    warned = [read(QUIET._replace(alarms=1 << bit)).warnings for bit in (18, 19, 23)]
    assert warned == [{Fault.INTERNAL}, frozenset(), {Fault.INTERNAL}]


@given(bits=st.integers(min_value=0, max_value=2**32 - 1))
def test_no_alarm_bit_is_lost_among_others(bits: int) -> None:
    alone = [read(QUIET._replace(alarms=1 << bit)).faults for bit in range(32) if bits >> bit & 1]
    assert read(QUIET._replace(alarms=bits)).faults == frozenset().union(*alone)


@pytest.mark.parametrize(
    ("field", "raw", "name", "value"),
    [
        ("current_ma", 12_345, "current_a", 12.345),
        ("current_ma", -200_000, "current_a", -200.0),
        ("voltage_mv", 0, "voltage_v", 0.0),
        ("soc_pct", 0, "soc_pct", 0.0),
        ("soc_pct", 101, "soc_pct", None),
        ("soh_pct", 100, "soh_pct", 100.0),
        ("soh_pct", 255, "soh_pct", None),
        ("capacity_mah", 0, "capacity_ah", None),
        ("remaining_mah", 0, "remaining_ah", 0.0),
        ("charge", 0, "charge_switch_on", False),
        ("discharge", 0, "discharge_switch_on", False),
        ("balancing", 0, "balancing_cells", ()),
        ("balancing", 1, "balancing_cells", (1, 4)),  # the lowest and the highest
        ("balancing", 2, "balancing_cells", (1, 4)),
        ("cycles", 70_000, "cycles", 70_000),
    ],
)
def test_values(field: str, raw: int, name: str, value: object) -> None:
    assert getattr(read(QUIET._replace(**{field: raw})), name) == value


@pytest.mark.parametrize(
    ("raw", "celsius"),
    [(0, 0.0), (-35, -3.5), (-399, -39.9), (-400, None), (-2000, None), (989, 98.9), (990, None), (1010, None)],
)
def test_a_temperature_that_may_be_two_things_is_not_read(raw: int, celsius: float | None) -> None:
    reading = read(QUIET._replace(sensor_2_100mc=raw, mosfet_100mc=raw))
    assert reading.cell_temperatures_c == (20.0, celsius, 22.0, 23.0)
    assert reading.board_temperatures_c == (celsius,)


def test_a_missing_sensor_keeps_its_place_and_those_on_the_board_are_no_cells() -> None:
    assert read(QUIET._replace(sensors=0b010110)).cell_temperatures_c == (20.0, 21.0, 22.0, None)
    reading = read(QUIET, driver=JkPb(key="jk", board_sensors=frozenset({2, 4})))
    assert reading.cell_temperatures_c == (20.0, 22.0)
    assert reading.board_temperatures_c == (30.1, 21.0, 23.0)


def test_a_cell_that_is_not_there_keeps_its_place() -> None:
    reading = read(QUIET._replace(present=0b1011))
    assert reading.cell_voltages_v == (3.3, 3.301, None, 3.303)
    assert (reading.cell_min_v, reading.cell_max_v) == (3.3, 3.303)


def test_the_settings_say_how_many_cells_there_must_be() -> None:
    driver = JkPb(key="jk")
    take(driver, "settings", SETTINGS.pack(5))
    assert read(driver=driver).cell_voltages_v == (3.3, 3.301, 3.302, 3.303, None)
    assert driver.reading() is not None


def test_a_cell_of_0_v_is_given_as_read() -> None:
    reading = read(QUIET, 3300, 0, 3302, 3303)
    assert (reading.cell_voltages_v[1], reading.cell_min_v) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("what", "plain", "text"),
    [
        ("status", status(QUIET._replace(present=0)), "without cells"),
        ("settings", SETTINGS.pack(0), "0 cells"),
        ("settings", SETTINGS.pack(33), "33 cells, at most 32"),
    ],
)
def test_what_no_board_can_say_is_refused(what: str, plain: bytes, text: str) -> None:
    with pytest.raises(FrameError, match=text):
        take(JkPb(key="jk"), what, plain)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (answer("status", status(QUIET), address=2), "acknowledged by 02 10 16 20 00 01 .*, not by this board"),
        (answer("status", status(QUIET))[:-1] + b"\0", "acknowledged by 01 10 16 20 00 01"),
        (answer("status", status(QUIET))[:305], "4 bytes short"),
        (answer("status", status(QUIET)).replace(b"\xe4\x0c", b"\xe5\x0c"), "wrong checksum"),
        (answer("settings", SETTINGS.pack(4)), "no answer among 309 bytes"),
    ],
)
def test_a_refusal_says_why(reply: bytes, text: str) -> None:
    with pytest.raises(FrameError, match=text):
        find_request(JkPb(key="jk"), "status").decode(reply, 1.0)


@pytest.mark.parametrize("pad", [b"", b"\0", b"\0\0"])
def test_the_acknowledgement_may_follow_at_once_or_after_zeros(pad: bytes) -> None:
    driver = JkPb(key="jk")
    asked, reply = find_request(driver, "status"), answer("status", status(QUIET), pad=pad)
    asked.decode(reply, 1.0)
    assert asked.missing(b"") == len(reply)
    assert asked.missing(reply) == 0


def test_the_late_answer_of_another_board_before_ours_does_no_harm() -> None:
    late, ours = (answer("status", status(QUIET), address=address) for address in (2, 1))
    asked = find_request(JkPb(key="jk"), "status")
    assert asked.missing(late) == 0
    assert asked.missing(late + ours[:200]) == len(ours) - 201
    asked.decode(late + ours, 1.0)


def test_another_serial_number_is_another_battery() -> None:
    """Its key is not what it was first; before that the number may come late or not at all."""
    driver = JkPb(key="jk-pb:/dev/line:1")
    keys = [read(driver=driver).identity.key]
    for serial in (b"", b"4010", b"4010", b"", b"4011"):
        take(driver, "about", ABOUT.pack(b"JK_PB2A16S20P", b"15A", b"15.41", serial))
        reading = driver.reading()
        assert reading is not None
        keys.append(reading.identity.key)
    assert keys == ["jk-pb:/dev/line:1"] * 5 + ["jk-pb:4011"]


def test_reading_never_writes() -> None:
    """Function 16 with value 0 to a register that only asks."""
    for asked in JkPb(key="jk", unit=5).requests(Want.ALL | Want.IDENTITY):
        assert asked.data[:2] == b"\x05\x10"
        assert asked.data[2:4] in (b"\x16\x1c", b"\x16\x1e", b"\x16\x20")
        assert asked.data[4:9] == b"\0\1\2\0\0"


@pytest.mark.parametrize(
    ("address", "register", "expected"),
    [
        (1, 0x1620, "01 10 16 20 00 01 02 00 00 D6 F1"),
        (15, 0x1620, "0F 10 16 20 00 01 02 00 00 9A 91"),
        (1, 0x161E, "01 10 16 1E 00 01 02 00 00 D2 2F"),
        (1, 0x161C, "01 10 16 1C 00 01 02 00 00 D3 CD"),
    ],
)
def test_requests(address: int, register: int, expected: str) -> None:
    assert request(address, register) == bytes.fromhex(expected)


def test_the_master_of_a_line_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"address = 0 is not allowed; .*'jk-pb' has one of 1 to 15"):
        drivers.make("jk-pb", port="/dev/line", unit=0)
