"""The Daly board where the captures do not reach: every bit, every odd value, every refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.drivers.base import Want
from smallbms.drivers.daly import Command, Daly, frame
from smallbms.errors import FrameError
from smallbms.model import BatteryReading
from smallbms.words import Fault

from .capture import find_request

COMMANDS = {
    "status": 0x94, "pack values": 0x90, "switches": 0x93, "faults": 0x98, "cell voltages": 0x95,
    "temperatures": 0x96, "rated capacity": 0x50, "battery code": 0x57,
}  # fmt: skip
QUIET = {
    "status": "04 02 00 00 00 00 07 00",
    "pack values": "00 84 00 84 75 30 01 F4",
    "switches": "00 01 01 05 00 00 C3 50",
    "faults": "00 00 00 00 00 00 00 00",
    "temperatures": "01 41 42 FF FF FF FF FF",
}
FOUR_CELLS = ("01 0C E4 0C E5 0C E6 00", "02 0C E7 00 00 00 00 00")
SOC_LEVELS, CLOCK_AND_VEHICLE = {20, 21, 22, 23}, {44, 46}
WARNINGS_AND_COUNTS = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 24, 26} | SOC_LEVELS | CLOCK_AND_VEHICLE


def take(driver: Daly, what: str, *parts: str, now_s: float = 1.0) -> None:
    reply = b"".join(frame(driver.unit, COMMANDS[what], bytes.fromhex(part)) for part in parts)
    find_request(driver, what).decode(reply, now_s)


def filled(**changed: str) -> Daly:
    """A driver that has read a quiet battery, but for what is changed."""
    driver = Daly(key="daly")
    for what, data in (QUIET | {key.replace("_", " "): data for key, data in changed.items()}).items():
        take(driver, what, data)
    return driver


def read(**changed: str) -> BatteryReading:
    driver = filled(**changed)
    take(driver, "cell voltages", *FOUR_CELLS)
    reading = driver.reading()
    assert reading is not None
    return reading


def data_of(bits: int) -> str:
    return bits.to_bytes(8, "little").hex(" ")


@pytest.mark.parametrize(
    ("byte", "bit", "fault"),
    [
        (0, 1, Fault.CELL_HIGH),
        (0, 3, Fault.CELL_LOW),
        (0, 5, Fault.PACK_HIGH),
        (0, 7, Fault.PACK_LOW),
        (1, 1, Fault.CHARGE_HOT),
        (1, 3, Fault.CHARGE_COLD),
        (1, 5, Fault.DISCHARGE_HOT),
        (1, 7, Fault.DISCHARGE_COLD),
        (2, 1, Fault.CHARGE_OVER_CURRENT),
        (2, 3, Fault.DISCHARGE_OVER_CURRENT),
        (3, 1, Fault.CELL_IMBALANCE),
        (3, 3, Fault.INTERNAL),
        (4, 0, Fault.BOARD_HOT),
        (4, 1, Fault.BOARD_HOT),
        (4, 2, Fault.TEMPERATURE_SENSOR),
        (4, 3, Fault.TEMPERATURE_SENSOR),
        *[(4, bit, Fault.INTERNAL) for bit in (4, 5, 6, 7)],
        (5, 2, Fault.TEMPERATURE_SENSOR),
        *[(5, bit, Fault.INTERNAL) for bit in (0, 1, 3, 5, 7)],
        (6, 0, Fault.INTERNAL),
        (6, 1, Fault.INTERNAL),
        (6, 2, Fault.SHORT_CIRCUIT),
        (6, 3, Fault.INTERNAL),
        (6, 7, Fault.INTERNAL),
        (7, 0, Fault.INTERNAL),
        (7, 7, Fault.INTERNAL),
    ],
)
def test_each_protection_bit_is_a_fault(byte: int, bit: int, fault: Fault) -> None:
    assert read(faults=data_of(1 << (8 * byte + bit))).faults == {fault}


@pytest.mark.parametrize("bit", sorted(WARNINGS_AND_COUNTS))
def test_a_first_level_warns_of_its_protection_and_takes_nothing_away(bit: int) -> None:
    reading = read(faults=data_of(1 << bit))
    assert reading.faults == frozenset()
    if bit in SOC_LEVELS:
        assert reading.warnings == frozenset()
    elif bit in CLOCK_AND_VEHICLE:
        assert reading.warnings == {Fault.INTERNAL}
    else:
        assert reading.warnings == read(faults=data_of(2 << bit)).faults


def test_only_warnings_counts_and_accessories_are_no_fault() -> None:
    assert {bit for bit in range(64) if not read(faults=data_of(1 << bit)).faults} == WARNINGS_AND_COUNTS


@given(bits=st.integers(min_value=0, max_value=2**64 - 1))
def test_no_protection_bit_is_lost_among_others(bits: int) -> None:
    alone = [read(faults=data_of(1 << bit)).faults for bit in range(64) if bits >> bit & 1]
    assert read(faults=data_of(bits)).faults == frozenset().union(*alone)


@pytest.mark.parametrize(
    ("what", "data", "name", "value"),
    [
        ("pack_values", "00 84 00 84 75 30 01 F4", "current_a", 0.0),
        ("pack_values", "00 84 00 84 77 24 03 38", "current_a", -50.0),  # captured while it discharged
        ("pack_values", "00 84 00 84 73 3C 03 38", "current_a", 50.0),
        ("pack_values", "00 84 00 84 75 30 03 E8", "soc_pct", 100.0),
        ("pack_values", "00 84 00 84 75 30 03 E9", "soc_pct", None),
        ("pack_values", "00 00 00 84 75 30 00 00", "voltage_v", 0.0),
        ("pack_values", "02 0A 00 84 75 30 00 00", "voltage_v", 52.2),
        ("switches", "01 00 01 05 00 00 C3 50", "charge_switch_on", False),
        ("switches", "02 01 00 05 00 00 C3 50", "discharge_switch_on", False),
        ("switches", "02 01 00 05 00 04 86 C0", "remaining_ah", 296.64),
        ("status", "04 02 00 00 00 01 02 C0", "cycles", 258),
        ("temperatures", "01 41 00 FF FF FF FF FF", "cell_temperatures_c", (25.0, None)),
        ("temperatures", "01 01 28 FF FF FF FF FF", "cell_temperatures_c", (-39.0, 0.0)),
        ("temperatures", "01 9F A0 FF FF FF FF FF", "cell_temperatures_c", (119.0, None)),
    ],
)
def test_values(what: str, data: str, name: str, value: object) -> None:
    assert getattr(read(**{what: data}), name) == value


def test_every_sensor_of_two_frames_has_its_place() -> None:
    driver = Daly(key="daly", board_sensors=frozenset({8}))
    for what, data in (QUIET | {"status": "04 09 00 00 00 00 00 00"}).items():
        if what != "temperatures":
            take(driver, what, data)
    take(driver, "cell voltages", *FOUR_CELLS)
    take(driver, "temperatures", "01 29 2A 2B 2C 2D 2E 2F", "02 64 31 FF FF FF FF FF")
    reading = driver.reading()
    assert reading is not None
    assert reading.cell_temperatures_c == (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0)
    assert reading.board_temperatures_c == (60.0,)


def test_a_board_without_sensors_is_read_without_them() -> None:
    driver = Daly(key="daly")
    for what, data in (QUIET | {"status": "04 00 00 00 00 00 00 00"}).items():
        if what != "temperatures":
            take(driver, what, data)
    take(driver, "cell voltages", *FOUR_CELLS)
    reading = driver.reading()
    assert reading is not None
    assert reading.cell_temperatures_c == ()


@pytest.mark.parametrize("missing", QUIET)
def test_nothing_is_told_until_every_frame_was_read(missing: str) -> None:
    driver = Daly(key="daly")
    for what, data in QUIET.items():
        if what != missing:
            take(driver, what, data)
    if missing == "status":
        with pytest.raises(FrameError, match="not known yet"):
            take(driver, "cell voltages", FOUR_CELLS[0])
    else:
        take(driver, "cell voltages", *FOUR_CELLS)
    assert driver.reading() is None


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (FOUR_CELLS[:1], "1 of 2 frames"),
        ((FOUR_CELLS[1], FOUR_CELLS[0]), r"parts \[2, 1\], wanted are 1 to 2"),
        ((FOUR_CELLS[0], FOUR_CELLS[0]), r"parts \[1, 1\]"),
        (("00 0C E4 0C E5 0C E6 00", FOUR_CELLS[0]), r"parts \[0, 1\]"),
    ],
)
def test_cells_in_other_parts_than_wanted_are_refused(parts: tuple[str, ...], text: str) -> None:
    driver = filled()
    with pytest.raises(FrameError, match=text):
        take(driver, "cell voltages", *parts)


def test_more_parts_than_wanted_do_no_harm() -> None:
    driver = filled()
    take(driver, "cell voltages", *FOUR_CELLS, "03 00 00 00 00 00 00 00")
    reading = driver.reading()
    assert reading is not None
    assert reading.cell_voltages_v == (3.3, 3.301, 3.302, 3.303)


def test_a_broken_part_is_not_waited_for() -> None:
    driver = filled()
    request = find_request(driver, "cell voltages")
    first, second = (frame(1, 0x95, bytes.fromhex(part)) for part in FOUR_CELLS)
    broken = first[:-1] + bytes((first[-1] ^ 1,))
    assert request.missing(broken + second[:5]) == 8
    assert request.missing(broken + second) == 0
    with pytest.raises(FrameError, match="1 of 2 frames"):
        request.decode(broken + second, 2.0)


@pytest.mark.parametrize("data", ["00 02 00 00 00 00 00 00", "31 02 00 00 00 00 00 00", "04 11 00 00 00 00 00 00"])
def test_a_status_that_no_board_can_have_is_refused(data: str) -> None:
    with pytest.raises(FrameError, match="cells and"):
        take(Daly(key="daly"), "status", data)


def test_a_rated_capacity_of_0_is_none_and_a_blank_code_is_no_serial_number() -> None:
    driver = filled()
    take(driver, "cell voltages", *FOUR_CELLS)
    take(driver, "rated capacity", "00 00 00 00 00 00 0C 80")
    take(driver, "battery code", *(f"0{n} 20 20 20 20 20 20 00" for n in range(1, 6)))
    reading = driver.reading()
    assert reading is not None
    assert (reading.capacity_ah, reading.identity.serial) == (None, None)


def test_reading_never_writes() -> None:
    reads = {0x50, 0x57, 0x90, 0x93, 0x94, 0x95, 0x96, 0x98}
    assert {int(command) for command in Command} == reads
    asked = Daly(key="daly").requests(Want.ALL | Want.IDENTITY)
    assert {request.data[2] for request in asked} == reads
    assert all(len(request.data) == 13 and request.data[:2] == b"\xa5\x40" for request in asked)


@pytest.mark.parametrize(("address", "command", "expected"), [
    (0x40, 0x90, "A5 40 90 08 00 00 00 00 00 00 00 00 7D"),
    (0x40, 0x98, "A5 40 98 08 00 00 00 00 00 00 00 00 85"),
    (0x01, 0x98, "A5 01 98 08 00 00 00 00 00 00 00 00 46"),
])  # fmt: skip
def test_frames(address: int, command: int, expected: str) -> None:
    assert frame(address, command, bytes(8)) == bytes.fromhex(expected)


def test_board_3_is_asked_by_its_address() -> None:
    request = find_request(Daly(key="daly", unit=3), "pack values")
    assert request.data[:3] == bytes.fromhex("A5 42 90")
    with pytest.raises(FrameError, match="0 of 1 frames"):
        request.decode(frame(1, 0x90, bytes(8)), 1.0)
    request.decode(frame(3, 0x90, bytes(8)), 1.0)
