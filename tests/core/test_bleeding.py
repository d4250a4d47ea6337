"""Which cells are bled, when, and that they come level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallbms.core.bleeding import START_V, STOP_V, TURN_S, in_turns
from smallbms.words import Fault

from .bench_battery import Rig

NOBODY: dict[int, frozenset[int]] = {}


def nearly_full(count: int = 1, series: int = 1, *, bleeds: bool = True, type_name: str = "12.8/100") -> Rig:
    """A bank on charge whose cells are all at 3.50 V."""
    rig = Rig(count, series=series, type_name=type_name)
    rig.spec = replace(rig.spec, members=tuple(replace(member, bleeds=bleeds) for member in rig.spec.members))
    rig.start()
    rig.each(cell_v=3.50, current_a=2.0)
    rig.advance(1.0)
    return rig


def bled(rig: Rig) -> dict[int, frozenset[int]]:
    """Every cell that is bled within two turns, by battery."""
    found: dict[int, set[int]] = {}
    for _ in range(int(2 * TURN_S)):
        for number, cells in rig.advance(1.0).bleed.items():
            found.setdefault(number, set()).update(cells)
    return {number: frozenset(cells) for number, cells in found.items()}


def test_level_cells_are_left_alone() -> None:
    assert nearly_full().decision.bleed == NOBODY


def test_a_cell_is_bled_from_10_mv_above_the_lowest_down_to_5() -> None:
    rig = nearly_full()
    seen = []
    for above_mv in (10, 11, 6, 5, 9, 11):
        rig.battery.cells_v[1] = 3.50 + above_mv / 1000 + 1e-9 * (above_mv == 11)
        seen.append(bool(rig.advance(1.0).bleed))
    assert seen == [False, True, True, False, False, True]


def test_a_cell_is_bled_from_3_45_v_on_down_to_3_42() -> None:
    rig = nearly_full()
    rig.each(cell_v=3.40)
    seen = []
    for volts in (3.449, 3.45, 3.425, 3.419, 3.44):
        rig.battery.cells_v[2] = volts
        seen.append(rig.advance(1.0).bleed)
    assert seen == [NOBODY, {1: {3}}, {1: {3}}, NOBODY, NOBODY]


def test_neighbours_are_bled_in_turns_and_each_gets_its_turn() -> None:
    rig = nearly_full()
    rig.battery.cells_v[1:4] = [3.53, 3.53, 3.53]
    turns = [rig.advance(TURN_S, step=1.0).bleed[1] for _ in range(4)]
    assert sorted(map(sorted, turns)) == [[2, 4], [2, 4], [3], [3]]
    assert all(one != other for one, other in pairwise(turns))


def test_batteries_in_series_come_level_with_each_other_and_strings_do_not() -> None:
    rig = nearly_full(4, 2)
    rig.batteries[1].set_cells(3.53)
    rig.batteries[4].cells_v[0] = 3.52
    assert bled(rig) == {1: {1, 2, 3, 4}, 4: {1}}


def test_a_battery_that_balances_by_itself_is_left_alone() -> None:
    rig = nearly_full(2, 2)
    rig.spec = replace(rig.spec, members=(rig.spec.members[0], replace(rig.spec.members[1], bleeds=False)))
    rig.each(cell_v=3.50)
    rig.batteries[1].cells_v[0] = rig.batteries[2].cells_v[0] = 3.53
    assert bled(rig) == {1: {1}}


def _each(**values: Any) -> Callable[[Rig], None]:
    return lambda rig: rig.each(**values)


def _set_cell(number: int, cell: int, volts: float | None) -> Callable[[Rig], None]:
    def act(rig: Rig) -> None:
        rig.batteries[number].cells_v[cell] = volts

    return act


def _silence(number: int) -> Callable[[Rig], None]:
    return lambda rig: rig.unplug(number)


NOT_NOW = {
    "the bank is discharged": _each(current_a=-3.0),
    "a cell is hot": _each(temperatures_c=[20.0, 45.5]),
    "the board is hot": _each(board_temperatures_c=[20.0, 70.5]),
    "the chip reports a fault": _each(faults={Fault.INTERNAL}),
    "a cell is not read": _set_cell(1, 3, None),
    "a cell of its string is not read": _set_cell(2, 3, None),
    "a battery of its string is silent": _silence(2),
    "the bank is wrong": _each(cells_v=[3.53, 3.50, 3.50]),
}


@pytest.mark.parametrize("happens", NOT_NOW.values(), ids=NOT_NOW)
def test_nothing_is_bled_when(happens: Callable[[Rig], None]) -> None:
    rig = nearly_full(2, 2)
    rig.batteries[1].cells_v[0] = 3.53
    assert rig.advance(1.0).bleed == {1: {1}}
    happens(rig)
    assert rig.advance(60.0).bleed == NOBODY


HARMLESS = {
    "a high cell is reported": _each(faults={Fault.CELL_HIGH}),
    "all is warm": _each(temperatures_c=[44.5], board_temperatures_c=[69.0, None]),
    "the charge has ended": _each(current_a=-0.4),
    "there is no sensor": _each(temperatures_c=[]),
}


@pytest.mark.parametrize("happens", HARMLESS.values(), ids=HARMLESS)
def test_bleeding_goes_on_when(happens: Callable[[Rig], None]) -> None:
    rig = nearly_full()
    rig.battery.cells_v[0] = 3.53
    happens(rig)
    assert rig.advance(60.0).bleed == {1: {1}}


def test_old_readings_end_it_at_once() -> None:
    rig = nearly_full()
    rig.battery.cells_v[0] = 3.53
    rig.advance(1.0)
    assert rig.advance(4.0, read=False).bleed == {1: {1}}
    assert rig.advance(1.0, read=False).bleed == NOBODY


def test_a_high_cell_that_has_ended_the_charge_is_bled() -> None:
    rig = nearly_full()
    rig.battery.cells_v[0] = 3.76
    rig.each(current_a=0.0)
    decision = rig.advance(2.0)
    assert not decision.allow_to_charge
    assert decision.bleed == {1: {1}}


@given(
    cells=st.dictionaries(st.integers(1, 4), st.frozensets(st.integers(1, 16), min_size=1), max_size=4),
    start_s=st.floats(0.0, 1e6),
)
def test_neighbours_never_meet_and_nobody_is_forgotten(cells: dict[int, frozenset[int]], start_s: float) -> None:
    turns = [in_turns(cells, start_s), in_turns(cells, start_s + TURN_S)]
    for chosen in turns:
        for number, now in chosen.items():
            assert now
            assert all(cell + 1 not in now for cell in now)
            assert all(now & {cell - 1, cell, cell + 1} for cell in cells[number])  # no room was left
    for number, wanted in cells.items():
        assert turns[0][number] | turns[1][number] == wanted


@settings(deadline=None, max_examples=20)
@given(
    offsets_mv=st.lists(st.integers(0, 60), min_size=16, max_size=16),
    rate_mv=st.integers(1, 4),
)
def test_cells_come_level_within_10_mv_and_then_rest(offsets_mv: list[int], rate_mv: int) -> None:
    rig = nearly_full(type_name="51.2/100")
    rig.battery.cells_v = [3.46 + offset / 1000 for offset in offsets_mv]
    decision = rig.advance(1.0)
    for _ in range(400):
        if not decision.bleed:
            break
        for cell in decision.bleed.get(1, ()):
            rig.battery.cells_v[cell - 1] = round((rig.battery.cells_v[cell - 1] or 0.0) - rate_mv / 1000, 6)
        decision = rig.advance(TURN_S / 6, step=TURN_S / 6)
    cells_v = [volts or 0.0 for volts in rig.battery.cells_v]
    assert decision.bleed == NOBODY
    assert max(cells_v) - min(cells_v) <= START_V + 1e-6
    assert min(cells_v) >= 3.46 + min(offsets_mv) / 1000 - max(0.0, rate_mv / 1000 - STOP_V) - 1e-6
