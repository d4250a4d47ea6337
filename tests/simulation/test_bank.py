"""Strings share the current as their voltages and resistances say; batteries in series carry the same."""

from __future__ import annotations

from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallbms.drivers.simulated import SimulatedBattery
from smallbms.simulation.bank import SimulatedBank

from .worlds import MODEL, bank


def push(bank: SimulatedBank, current_a: float, dt_s: float = 10.0) -> tuple[float, float]:
    return bank.step(dt_s, lambda emf_v, resistance_ohm: current_a, 25.0)


@pytest.mark.parametrize(("count", "series"), [(0, 1), (3, 2), (4, 0)])
def test_batteries_must_fill_the_strings(count: int, series: int) -> None:
    with pytest.raises(ValueError, match="strings"):
        SimulatedBank([SimulatedBattery(MODEL) for _ in range(count)], series=series)


@pytest.mark.parametrize(("count", "series", "nominal_v"), [(4, 1, 12.8), (4, 2, 25.6), (4, 4, 51.2)])
def test_series_adds_voltage_and_parallel_shares_current(count: int, series: int, nominal_v: float) -> None:
    whole = bank(*[50.0] * count, series=series)
    voltage_v, current_a = push(whole, 80.0)
    assert whole.nominal_v == nominal_v
    assert current_a == 80.0
    assert voltage_v == pytest.approx(sum(b.voltage_v for b in whole.strings[0]), abs=0.01)
    assert [b.current_a for b in whole.batteries] == pytest.approx([80.0 * series / count] * count)


def test_a_string_carries_one_current_whatever_its_batteries_are() -> None:
    whole = bank(20.0, 80.0, 50.0, 50.0, series=2)
    push(whole, 30.0)
    for string in whole.strings:
        assert string[0].current_a == string[1].current_a


def test_the_better_string_carries_more() -> None:
    whole = bank(50.0, 50.0)
    for cell in range(1, 5):
        whole.batteries[0].worsen(cell, 2.0)
    push(whole, 0.0)
    push(whole, -100.0)
    assert whole.batteries[1].current_a == pytest.approx(2 * whole.batteries[0].current_a, rel=0.02)


@pytest.mark.parametrize("socs_pct", [(30.0, 60.0), (2.0, 20.0, 40.0), (90.0, 100.2)])
def test_strings_come_together_without_swinging(socs_pct: tuple[float, ...]) -> None:
    whole = bank(*socs_pct)
    begin = [battery.true_soc_pct for battery in whole.batteries]
    flows_a = []
    for _ in range(6 * 360):
        push(whole, 0.0)
        flows_a.append(whole.batteries[0].current_a)
    end = [battery.true_soc_pct for battery in whole.batteries]
    assert max(end) - min(end) < 0.8 * (max(begin) - min(begin))
    assert all(flow_a > -0.01 for flow_a in flows_a)  # the emptiest is charged, and never gives it back


@given(st.lists(st.tuples(st.floats(-300, 300), st.sampled_from([0.5, 3.0, 10.0])), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_what_goes_in_is_what_the_strings_get(steps: list[tuple[float, float]]) -> None:
    whole = bank(5.0, 50.0, 97.0, 60.0)
    for current_a, dt_s in steps:
        voltage_v, _ = push(whole, current_a, dt_s)
        assert isfinite(voltage_v)
        assert sum(battery.current_a for battery in whole.batteries) == pytest.approx(current_a, abs=1e-6)


def test_an_open_switch_leaves_the_current_to_the_others() -> None:
    whole = bank(50.0, 50.0)
    whole.batteries[0].charge_switch_open = True
    push(whole, 60.0)
    assert [battery.current_a for battery in whole.batteries] == [0.0, pytest.approx(60.0)]
    push(whole, -60.0)
    assert whole.batteries[0].current_a < -20.0


def test_one_open_switch_opens_its_string() -> None:
    whole = bank(50.0, 50.0, 50.0, 50.0, series=2)
    whole.batteries[1].discharge_switch_open = True
    push(whole, -60.0)
    assert [battery.current_a for battery in whole.batteries] == pytest.approx([0.0, 0.0, -60.0, -60.0])


@pytest.mark.parametrize("current_a", [-60.0, 60.0])
def test_with_every_path_open_the_bank_is_dead(current_a: float) -> None:
    whole = bank(50.0, 50.0)
    for battery in whole.batteries:
        battery.charge_switch_open = battery.discharge_switch_open = True
    assert push(whole, current_a) == (0.0, 0.0)
    assert [battery.current_a for battery in whole.batteries] == [0.0, 0.0]
