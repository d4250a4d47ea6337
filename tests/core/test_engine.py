"""What holds whatever is measured: arbitrary streams of readings, settings, wishes and read-backs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smallbms.changes import Change
from smallbms.model import ShuntReading
from smallbms.settings import Settings

from .anything import BATTERY, CHANGE, PINS, SETTINGS, STUCK, WILD
from .watched import WatchedRig, check_figures


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a stream; what is left out stays as it was."""

    dt_s: float
    read: bool
    batteries: Mapping[int, Mapping[str, Any]]
    vbat_v: float | None
    shunt_a: float | None
    settings: Settings | None
    pins: Mapping[str, Any]
    stuck: Mapping[str, bool | None]
    changes: tuple[Change, ...]
    store_ok: bool
    restart: bool


STEP = st.builds(
    Step,
    dt_s=st.sampled_from([0.0, 0.1, 0.5, 0.5, 0.5, 0.5, 1.0, 2.0, 5.0, 9.0, 10.0, 31.0, 70.0, 4000.0, 3e6]),
    read=st.sampled_from([True, True, True, False]),
    batteries=st.dictionaries(st.integers(1, 2), BATTERY, max_size=2),
    vbat_v=st.one_of(st.none(), st.just(26.4), st.just(26.4), WILD),
    shunt_a=st.one_of(st.none(), st.none(), st.floats(-50, 50), WILD),
    settings=st.one_of(st.none(), st.none(), SETTINGS),
    pins=PINS,
    stuck=STUCK,
    changes=st.lists(CHANGE, max_size=2).map(tuple),
    store_ok=st.booleans(),
    restart=st.sampled_from([False] * 15 + [True]),
)
STREAM = st.lists(STEP, min_size=1, max_size=40)


def take(rig: WatchedRig, step: Step) -> None:
    if step.restart:
        assert rig.restart(now_s=rig.now_s) == ()
    for number, values in step.batteries.items():
        for name, value in values.items():
            if name == "cell_v":
                rig.batteries[number].set_cells(value)
            else:
                setattr(rig.batteries[number], name, value)
    rig.vbat_v, rig.store_ok = step.vbat_v, step.store_ok
    rig.settings = step.settings or rig.settings
    rig.pins, rig.stuck = replace(rig.pins, **step.pins), dict(step.stuck)
    rig.now_s += step.dt_s
    rig.wall_s += step.dt_s
    rig.shunt = ShuntReading(taken_at_s=rig.now_s, current_a=step.shunt_a)
    rig.step(*step.changes, read=step.read)


def run(stream: list[Step], series: int | None, stated: bool, started: bool) -> None:
    rig = WatchedRig(2, series=series, stated=stated, vbat_v=26.4)
    if started and series == 2:
        rig.start()
    for step in stream:
        take(rig, step)
        check_figures(rig)


BANKS = (st.sampled_from([1, 2, 2, None]), st.booleans(), st.booleans())
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(STREAM, *BANKS)
def test_whatever_is_measured_the_rules_hold(
    stream: list[Step], series: int | None, stated: bool, started: bool
) -> None:
    run(stream, series, stated, started)


@pytest.mark.slow
@LONG
@given(STREAM, *BANKS)
def test_the_rules_hold_for_long(stream: list[Step], series: int | None, stated: bool, started: bool) -> None:
    run(stream, series, stated, started)
