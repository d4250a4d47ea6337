"""Turns on a shared line: everyone gets theirs, the near ones more, the silent ones less."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.drivers.base import Want
from smallbms.links.schedule import IDENTITY_POLLS, SILENT_AFTER, SILENT_SLOTS, Schedule

SLOTS = 200
NUMBERS = st.integers(min_value=1, max_value=12).map(lambda count: range(1, count + 1))


def silence(schedule: Schedule, numbers: frozenset[int]) -> None:
    for number in numbers:
        for _ in range(SILENT_AFTER):
            schedule.failed(number)


def turns(schedule: Schedule, dead: frozenset[int], count: int = SLOTS) -> list[int]:
    """Who got each slot, where `dead` never answers and all others always do."""
    order = []
    for _ in range(count):
        number = schedule.turn().number
        order.append(number)
        if number in dead:
            schedule.failed(number)
        else:
            schedule.answered(number)
    return order


def longest_wait(order: list[int], number: int) -> int:
    seen = [-1, *(at for at, who in enumerate(order) if who == number), len(order)]
    return max(later - earlier for earlier, later in pairwise(seen))


@given(numbers=NUMBERS, data=st.data())
def test_nobody_starves(numbers: range, data: st.DataObject) -> None:
    near = data.draw(st.frozensets(st.sampled_from(numbers)))
    dead = data.draw(st.frozensets(st.sampled_from(numbers)))
    schedule = Schedule(numbers)
    schedule.set_near_limit(near)
    silence(schedule, dead)
    order = turns(schedule, dead)
    awake = set(numbers) - dead
    for number in awake:
        assert longest_wait(order, number) <= 2.5 * len(awake) + 3
    for number in dead:
        assert longest_wait(order, number) <= SILENT_SLOTS * len(dead) + 1


@given(numbers=NUMBERS, data=st.data())
def test_the_silent_get_at_most_one_slot_in_five(numbers: range, data: st.DataObject) -> None:
    dead = data.draw(st.frozensets(st.sampled_from(numbers), max_size=len(numbers) - 1))
    schedule = Schedule(numbers)
    silence(schedule, dead)
    order = turns(schedule, dead)
    for start in range(SLOTS - SILENT_SLOTS):
        assert sum(number in dead for number in order[start : start + SILENT_SLOTS]) <= 1


@given(numbers=NUMBERS, near=st.integers(min_value=1, max_value=12))
def test_one_near_a_limit_gets_every_second_slot_and_no_more(numbers: range, near: int) -> None:
    schedule = Schedule(numbers)
    schedule.set_near_limit({near, 99})
    order = turns(schedule, frozenset())
    if near not in numbers or len(numbers) == 1:
        assert all(order.count(number) >= SLOTS // len(numbers) for number in numbers)
        return
    assert abs(order.count(near) - SLOTS // 2) <= 1
    assert all(one != near or other != near for one, other in pairwise(order))


def test_being_near_a_limit_is_never_a_disadvantage() -> None:
    schedule = Schedule(range(1, 11))
    schedule.set_near_limit(range(1, 10))
    order = turns(schedule, frozenset())
    assert min(order.count(number) for number in range(1, 10)) >= order.count(10)


def test_where_nobody_answers_all_are_tried_in_turn() -> None:
    schedule = Schedule([1, 2, 3])
    silence(schedule, frozenset({1, 2, 3}))
    assert turns(schedule, frozenset({1, 2, 3}), 6) == [1, 2, 3, 1, 2, 3]


def test_one_answer_ends_the_silence() -> None:
    schedule = Schedule([1, 2])
    silence(schedule, frozenset({2}))
    assert schedule.silent == {2}
    schedule.answered(2)
    assert schedule.silent == frozenset()
    assert turns(schedule, frozenset(), 4) == [1, 2, 1, 2]


def test_a_port_that_is_back_forgets_who_was_silent() -> None:
    schedule = Schedule([1, 2])
    silence(schedule, frozenset({1}))
    schedule.restart()
    assert schedule.silent == frozenset()


def test_identity_is_asked_of_whoever_appears_and_then_once_a_minute() -> None:
    schedule = Schedule([1])
    polls = []
    for _ in range(IDENTITY_POLLS + 1):
        polls.append(Want.IDENTITY in schedule.turn().want)
        schedule.answered(1)
    assert [at for at, asked in enumerate(polls) if asked] == [0, IDENTITY_POLLS]
    schedule.failed(1)
    assert Want.IDENTITY not in schedule.turn().want
    silence(schedule, frozenset({1}))
    assert Want.IDENTITY in schedule.turn().want


def test_urged_come_first_in_the_order_of_urging() -> None:
    schedule = Schedule([1, 2, 3])
    for number in (3, 1, 3):
        schedule.urge(number)
    urgent = [schedule.urgent(), schedule.urgent()]
    assert [(slot.number, slot.want) for slot in urgent if slot] == [(3, Want.CELLS), (1, Want.CELLS)]
    assert schedule.urgent() is None


def test_who_is_urged_again_and_again_waits_for_a_turn_of_the_others() -> None:
    schedule = Schedule([1, 2])
    schedule.urge(1)
    assert schedule.urgent()
    schedule.urge(1)
    assert schedule.urgent() is None
    assert schedule.turn().number == 1
    assert schedule.urgent()


@pytest.mark.parametrize("number", [0, 4])
def test_strangers_are_not_urged(number: int) -> None:
    schedule = Schedule([1, 2, 3])
    schedule.urge(number)
    assert schedule.urgent() is None
