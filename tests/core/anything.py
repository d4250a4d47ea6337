"""Hypothesis strategies: what batteries, pins and people may come up with."""

from __future__ import annotations

from math import inf, nan

from hypothesis import strategies as st

from smallbms.changes import Acknowledge, Change, ClearHistory, SetMode, SetSoc, Synchronise
from smallbms.settings import Settings
from smallbms.words import Fault, Mode, UpdatePhase

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
        "charge_ah": or_wild(st.floats(-10, 10)),
        "charge_time_s": or_wild(st.floats(0, 100)),
        "cell_min_v": or_wild(st.floats(3.0, 3.3)),
        "cell_max_v": or_wild(st.floats(3.3, 3.6)),
        "board_temperatures_c": st.lists(SENSOR_C, max_size=2),
        "charge_switch_on": st.sampled_from([True, True, True, False, None]),
        "discharge_switch_on": st.sampled_from([True, True, True, False, None]),
        "faults": st.sets(st.sampled_from(list(Fault)), max_size=2),
        "warnings": st.sets(st.sampled_from(list(Fault)), max_size=2),
        "charge_limit_a": or_wild(st.floats(0, 120)),
        "discharge_limit_a": or_wild(st.floats(0, 120)),
        "charge_voltage_limit_v": or_wild(st.floats(12, 15)),
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
STUCK = st.dictionaries(st.sampled_from(["atc", "atd", "pre_alarm"]), st.sampled_from([True, False, None]))
CHANGE: st.SearchStrategy[Change] = st.one_of(
    st.sampled_from([Synchronise(), ClearHistory(), Acknowledge(), SetMode(mode=Mode.ON), SetMode(mode=Mode.OFF)]),
    st.builds(SetSoc, soc_pct=st.floats(0, 100)),
)
