"""What a battery asks for by itself narrows CVL, CCL and DCL, and its 0 A is a No."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.words import ReasonCode

from .bench_battery import Rig

CURRENT_A = st.one_of(st.none(), st.floats(1.0, 300.0))
VOLTAGE_V = st.one_of(st.none(), st.floats(10.0, 20.0))


def asked(rig: Rig, number: int, **limits: float) -> Rig:
    for name, value in limits.items():
        setattr(rig.batteries[number], name, value)
    return rig


@pytest.mark.parametrize(("count", "series", "asks_a", "is_a"), [
    (1, 1, 20.0, 20.0),
    (4, 4, 20.0, 20.0),  # one current flows through all
    (4, 1, 20.0, 80.0),  # strings share the current evenly, whatever the others could take
    (4, 2, 20.0, 40.0),
    (4, 1, 150.0, 400.0),  # never more than the model's
])  # fmt: skip
def test_the_weakest_battery_sets_the_current(count: int, series: int, asks_a: float, is_a: float) -> None:
    rig = asked(Rig(count, series=series), count, charge_limit_a=asks_a).start()
    assert (rig.decision.ccl_a, rig.decision.dcl_a) == pytest.approx((is_a, 100.0 * count / series))
    rig = asked(Rig(count, series=series), 1, discharge_limit_a=asks_a).start()
    assert (rig.decision.ccl_a, rig.decision.dcl_a) == pytest.approx((100.0 * count / series, is_a))


@pytest.mark.parametrize(("count", "series", "asks_v", "is_v"), [
    (1, 1, 13.8, 13.8), (4, 4, 13.8, 55.2), (4, 1, 13.8, 13.8), (2, 2, 15.0, 28.4),
])  # fmt: skip
def test_the_weakest_battery_sets_the_voltage(count: int, series: int, asks_v: float, is_v: float) -> None:
    rig = asked(Rig(count, series=series), count, charge_voltage_limit_v=asks_v).start()
    assert rig.decision.cvl_v == pytest.approx(is_v)


@given(
    limits=st.lists(st.tuples(CURRENT_A, CURRENT_A, VOLTAGE_V), min_size=4, max_size=4),
    series=st.sampled_from([1, 2, 4]),
    cell_v=st.floats(3.2, 3.5),
    temperature_c=st.floats(6.0, 49.0),
)
def test_no_limit_is_wider_than_without(
    limits: list[tuple[float | None, float | None, float | None]], series: int, cell_v: float, temperature_c: float
) -> None:
    rigs = Rig(4, series=series), Rig(4, series=series)
    for rig in rigs:
        rig.each(cell_v=cell_v, temperatures_c=[temperature_c])
    for battery, (charge_a, discharge_a, charge_v) in zip(rigs[1].batteries.values(), limits, strict=True):
        battery.charge_limit_a, battery.discharge_limit_a = charge_a, discharge_a
        battery.charge_voltage_limit_v = charge_v
    free, bound = rigs[0].start().decision, rigs[1].start().decision
    assert bound.ccl_a <= free.ccl_a and bound.dcl_a <= free.dcl_a and bound.cvl_v <= free.cvl_v
    for charge_a, discharge_a, charge_v in limits:
        assert charge_a is None or bound.ccl_a <= charge_a * 4 / series + 1e-9
        assert discharge_a is None or bound.dcl_a <= discharge_a * 4 / series + 1e-9
        assert charge_v is None or bound.cvl_v <= charge_v * series + 1e-9


@pytest.mark.parametrize("nothing", [nan, -inf, -5.0])
def test_what_cannot_be_a_limit_allows_nothing(nothing: float) -> None:
    rig = asked(Rig(2).start(), 2, charge_limit_a=nothing, discharge_limit_a=nothing, charge_voltage_limit_v=nothing)
    rig.advance(1.0)
    assert rig.allowed == (False, False)
    assert (rig.decision.ccl_a, rig.decision.dcl_a, rig.decision.cvl_v) == (0.0, 0.0, 0.0)


def test_a_limit_without_end_is_none() -> None:
    rig = asked(Rig(2), 2, charge_limit_a=inf, discharge_limit_a=inf, charge_voltage_limit_v=inf).start()
    assert (rig.decision.ccl_a, rig.decision.dcl_a) == (200.0, 200.0)
    assert rig.decision.cvl_v == pytest.approx(14.2)


@pytest.mark.parametrize(("limit", "is_allowed", "says"), [
    ("charge_limit_a", (False, True), "battery 2 itself does not allow charging: it asks for a charge current of 0 A"),
    ("discharge_limit_a", (True, False), "not allow discharging: it asks for a discharge current of 0 A"),
])  # fmt: skip
def test_a_battery_that_asks_for_0_a_is_obeyed_and_named(limit: str, is_allowed: tuple[bool, bool], says: str) -> None:
    rig = Rig(2).start()
    asked(rig, 2, **{limit: 0.0})
    rig.advance(1.0)
    assert rig.allowed == is_allowed
    assert says in rig.reason(ReasonCode.BATTERY_BLOCK).text
    asked(rig, 2, **{limit: 10.0})
    rig.advance(11.0)
    assert rig.allowed == (True, True)
