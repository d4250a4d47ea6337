"""What holds whatever is measured: arbitrary streams of readings, settings, wishes and read-backs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from math import inf, isfinite, nan
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smallbms.changes import Acknowledge, Change, ClearHistory, SetMode, SetSoc, Synchronise
from smallbms.core import saving
from smallbms.model import ShuntReading
from smallbms.settings import Settings
from smallbms.words import AlarmCode, Direction, Fault, Mode, ReasonCode, UpdatePhase

from .bench_battery import Rig

WILD = st.one_of(
    st.sampled_from([nan, inf, -inf, 655.35, 6553.5, 255.0, -1.0, 0.0, 1e300, -1e300, 3276.7]),
    st.floats(allow_nan=False, allow_infinity=False),
)


def or_wild(sane: st.SearchStrategy[float]) -> st.SearchStrategy[float | None]:
    return st.one_of(sane, sane, sane, sane, sane, st.none(), WILD)


CELL_V = or_wild(st.one_of(st.floats(3.2, 3.4), st.floats(2.0, 3.9), st.sampled_from([2.80, 3.10, 3.75, 3.60, 3.20])))
SENSOR_C = or_wild(st.one_of(st.floats(10, 40), st.floats(-30, 60)))
BATTERY = st.fixed_dictionaries(
    {},
    optional={
        "cells_v": st.one_of(st.lists(CELL_V, min_size=4, max_size=4), st.lists(CELL_V, max_size=6)),
        "cell_v": st.one_of(st.floats(3.2, 3.4), st.sampled_from([2.7, 3.47, 3.78])),
        "voltage_v": st.one_of(st.none(), WILD),
        "current_a": or_wild(st.one_of(st.floats(-90, 90), st.floats(-400, 400))),
        "temperatures_c": st.one_of(st.lists(SENSOR_C, min_size=1, max_size=3), st.just([])),
        "soc_pct": or_wild(st.floats(0, 100)),
        "soh_pct": or_wild(st.floats(0, 100)),
        "remaining_ah": or_wild(st.floats(0, 120)),
        "capacity_ah": or_wild(st.just(100.0)),
        "cell_min_v": or_wild(st.floats(3.0, 3.3)),
        "cell_max_v": or_wild(st.floats(3.3, 3.6)),
        "board_temperatures_c": st.lists(SENSOR_C, max_size=2),
        "charge_switch_on": st.sampled_from([True, True, True, False, None]),
        "discharge_switch_on": st.sampled_from([True, True, True, False, None]),
        "faults": st.sets(st.sampled_from(list(Fault)), max_size=2),
        "balancing_cells": st.sampled_from([None, (), (1, 3)]),
        "key": st.sampled_from(["cell works 1", "cell works 1", "cell works 1", "a stranger"]),
        "answers": st.sampled_from([True, True, True, False]),
    },
)
SETTINGS = st.builds(
    lambda floor, above, **rest: Settings(
        discharge_floor_pct=floor, low_soc_warning_pct=min(99, floor + above), **rest
    ),
    st.integers(0, 90),
    st.integers(1, 99),
    charged_voltage_cell_v=st.floats(3.40, 3.50),
    tail_current_pct=st.floats(0.5, 10),
    charged_detection_time_min=st.sampled_from([1, 3, 50]),
    pre_alarm_cell_v=st.floats(2.85, 3.15),
    mode=st.sampled_from([Mode.ON, Mode.ON, Mode.ON, Mode.OFF, Mode.STANDBY]),
)
PINS = st.fixed_dictionaries(
    {},
    optional={
        "reachable": st.sampled_from([True, True, False]),
        "remote_on": st.sampled_from([True, True, False]),
        "update": st.sampled_from(list(UpdatePhase)),
        "update_holds_discharge_off": st.booleans(),
        "lamp_fault": st.booleans(),
    },
)
CHANGE: st.SearchStrategy[Change] = st.one_of(
    st.sampled_from([Synchronise(), ClearHistory(), Acknowledge(), SetMode(mode=Mode.ON), SetMode(mode=Mode.OFF)]),
    st.builds(SetSoc, soc_pct=st.floats(0, 100)),
)


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
    stuck=st.dictionaries(st.sampled_from(["atc", "atd", "pre_alarm"]), st.sampled_from([True, False, None])),
    changes=st.lists(CHANGE, max_size=2).map(tuple),
    store_ok=st.booleans(),
    restart=st.sampled_from([False] * 15 + [True]),
)
STREAM = st.lists(STEP, min_size=1, max_size=40)


@dataclass
class Watch:
    """What the readings themselves say, followed apart from the engine."""

    high_since_s: dict[int, float] = field(default_factory=dict)
    high_stamps: dict[int, set[float]] = field(default_factory=dict)
    low_since_s: float | None = None
    atd_since_s: float | None = None

    def see(self, rig: Rig) -> None:
        decision, now_s = rig.decision, rig.now_s
        for battery in decision.bank.batteries:
            n, top = battery.number, battery.cell_max_v
            if battery.online and battery.reading and top is not None and top >= 3.75:
                self.high_since_s.setdefault(n, now_s)
                self.high_stamps.setdefault(n, set()).add(battery.reading.cells_taken_at_s)
                if len(self.high_stamps[n]) >= 2 or now_s - self.high_since_s[n] >= 1.0:
                    assert not decision.allow_to_charge
            else:
                self.high_since_s.pop(n, None)
                self.high_stamps.pop(n, None)
        low = decision.bank.cell_min
        is_low = low is not None and low.value <= 2.80
        self.low_since_s = (now_s if self.low_since_s is None else self.low_since_s) if is_low else None
        if self.low_since_s is not None and self.atd_since_s is not None:
            assert min(now_s - self.low_since_s, now_s - self.atd_since_s) < 30.0 or not decision.allow_to_discharge
        if not decision.allow_to_discharge:
            self.atd_since_s = None
        elif self.atd_since_s is None:
            self.atd_since_s = now_s


def assert_finite(value: object, where: str) -> None:
    if isinstance(value, float):
        assert isfinite(value), where
    elif is_dataclass(value):
        for item in fields(value):
            if item.name != "valid_at_s":  # -inf before the first reading
                assert_finite(getattr(value, item.name), f"{where}.{item.name}")
    elif isinstance(value, Mapping):
        assert_finite(tuple(value.values()), where)
    elif isinstance(value, tuple | list):
        for part in value:
            assert_finite(part, where)


def check(rig: Rig) -> None:
    decision, outputs = rig.decision, rig.outputs
    for direction, allowed in ((Direction.CHARGE, rig.allowed[0]), (Direction.DISCHARGE, rig.allowed[1])):
        assert allowed is not any(direction in reason.blocks for reason in decision.reasons)
    assert all("; back: " in reason.text for reason in decision.reasons)
    assert outputs.atc <= decision.allow_to_charge and outputs.atd <= decision.allow_to_discharge
    assert outputs.pre_alarm <= decision.pre_alarm <= decision.allow_to_discharge
    assert outputs.pre_alarm <= outputs.atd
    assert min(decision.cvl_v, decision.ccl_a, decision.dcl_a) >= 0.0
    assert decision.allow_to_charge or decision.ccl_a == 0.0
    assert decision.allow_to_discharge or decision.dcl_a == 0.0
    assert not (ReasonCode.LOW_CELL in rig.codes() and decision.allow_to_discharge)
    assert rig.now_s < decision.wake_at_s <= rig.now_s + 0.5
    assert decision.soc_pct is None or 0.0 <= decision.soc_pct <= 100.0
    assert set(decision.alarms) == set(AlarmCode)
    assert_finite(decision, "decision")
    json.dumps(saving.saved(rig.state, rig.wall_s), allow_nan=False)


def take(rig: Rig, step: Step) -> None:
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
    rig, watch = Rig(2, series=series, stated=stated, vbat_v=26.4), Watch()
    if started and series == 2:
        rig.start()
    for step in stream:
        take(rig, step)
        if step.restart:
            watch = Watch()
        watch.see(rig)
        check(rig)


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
