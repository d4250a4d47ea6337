"""A Pylontech's answer does not say which question it is of: one that comes late must not be taken for another's."""

from __future__ import annotations

import pytest

from smallbms.drivers.pylontech import Pylontech
from smallbms.errors import FrameError

from .test_pylontech import QUIET, analog, take, words


@pytest.mark.parametrize("cells", [4, 8, 15, 16])
@pytest.mark.parametrize("sensors", [1, 3, 5, 6])
@pytest.mark.parametrize("large", [False, True])
def test_the_answer_to_another_question_is_refused_and_leaves_no_trace(cells: int, sensors: int, large: bool) -> None:
    """No answer says which question it is of."""
    tail = words(0xFFFF) + b"\x04" + words(0xFFFF, 7) + bytes(6) if large else words(50000) + b"\x02" + words(60000, 7)
    answers = {
        "charge management": bytes((2,)) + words(53200, 45000, 370, -370) + b"\xc0",
        "analog values": analog(cells=(3300,) * cells, temperatures=(2981,) * sensors, tail=tail),
        "serial number": b"\x02HPTCR03171112590",
        "maker": b"US3000C\0\0\0\x01\x03" + b"Pylon".ljust(20, b"-"),
    }
    alarms = bytes((0, 2, cells, *[0] * cells, sensors, *[0] * sensors, 0, 0, 0, 0, 0x0E, 0, 0, 0))
    for all_alarms in (alarms, alarms + b"\0", alarms + b"\0\0"):
        whole = answers | {"alarms": all_alarms}
        driver = Pylontech(key="pylontech")
        for what, info in whole.items():
            take(driver, what, info)
        before = driver.reading()
        for what in whole:
            for other in set(whole) - {what}:
                with pytest.raises(FrameError):
                    take(driver, what, whole[other], now_s=9.0)
        assert driver.reading() == before


@pytest.mark.parametrize("low_mv", range(256))
def test_analog_values_are_no_alarms_whatever_a_cell_has(low_mv: int) -> None:
    """The low byte of the eighth of 15 is where alarms count the sensors."""
    for high in (0x0A00, 0x0C00, 0x0D00, 0x0E00):
        values = analog(cells=(high | low_mv,) * 15, temperatures=(2981,) * 5)
        with pytest.raises(FrameError, match="alarms of"):
            take(Pylontech(key="pylontech"), "alarms", values)


@pytest.mark.parametrize(
    ("what", "info", "text"),
    [
        ("alarms", QUIET + bytes(3), "alarms of 22 bytes, at most 21 wanted"),
        ("alarms", bytes(12), "alarms of 0 cells and 0 sensors"),
        ("alarms", bytes((0, 2, 1, 0, 4, *bytes(12))), "alarms of 1 cells and 4 sensors"),
        ("charge management", bytes(11), "charge management of 11 bytes, at most 10 wanted"),
        ("serial number", bytes(18), "serial number of 18 bytes, at most 17 wanted"),
        ("maker", bytes(33), "maker of 33 bytes, at most 32 wanted"),
    ],
)
def test_an_answer_that_is_too_long_is_refused(what: str, info: bytes, text: str) -> None:
    with pytest.raises(FrameError, match=text):
        take(Pylontech(key="pylontech"), what, info)


def test_a_firmware_may_tell_more_behind_its_analog_values() -> None:
    driver = Pylontech(key="pylontech")
    take(driver, "alarms", QUIET)
    take(driver, "analog values", analog() + bytes(9))
    assert driver.reading() is not None
