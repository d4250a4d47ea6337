"""How one condition trips and releases: delay up and down, readings in a row, repeats."""

from __future__ import annotations

import pytest

from smallbms.core.latch import Finding, Latch, Repeat, forgettable, lowered, raised, released, tripped
from smallbms.core.reasons import ROWS
from smallbms.words import AlarmCode, AlarmLevel

from .bench_battery import Rig

DELAY_S = 10.0


def run(pattern: str, dt_s: float = 1.0) -> Latch | None:
    """Steps of dt_s in which the condition holds (#) or does not (.)."""
    latch: Latch | None = None
    for step, holds in enumerate(pattern):
        now_s = step * dt_s
        if holds == "#":
            latch = raised(latch, Finding(stamp=now_s), dt_s, DELAY_S, now_s)
        elif latch is not None:
            latch = lowered(latch, dt_s)
    return latch


@pytest.mark.parametrize(
    ("pattern", "level_s"),
    [
        ("#", 0.0),
        ("##", 1.0),
        ("#" * 10, 9.0),
        ("#" * 11, 10.0),
        ("#" * 40, 10.0),
        ("#" * 9 + ".", 7.0),
        ("#" * 9 + "." * 20, 0.0),
        ("#" * 9 + ".#", 7.0),
        ("#" * 9 + ".##", 8.0),
        (("#" * 8 + "..") * 2, 8.0),  # up 7, down 2, up to the delay, down 2
        (("#" * 8 + "..") * 2 + "#" * 6, 10.0),
    ],
)
def test_a_delay_counts_up_while_the_condition_holds_and_down_while_not(pattern: str, level_s: float) -> None:
    latch = run(pattern)
    assert latch is not None
    assert latch.level_s == level_s


def test_a_weak_finding_counts_its_time_though_not_its_readings() -> None:
    latch = raised(None, Finding(stamp=1.0, strong=False), 0.5, DELAY_S, 1.0)
    assert not forgettable(latch, None, 1.0)
    latch = raised(latch, Finding(stamp=1.5, strong=False), 0.5, DELAY_S, 1.5)
    assert (latch.level_s, latch.readings) == (0.5, 0)


@pytest.mark.parametrize(
    ("stamps_and_strength", "readings"),
    [
        ([(1, True)], 1),
        ([(1, True), (1, True)], 1),  # the same reading again is no second one
        ([(1, True), (2, True)], 2),
        ([(1, True), (2, False)], 0),
        ([(1, True), (2, False), (3, True)], 1),
        ([(1, False), (2, True), (3, True)], 2),
    ],
)
def test_readings_in_a_row_are_different_ones(stamps_and_strength: list[tuple[int, bool]], readings: int) -> None:
    latch: Latch | None = None
    for stamp, strong in stamps_and_strength:
        latch = raised(latch, Finding(stamp=float(stamp), strong=strong), 0.5, DELAY_S, float(stamp))
    assert latch is not None
    assert latch.readings == readings
    assert lowered(latch, 0.5).readings == 0


REPEAT = Repeat(window_s=900.0, hold_s=900.0)


def test_the_third_trip_within_the_window_is_held_and_trips_are_forgotten_after_it() -> None:
    latch: Latch | None = None
    held = []
    for now_s in (0.0, 400.0, 800.0, 1500.0, 3000.0):
        latch = tripped(raised(latch, Finding(), 0.5, DELAY_S, now_s), REPEAT, 0.0, now_s)
        held.append(latch.held)
        latch = released(latch, REPEAT, now_s + 60.0)
    assert held == [False, False, True, False, False]
    assert latch is not None
    assert not forgettable(latch, REPEAT, 3899.0)
    assert forgettable(latch, REPEAT, 3900.0)


def test_without_a_repeat_rule_a_release_leaves_nothing() -> None:
    assert released(tripped(raised(None, Finding(), 0.5, DELAY_S, 1.0), None, 0.0, 1.0), None, 2.0) is None


def test_a_current_above_the_continuous_limit_trips_after_10_s() -> None:
    rig = Rig().start()
    rig.battery.current_a = -150.0
    assert rig.advance(10.0).allow_to_discharge
    assert rig.alarm(AlarmCode.HIGH_DISCHARGE_CURRENT) is AlarmLevel.WARNING
    assert not rig.advance(0.5).allow_to_discharge


@pytest.mark.parametrize(("name", "window_s"), [
    ("low_cell", 3600.0), ("over_current_charge", 900.0), ("over_current_discharge", 900.0), ("lost_battery", 900.0),
])  # fmt: skip
def test_the_windows_of_the_rows_that_repeat(name: str, window_s: float) -> None:
    repeat = next(row.repeat for row in ROWS if row.name == name)
    two = Latch(finding=Finding(), trips=(0.0, 1.0))
    assert tripped(two, repeat, 0.0, window_s - 0.5).held
    assert not tripped(two, repeat, 0.0, window_s).held
    assert {row.name for row in ROWS if row.repeat} == {
        "low_cell", "over_current_charge", "over_current_discharge", "lost_battery"
    }  # fmt: skip
