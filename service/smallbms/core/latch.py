"""A latch: how one condition trips and releases, with its delay, its readings and its repeats. No battery words here.

A delay counts up while the condition holds and down at the same rate while it does not, so a load that sags a cell
8 s of every 10 trips in the end.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from smallbms.frozen import frozen

Place = tuple[int, int]  # battery and sensor
NOWHERE: frozenset[Place] = frozenset()


@frozen
class Finding:
    """A condition that holds now: where, what was measured against what.

    `stamp` tells one reading from the next; `strong` counts towards the row's readings.
    """

    battery: int = 0
    cell: int | None = None
    value: float | None = None
    limit: float | None = None
    stamp: float = 0.0
    strong: bool = True


@frozen
class Repeat:
    """The trip that is one too many: `trips` within `window_s` is held longer."""

    window_s: float
    trips: int = 3
    hold_s: float = 0.0  # at least so long from the trip
    release_s: float | None = None  # instead of the row's own
    until_charged: bool = False  # until 1 % of capacity was charged or a person acts


@frozen
class Latch:
    """One row's memory for one battery (0 = the bank).

    `unwell`: where the condition, when last looked at since the trip, was not over yet; what is not read stays there.
    """

    finding: Finding
    tripped: bool = False
    since_s: float = 0.0
    counting: bool = False  # the condition held in the last step
    level_s: float = 0.0
    readings: int = 0
    stamp: float = -inf
    clear_since_s: float | None = None  # the release condition holds without a break
    trips: tuple[float, ...] = ()
    held: bool = False
    charged_ah: float = 0.0
    mark: float = 0.0  # what the row wants to remember of the trip
    unwell: frozenset[Place] = NOWHERE


def raised(latch: Latch | None, finding: Finding, dt_s: float, delay_s: float, now_s: float) -> Latch:
    """The condition holds and has not tripped yet: count its time and its readings."""
    if latch is None:
        latch = Latch(finding=finding, since_s=now_s)
    readings = latch.readings
    if finding.stamp != latch.stamp:
        readings = readings + 1 if finding.strong else 0
    held_s = dt_s if latch.counting else 0.0
    return replace(
        latch,
        finding=finding,
        counting=True,
        level_s=min(latch.level_s + held_s, delay_s),
        readings=readings,
        stamp=finding.stamp,
    )


def lowered(latch: Latch, dt_s: float) -> Latch:
    """The condition does not hold: count down; readings in a row begin anew."""
    return replace(latch, counting=False, level_s=max(0.0, latch.level_s - dt_s), readings=0)


def tripped(latch: Latch, repeat: Repeat | None, mark: float, now_s: float) -> Latch:
    trips = (*latch.trips, now_s) if repeat else ()
    held = False
    if repeat:
        trips = tuple(t for t in trips if now_s - t < repeat.window_s)[-repeat.trips :]
        held = len(trips) >= repeat.trips
    return replace(
        latch,
        tripped=True,
        counting=False,
        since_s=now_s,
        clear_since_s=None,
        trips=trips,
        held=held,
        charged_ah=0.0,
        mark=mark,
    )


def released(latch: Latch, repeat: Repeat | None, now_s: float) -> Latch | None:
    """What stays after a release: nothing, or the memory of the trips that still count."""
    trips = tuple(t for t in latch.trips if repeat and now_s - t < repeat.window_s)
    if not trips:
        return None
    return Latch(finding=latch.finding, trips=trips)


def forgettable(latch: Latch, repeat: Repeat | None, now_s: float) -> bool:
    """Not tripped, not counting, and no trip that still counts."""
    if latch.tripped or latch.counting or latch.level_s > 0.0:
        return False
    return not any(repeat and now_s - t < repeat.window_s for t in latch.trips)
