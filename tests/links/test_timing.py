"""What a line's round costs; the figures are computed by hand from bytes, baud and pauses."""

from __future__ import annotations

import pytest

from smallbms import drivers
from smallbms.drivers.base import Driver, Want
from smallbms.links.timing import ADAPTER_S, round_time_s, time_out_s

from .toy import LONG, Toy


def jbd() -> Driver:
    return drivers.make("jbd", port="/dev/ttyUSB0")


def test_a_line_of_one_is_checked_silent() -> None:
    pack = jbd().requests(Want.PACK)[0]
    wire_s = (7 + pack.reply_size) * 10 / 9600
    assert time_out_s(pack, jbd().INFO, 9600) == pytest.approx(wire_s + 0.08 + ADAPTER_S)
    assert round_time_s([jbd()], 9600) == pytest.approx(2 * (wire_s + 0.08 + ADAPTER_S))


def test_each_further_battery_adds_one_answered_slot() -> None:
    units = [Toy(key="toy", unit=1)] * 16
    answered_s = 2 * ((3 + LONG) * 10 / 9600 + 0.05 + 0.001)
    for count in range(2, 17):
        more, fewer = round_time_s(units[:count], 9600), round_time_s(units[: count - 1], 9600)
        assert more - fewer == pytest.approx(answered_s)


def test_a_silent_one_is_never_reckoned_to_save_time() -> None:
    assert round_time_s([Toy(key="1", unit=1)], 9600) >= 2 * (3 + LONG) * 10 / 9600


def test_a_faster_line_is_quicker() -> None:
    assert round_time_s([jbd()], 115200) < round_time_s([jbd()], 9600)
