"""Pylontech batteries where the captures do not reach: every state and bit, every odd value, every refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms import drivers
from smallbms.drivers.ascii_hex import frame
from smallbms.drivers.base import Want
from smallbms.drivers.pylontech import Pylontech
from smallbms.errors import FrameError
from smallbms.model import BatteryReading
from smallbms.words import Fault

from .capture import find_request

CELLS, SENSORS = 4, 3
QUIET = bytes((0, 2, CELLS, *[0] * CELLS, SENSORS, *[0] * SENSORS, 0, 0, 0, 0, 0x0E, 0, 0, 0))
AT_CELLS, AT_SENSORS, AT_CHARGE, AT_PACK, AT_DISCHARGE = 3, 8, 11, 12, 13
AT_STATUS_1, AT_STATUS_2, AT_STATUS_3, AT_STATUS_4, AT_STATUS_5 = range(14, 19)


def words(*values: int) -> bytes:
    return b"".join((value & 0xFFFF).to_bytes(2, "big") for value in values)


def analog(
    *,
    cells: tuple[int, ...] = (3300, 3301, 3302, 3303),
    temperatures: tuple[int, ...] = (2981, 2991, 3001),
    current: int = 0,
    tail: bytes = words(50000) + b"\x02" + words(60000, 7),
) -> bytes:
    return (
        bytes((0, 2, len(cells))) + words(*cells) + bytes((len(temperatures),)) + words(*temperatures, current, 13206)
    ) + tail


def take(driver: Pylontech, what: str, info: bytes, *, code: int = 0, address: int = 2, now_s: float = 1.0) -> None:
    find_request(driver, what).decode(frame(address, code, info), now_s)


def read(*, alarms: bytes = QUIET, values: bytes = b"", board_sensors: tuple[int, ...] = ()) -> BatteryReading:
    driver = Pylontech(key="pylontech", board_sensors=frozenset(board_sensors))
    take(driver, "alarms", alarms)
    take(driver, "analog values", values or analog())
    reading = driver.reading()
    assert reading is not None
    return reading


def with_byte(at: int, value: int) -> bytes:
    return QUIET[:at] + bytes((value,)) + QUIET[at + 1 :]


HOT = {Fault.CHARGE_HOT, Fault.DISCHARGE_HOT}
COLD = {Fault.CHARGE_COLD, Fault.DISCHARGE_COLD}
BROKEN = {Fault.INTERNAL}
CHARGING = {Fault.CHARGE_OVER_CURRENT}
DISCHARGING = {Fault.DISCHARGE_OVER_CURRENT}


@pytest.mark.parametrize(
    ("at", "low", "high"),
    [
        (AT_CELLS, {Fault.CELL_LOW}, {Fault.CELL_HIGH}),
        (AT_CELLS + CELLS - 1, {Fault.CELL_LOW}, {Fault.CELL_HIGH}),
        (AT_SENSORS, COLD, HOT),
        (AT_SENSORS + SENSORS - 1, COLD, HOT),
        (AT_CHARGE, CHARGING, CHARGING),
        (AT_PACK, {Fault.PACK_LOW}, {Fault.PACK_HIGH}),
        (AT_DISCHARGE, DISCHARGING, DISCHARGING),
    ],
)
def test_each_state_is_a_fault_in_its_direction(at: int, low: set[Fault], high: set[Fault]) -> None:
    assert read(alarms=with_byte(at, 0)).faults == frozenset()
    assert read(alarms=with_byte(at, 1)).faults == low
    assert read(alarms=with_byte(at, 2)).faults == high
    for unknown in (0x03, 0x80, 0xF0, 0xFF):
        assert read(alarms=with_byte(at, unknown)).faults == BROKEN


@pytest.mark.parametrize(
    ("at", "bit", "faults"),
    [
        (AT_STATUS_1, 0, {Fault.PACK_HIGH}),
        (AT_STATUS_1, 1, {Fault.CELL_LOW}),
        (AT_STATUS_1, 2, CHARGING),
        (AT_STATUS_1, 3, BROKEN),
        (AT_STATUS_1, 4, DISCHARGING),
        (AT_STATUS_1, 5, {Fault.DISCHARGE_HOT}),
        (AT_STATUS_1, 6, {Fault.CHARGE_HOT}),
        (AT_STATUS_1, 7, {Fault.PACK_LOW}),
        *[(AT_STATUS_2, bit, set() if bit < 4 else {Fault.UNNAMED}) for bit in range(8)],
        *[(AT_STATUS_3, bit, set() if bit in (0, 3, 5, 6, 7) else {Fault.UNNAMED}) for bit in range(8)],
        *[(AT_STATUS_4, bit, BROKEN) for bit in range(8)],
        *[(AT_STATUS_5, bit, BROKEN) for bit in range(8)],
    ],
)
def test_each_status_bit(at: int, bit: int, faults: set[Fault]) -> None:
    assert read(alarms=with_byte(at, 1 << bit)).faults == faults


@given(ends=st.lists(st.sampled_from(range(AT_CELLS, AT_STATUS_5 + 1)), max_size=6))
def test_no_fault_is_lost_among_others(ends: list[int]) -> None:
    counts = {AT_CELLS + CELLS}  # the count of sensors
    alarms = bytearray(QUIET)
    alone: set[Fault] = set()
    for at in set(ends) - counts:
        alarms[at] = 2
        alone |= read(alarms=with_byte(at, 2)).faults
    assert read(alarms=bytes(alarms)).faults == alone


@pytest.mark.parametrize(
    ("status", "on"),
    [(0xC0, (True, True)), (0x80, (True, False)), (0x40, (False, True)), (0x38, (False, False))],
)
def test_what_the_battery_asks_for_is_its_switches(status: int, on: tuple[bool, bool]) -> None:
    driver = Pylontech(key="pylontech")
    take(driver, "alarms", QUIET)
    take(driver, "analog values", analog())
    before = driver.reading()
    assert before is not None
    assert (before.charge_switch_on, before.discharge_switch_on) == (None, None)
    take(driver, "charge management", bytes((2,)) + words(53200, 45000, 370, -370) + bytes((status,)))
    reading = driver.reading()
    assert reading is not None
    assert (reading.charge_switch_on, reading.discharge_switch_on) == on
    assert (reading.charge_limit_a, reading.discharge_limit_a, reading.charge_voltage_limit_v) == (37.0, 37.0, 53.2)


@pytest.mark.parametrize(("enables", "faults"), [(0xC0, {Fault.CHARGE_COLD}), (0x80, COLD)])
def test_a_cold_battery_that_enables_discharging_is_only_against_charging(enables: int, faults: set[Fault]) -> None:
    driver = Pylontech(key="pylontech")
    take(driver, "alarms", with_byte(AT_SENSORS, 1))
    take(driver, "analog values", analog())
    take(driver, "charge management", bytes((2,)) + words(53200, 45000, 370, -370) + bytes((enables,)))
    reading = driver.reading()
    assert reading is not None
    assert reading.faults == faults
    take(driver, "alarms", with_byte(AT_STATUS_1, 1 << 5))
    assert (driver.reading() or reading).faults == {Fault.DISCHARGE_HOT}  # said in so many words


@pytest.mark.parametrize(
    ("raw", "current_a"),
    [(0, 0.0), (23, 2.3), (-32, -3.2), (32767, 3276.7), (-32768, -3276.8)],
)
def test_current_is_in_steps_of_a_tenth_and_positive_charges(raw: int, current_a: float) -> None:
    assert read(values=analog(current=raw)).current_a == current_a


@pytest.mark.parametrize(
    ("tail", "remaining_ah", "capacity_ah"),
    [
        (words(50000) + b"\x02" + words(60000, 7), 50.0, 60.0),
        (words(0) + b"\x02" + words(60000, 7), 0.0, 60.0),
        (words(0xFFFF) + b"\x02" + words(0xFFFF, 7), None, None),
        (words(100) + b"\x02" + words(0, 7), 0.1, None),
        (words(0xFFFF) + b"\x04" + words(0xFFFF, 7) + bytes.fromhex("00C394 012110"), 50.068, 74.0),
        (
            words(
                1,
            )
            + b"\x03"
            + words(2, 7)
            + bytes.fromhex("030D40 0493E0"),
            200.0,
            300.0,
        ),
    ],
)
def test_capacity_of_small_and_large_batteries(
    tail: bytes, remaining_ah: float | None, capacity_ah: float | None
) -> None:
    reading = read(values=analog(tail=tail))
    assert (reading.remaining_ah, reading.capacity_ah, reading.cycles) == (remaining_ah, capacity_ah, 7)
    assert reading.soc_pct is None  # the protocol has none


def test_the_first_sensor_is_the_board_and_others_may_be() -> None:
    values = analog(temperatures=(2981, 0, 2991, 3001, 0xFFFF))
    assert read(values=values).board_temperatures_c == (25.0,)
    assert read(values=values).cell_temperatures_c == (None, 26.0, 27.0, None)
    assert read(values=values, board_sensors=(4,)).board_temperatures_c == (25.0, 27.0)
    assert read(values=values, board_sensors=(4,)).cell_temperatures_c == (None, 26.0, None)


def test_a_cell_below_zero_is_given_as_read() -> None:
    assert read(values=analog(cells=(3300, -5, 0))).cell_voltages_v == (3.3, -0.005, 0.0)


@pytest.mark.parametrize(
    ("what", "info", "text"),
    [
        ("alarms", QUIET[:-1], "alarms of 18 bytes, at least 19 wanted"),
        ("alarms", b"", "alarms of 0 bytes, at least 2 wanted"),
        ("analog values", analog(cells=()), "analog values of 0 cells and 3 sensors"),
        ("analog values", analog(temperatures=()), "analog values of 4 cells and 0 sensors"),
        (
            "analog values",
            analog(tail=words(0xFFFF) + b"\x04" + words(0xFFFF, 7, 0, 0)),
            "analog values of 33 bytes, at least 35 wanted",
        ),
        ("charge management", bytes(9), "charge management of 9 bytes, at least 10 wanted"),
        ("serial number", bytes(16), "serial number of 16 bytes, at least 17 wanted"),
        ("maker", bytes(31), "maker of 31 bytes, at least 32 wanted"),
    ],
)
def test_an_answer_that_ends_too_early_is_refused(what: str, info: bytes, text: str) -> None:
    with pytest.raises(FrameError, match=text):
        take(Pylontech(key="pylontech"), what, info)


@pytest.mark.parametrize(
    ("code", "text"),
    [(0x04, "refused: unknown command"), (0x91, "does not answer its master"), (0x55, "refused: code 0x55")],
)
def test_a_refusal_says_why(code: int, text: str) -> None:
    with pytest.raises(FrameError, match=text):
        take(Pylontech(key="pylontech"), "alarms", b"", code=code)


def test_the_answer_of_another_address_is_no_answer_and_the_right_one_behind_it_is() -> None:
    request = find_request(Pylontech(key="pylontech", unit=3), "alarms")
    other, own = frame(2, 0, QUIET), frame(3, 0, QUIET)
    assert request.missing(other) > 0
    with pytest.raises(FrameError, match="an answer of address 2, not of 3"):
        request.decode(other, 1.0)
    assert request.missing(other + own) == 0
    request.decode(other + own, 1.0)


def test_the_echo_of_the_request_is_no_answer() -> None:
    request = find_request(Pylontech(key="pylontech"), "alarms")
    assert request.missing(request.data) > 0
    with pytest.raises(FrameError, match="only the echo"):
        request.decode(request.data, 1.0)
    request.decode(request.data + frame(2, 0, QUIET), 1.0)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"", "no answer among 0 bytes"),
        (b"~2002460", "10 bytes short"),
        (b"~20024600A04200", "69 bytes short"),
        (b"~20024600B042" + bytes(71), "wrong check digit"),
        (b"~2002470000000000000\r", "no header"),
        (b"~200246000000FDB3\r", "wrong checksum"),
        (b"~20024600E002+1FD34\r", "wrong checksum"),
        (b"~20024600E002:1FD30\r", "not hexadecimal"),
    ],
)
def test_a_broken_answer_says_how(reply: bytes, text: str) -> None:
    with pytest.raises(FrameError, match=text):
        find_request(Pylontech(key="pylontech"), "alarms").decode(reply, 1.0)


def test_small_letters_are_digits_too() -> None:
    reply = frame(2, 0, analog())
    assert reply.lower() != reply
    text = reply[1:-5].lower()
    find_request(Pylontech(key="pylontech"), "analog values").decode(
        b"~" + text + b"%04x\r" % (-sum(text) & 0xFFFF), 1.0
    )


def test_who_it_is() -> None:
    driver = Pylontech(key="pylontech:/dev/ttyUSB0:2")
    take(driver, "alarms", QUIET)
    take(driver, "analog values", analog())
    first = b"\x02HPTCR03171112590"
    for serial, key in (
        (b"\x02" + bytes(16), "pylontech:/dev/ttyUSB0:2"),  # none yet
        (first, "pylontech:/dev/ttyUSB0:2"),
        (b"\x02HPTBH02240A01235", "pylontech:/dev/ttyUSB0:2:HPTBH02240A01235"),
        (first, "pylontech:/dev/ttyUSB0:2"),
    ):
        take(driver, "serial number", serial)
        reading = driver.reading()
        assert reading is not None
        assert reading.identity.key == key
    take(driver, "maker", b"\0" * 10 + b"\x01\x07" + b"Pylon".ljust(20, b"-"))
    reading = driver.reading()
    assert reading is not None
    assert (reading.identity.model, reading.identity.firmware) == ("Pylon", "1.7")
    assert reading.identity.serial == "HPTCR03171112590"


def test_reading_never_writes() -> None:
    requests = Pylontech(key="pylontech").requests(Want.ALL | Want.IDENTITY)
    assert {request.data[7:9] for request in requests} == {b"42", b"44", b"51", b"92", b"93"}


@pytest.mark.parametrize(
    ("address", "code", "info", "expected"),
    [
        (2, 0x42, "FF", b"~20024642E002FFFD09\r"),
        (2, 0x42, "02", b"~20024642E00202FD33\r"),
        (2, 0x44, "02", b"~20024644E00202FD31\r"),
        (2, 0x47, "", b"~200246470000FDA7\r"),
        (2, 0x51, "", b"~200246510000FDAC\r"),
        (2, 0x92, "02", b"~20024692E00202FD2E\r"),
        (2, 0x93, "02", b"~20024693E00202FD2D\r"),
        (0, 0x42, "01", b"~20004642E00201FD36\r"),
        (10, 0x42, "0A", b"~200A4642E0020AFD15\r"),
    ],
)
def test_frames(address: int, code: int, info: str, expected: bytes) -> None:
    assert frame(address, code, bytes.fromhex(info)) == expected


def test_a_battery_that_states_no_address_is_the_first_of_its_group() -> None:
    driver = drivers.make("pylontech", port="/dev/ttyUSB0")
    assert (driver.unit, driver.key) == (2, "pylontech:/dev/ttyUSB0:2")
