"""What a line's round costs; the figures are computed by hand from bytes, baud and pauses."""

from __future__ import annotations

import pytest

from smallbms import drivers
from smallbms.drivers.base import Driver, Want
from smallbms.links.timing import ADAPTER_S, Round, full_round, time_out_s

from .toy import LONG, Toy


def jbd() -> Driver:
    return drivers.make("jbd", port="/dev/ttyUSB0")


def test_a_line_of_one_is_checked_silent() -> None:
    pack = jbd().requests(Want.PACK)[0]
    wire_s = (7 + pack.reply_size) * 10 / 9600
    assert time_out_s(pack, jbd().INFO, 9600) == pytest.approx(wire_s + 0.08 + ADAPTER_S)
    assert full_round([jbd()], 9600).total_s == pytest.approx(2 * (wire_s + 0.08 + ADAPTER_S))


def test_each_further_battery_adds_one_answered_slot() -> None:
    units = [Toy(key="toy", unit=1)] * 16
    answered_s = 2 * ((3 + LONG) * 10 / 9600 + 0.05 + 0.001)
    for count in range(2, 17):
        more, fewer = full_round(units[:count], 9600).total_s, full_round(units[: count - 1], 9600).total_s
        assert more - fewer == pytest.approx(answered_s)


def test_a_silent_one_is_never_reckoned_to_save_time() -> None:
    assert full_round([Toy(key="1", unit=1)], 9600).total_s >= 2 * (3 + LONG) * 10 / 9600


def test_a_faster_line_is_quicker() -> None:
    assert full_round([jbd()], 115200).total_s < full_round([jbd()], 9600).total_s


def test_five_jk_boards_fit_on_a_line() -> None:
    """Each 11 + 309 bytes at 115200, 50 ms before its answer and 120 ms after; the silent one is asked twice."""
    five = full_round([drivers.make("jk-pb", port="/dev/line", unit=unit) for unit in range(1, 6)], 115200)
    answered_s = 320 * 10 / 115200 + 0.05 + 0.12
    assert five.answered_s == pytest.approx([answered_s] * 5)
    assert five.silent_s == pytest.approx(2 * (answered_s + 0.1) - answered_s)
    assert five.total_s < 1.5
    assert str(five) == "5 × 0.20 s + 0.40 s for a silent one = 1.4 s"


def test_a_sum_names_each_length_of_slot_once() -> None:
    assert str(Round((0.5, 0.25, 0.5), 0.0)) == "2 × 0.50 s + 1 × 0.25 s + 0.00 s for a silent one = 1.2 s"
