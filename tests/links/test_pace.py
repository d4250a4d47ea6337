"""When to look for an answer: soon enough to lose no time, late enough to be woken once."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.links.pace import MARGIN, MARGIN_S, Pace

REQUEST = b"cells"


def polls(pace: Pace, took_s: list[float]) -> list[bool]:
    """Whether each of these answers was there when it was looked for."""
    in_time = []
    for answer_s in took_s:
        usual_s = pace.usual_s(REQUEST)
        in_time.append(usual_s is not None and answer_s <= usual_s)
        if in_time[-1]:
            pace.in_time(REQUEST)
        else:
            pace.late(REQUEST, answer_s)
    return in_time


def test_nobody_knows_before_the_first_answer_of_a_request() -> None:
    pace = Pace()
    assert pace.usual_s(REQUEST) is None
    pace.late(REQUEST, 0.07)
    assert pace.usual_s(REQUEST) == pytest.approx(0.07 * (1 + MARGIN) + MARGIN_S)
    assert pace.usual_s(b"pack") is None


@given(answer_s=st.floats(min_value=0.001, max_value=0.5), spread_s=st.floats(min_value=0.0, max_value=0.004))
def test_steady_answers_are_found_at_the_first_look_and_hardly_later_than_they_came(
    answer_s: float, spread_s: float
) -> None:
    pace, random = Pace(), Random(1)
    polls(pace, [answer_s + random.uniform(0.0, spread_s) for _ in range(50)])
    in_time = polls(pace, [answer_s + random.uniform(0.0, spread_s) for _ in range(400)])
    assert in_time.count(True) >= 0.9 * len(in_time)
    usual_s = pace.usual_s(REQUEST)
    assert usual_s is not None
    assert usual_s <= (answer_s + spread_s) * (1 + MARGIN) + MARGIN_S


def test_one_answer_that_was_held_up_makes_no_habit() -> None:
    pace = Pace()
    polls(pace, [0.07, 0.07, 0.9])
    usual_s = pace.usual_s(REQUEST)
    assert usual_s is not None
    assert usual_s < 0.09


def test_a_battery_that_became_slower_is_waited_for_after_some_answers() -> None:
    pace = Pace()
    polls(pace, [0.05] * 3)
    assert polls(pace, [0.2] * 35).count(False) <= 15
    assert polls(pace, [0.2] * 35).count(False) <= 1
