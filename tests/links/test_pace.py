"""When to look for an answer: soon enough to lose no time, late enough to be woken once."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.links.pace import LOOKS, MARGIN, MARGIN_S, OUTLIER, Pace

REQUEST = b"cells"


def poll(pace: Pace, took_s: float) -> float:
    """Until when an answer that took so long had been seen."""
    look_after_s = pace.look_after_s(REQUEST)
    if look_after_s is None:
        pace.heard(REQUEST, took_s)
        return took_s
    if took_s > look_after_s:
        pace.missed(REQUEST)
    return max(took_s, look_after_s)


def with_margin(took_s: float) -> float:
    return took_s * (1.0 + MARGIN) + MARGIN_S


def test_nobody_knows_before_the_first_answer_of_a_request() -> None:
    pace = Pace()
    assert pace.look_after_s(REQUEST) is None
    pace.heard(REQUEST, 0.07)
    assert pace.look_after_s(REQUEST) == pytest.approx(with_margin(0.07))
    assert pace.look_after_s(b"pack") is None


@given(answer_s=st.floats(min_value=0.01, max_value=0.5))
def test_steady_answers_are_looked_for_once_and_listened_for_seldom(answer_s: float) -> None:
    pace, random = Pace(), Random(1)
    spread_s = MARGIN * answer_s / 2.0
    seen_at_s = [poll(pace, answer) for answer in (answer_s + random.uniform(0.0, spread_s) for _ in range(400))]
    assert max(seen_at_s) <= with_margin(answer_s + spread_s)
    asked = [pace.look_after_s(REQUEST) for _ in range(LOOKS + 1)]
    assert asked.count(None) >= 1  # its time is taken now and then


@given(st.lists(st.floats(min_value=0.05, max_value=2.0), min_size=1, max_size=60))
def test_however_answers_come_the_next_is_not_looked_for_later_than_any_was(took_s: list[float]) -> None:
    pace = Pace()
    seen_at_s = [poll(pace, answer_s) for answer_s in took_s]
    assert all(
        seen_s <= max(answer_s, with_margin(max(took_s))) for seen_s, answer_s in zip(seen_at_s, took_s, strict=True)
    )


def test_jitter_delays_the_usual_answer_little() -> None:
    """One in four takes twice as long: the other three are not made to wait for that."""
    pace, random = Pace(), Random(2)
    delays_s = []
    for _ in range(400):
        answer_s = random.choice((0.07, 0.07, 0.07, 0.14))
        delays_s.append(poll(pace, answer_s) - answer_s)
    assert sum(delays_s) / len(delays_s) < 0.02


def test_one_answer_that_was_held_up_makes_no_habit() -> None:
    pace = Pace()
    pace.heard(REQUEST, 0.07)
    pace.heard(REQUEST, 0.9)
    look_after_s = pace.look_after_s(REQUEST)
    assert look_after_s is not None
    assert look_after_s < with_margin(0.07 * OUTLIER)


def test_a_battery_that_became_slower_is_looked_for_later() -> None:
    pace = Pace()
    for answer_s in [0.05] * 3 + [0.2] * 60:
        poll(pace, answer_s)
    pace.heard(REQUEST, 0.2)
    look_after_s = pace.look_after_s(REQUEST)
    assert look_after_s is not None
    assert look_after_s > 0.2


def test_a_start_on_a_busy_machine_is_forgotten_soon() -> None:
    pace = Pace()
    pace.heard(REQUEST, 0.3)
    assert [poll(pace, 0.07) for _ in range(4)][-1] <= with_margin(0.07)
