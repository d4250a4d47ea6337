"""Turns on a shared line: everyone gets theirs, the near ones more, the silent ones less."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms import drivers
from smallbms.commands.check import LONGEST_ROUND_S
from smallbms.core.plausibility import FRESH_S
from smallbms.drivers.base import Driver, Want
from smallbms.links.schedule import IDENTITY_POLLS, RARELY_S, SILENT_AFTER, SILENT_SLOTS, Schedule
from smallbms.links.timing import full_round, silent_s

SLOTS = 200
NUMBERS = st.integers(min_value=1, max_value=12).map(lambda count: range(1, count + 1))


def silence(schedule: Schedule, numbers: frozenset[int]) -> None:
    """As if they had just been asked in vain."""
    for _ in schedule.numbers:
        schedule.turn(0.0)
    for number in numbers:
        for _ in range(SILENT_AFTER):
            schedule.failed(number)


def turns(schedule: Schedule, dead: frozenset[int], count: int = SLOTS) -> list[int]:
    """Who got each slot of 0.1 s, where `dead` never answers and all others always do."""
    order = []
    for slot in range(count):
        number = schedule.turn(slot / 10).number
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
    silence(schedule, dead)
    schedule.set_near_limit(near)
    order = turns(schedule, dead)
    awake = set(numbers) - dead
    for number in awake:
        assert longest_wait(order, number) <= 2.5 * len(awake) + 3
    for number in dead:
        assert longest_wait(order, number) <= max(SILENT_SLOTS, len(awake) + 1) * len(dead) + 1


@given(numbers=NUMBERS, data=st.data())
def test_the_silent_get_at_most_one_slot_in_five(numbers: range, data: st.DataObject) -> None:
    dead = data.draw(st.frozensets(st.sampled_from(numbers), max_size=len(numbers) - 1))
    schedule = Schedule(numbers)
    silence(schedule, dead)
    order = turns(schedule, dead)
    for start in range(SLOTS - SILENT_SLOTS):
        assert sum(number in dead for number in order[start : start + SILENT_SLOTS]) <= 1


@given(numbers=st.integers(min_value=2, max_value=16), answer_s=st.floats(0.02, 0.5), time_out_s=st.floats(0.1, 2.0))
def test_a_silent_one_costs_each_round_of_the_others_one_time_out(
    numbers: int, answer_s: float, time_out_s: float
) -> None:
    schedule, now_s = Schedule(range(1, numbers + 1)), 0.0
    silence(schedule, frozenset({1}))
    read_at_s: dict[int, list[float]] = {number: [] for number in range(2, numbers + 1)}
    for _ in range(SLOTS):
        number = schedule.turn(now_s).number
        now_s += time_out_s if number == 1 else answer_s
        if number == 1:
            schedule.failed(1)
        else:
            schedule.answered(number)
            read_at_s[number].append(now_s)
    longest_s = max(later - earlier for at_s in read_at_s.values() for earlier, later in pairwise(at_s))
    assert longest_s <= (numbers - 1) * answer_s + time_out_s + 1e-6


def test_who_stays_silent_is_asked_ever_more_rarely_and_heard_when_it_comes_back() -> None:
    schedule, asked_at_s, now_s = Schedule([1, 2, 3]), [], 0.0
    while now_s < 1200.0:
        if schedule.turn(now_s).number == 2:
            asked_at_s.append(now_s)
            schedule.failed(2)
        else:
            schedule.answered(1)
            schedule.answered(3)
        now_s += 0.2
    pauses_s = [(later, later - earlier) for earlier, later in pairwise(asked_at_s)]
    (long_s, seldom_s), (short_s, rarely_s) = RARELY_S
    assert max(pause_s for at_s, pause_s in pauses_s if at_s < short_s) <= SILENT_SLOTS * 0.2 + 0.01
    middle_s = [pause_s for at_s, pause_s in pauses_s if short_s + 15.0 < at_s < long_s]
    assert rarely_s <= min(middle_s) <= max(middle_s) <= rarely_s + SILENT_SLOTS * 0.2
    late_s = [pause_s for at_s, pause_s in pauses_s if at_s > long_s + 40.0]
    assert seldom_s <= min(late_s) <= max(late_s) <= seldom_s + SILENT_SLOTS * 0.2
    schedule.answered(2)
    assert {schedule.turn(1200.0 + slot / 10).number for slot in range(3)} == {1, 2, 3}


def slowest_s(units: Sequence[Driver], baud: int, pace: float, near: Iterable[int]) -> float:
    """The longest time between two readings of one that answers; from 10 s on the first of the line does not."""
    answered_s = [pace * own_s for own_s in full_round(units, baud).answered_s]
    schedule = Schedule(range(len(units)))
    schedule.set_near_limit(near)
    now_s, next_s, longest_s, read_at_s = 0.0, 0.0, 0.0, dict.fromkeys(schedule.numbers, 0.0)
    while now_s < 150.0:
        next_s = max(next_s + 0.5 / len(units), now_s)
        number = schedule.turn(now_s).number
        if number == 0 and now_s > 10.0:
            schedule.failed(number)
            now_s += silent_s(units[number], baud)
        else:
            schedule.answered(number)
            now_s += answered_s[number]
            longest_s = max(longest_s, now_s - read_at_s[number])
            read_at_s[number] = now_s
        now_s = max(now_s, next_s)
    return longest_s


def lines(kind: type[Driver], baud: int) -> Iterator[list[Driver]]:
    """All that are accepted of one kind, from two batteries on."""
    units: list[Driver] = []
    for unit in kind.INFO.addresses:
        units.append(drivers.make(kind.INFO.name, port="/dev/line", unit=unit))
        if full_round(units, baud).total_s > LONGEST_ROUND_S:
            return
        if len(units) > 1:
            yield units


@pytest.mark.parametrize(
    ("name", "baud"),
    [
        (name, baud)
        for name, kind in drivers.available().items()
        for baud in sorted({kind.INFO.baud, *kind.INFO.other_bauds, 4800, 2400})
        if kind.INFO.addressed
    ],
)
def test_with_one_near_and_one_silent_nobody_waits_until_it_is_no_longer_fresh(name: str, baud: int) -> None:
    """Else a battery that was lost would never again be read often enough in a row to be believed."""
    for units in lines(drivers.find(name) or Driver, baud):
        for pace in (1.0, 0.9, 0.5):
            assert slowest_s(units, baud, pace, near=[1]) <= FRESH_S
        assert slowest_s(units, baud, 1.0, near=range(1, len(units))) <= FRESH_S


def test_where_nobody_answers_all_are_asked_however_long_that_lasts() -> None:
    schedule = Schedule([1, 2, 3])
    silence(schedule, frozenset({1, 2, 3}))
    assert {schedule.turn(5000.0 + slot / 10).number for slot in range(3)} == {1, 2, 3}


@given(numbers=NUMBERS, near=st.integers(min_value=1, max_value=12))
def test_one_near_a_limit_gets_every_second_slot_and_no_more(numbers: range, near: int) -> None:
    schedule = Schedule(numbers)
    silence(schedule, frozenset())  # all were asked
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
        polls.append(schedule.turn(0.0))
        schedule.answered(1)
    assert [at for at, slot in enumerate(polls) if Want.IDENTITY in slot.want] == [0]
    assert [at for at, slot in enumerate(polls) if slot.again] == [IDENTITY_POLLS]
    schedule.failed(1)
    assert Want.IDENTITY not in schedule.turn(0.0).want
    silence(schedule, frozenset({1}))
    assert Want.IDENTITY in schedule.turn(0.0).want


@given(numbers=st.integers(min_value=1, max_value=16))
def test_after_the_first_round_no_two_are_asked_who_they_are_in_one(numbers: int) -> None:
    schedule = Schedule(range(1, numbers + 1))
    asked_at: dict[int, list[int]] = {number: [] for number in range(1, numbers + 1)}
    for slot in range(3 * IDENTITY_POLLS * numbers):
        turn = schedule.turn(slot / 10)
        schedule.answered(turn.number)
        if turn.again or Want.IDENTITY in turn.want:
            asked_at[turn.number].append(slot)
    assert [slots[0] for slots in asked_at.values()] == list(range(numbers))
    later = sorted(slot for slots in asked_at.values() for slot in slots[1:])
    assert all(second - first >= numbers for first, second in pairwise(later))
    assert all(len(slots) >= 3 for slots in asked_at.values())


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
    assert schedule.turn(0.0).number == 1
    assert schedule.urgent()


@pytest.mark.parametrize("number", [0, 4])
def test_strangers_are_not_urged(number: int) -> None:
    schedule = Schedule([1, 2, 3])
    schedule.urge(number)
    assert schedule.urgent() is None
