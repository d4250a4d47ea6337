"""The simulated cells behave as the datasheets say, and keep their charge whatever is done to them."""

from __future__ import annotations

from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallbms.drivers.simulated import SimulatedBattery
from smallbms.drivers.simulated_cells import CHARGE_EFFICIENCY

from .simulated_batteries import even, model, run_until


@pytest.mark.parametrize(
    ("temperature_c", "soc_pct", "cell_v"),
    [
        (25, 95, 3.329), (25, 90, 3.328), (25, 70, 3.327), (25, 60, 3.310), (25, 50, 3.290), (25, 30, 3.284),
        (25, 20, 3.253), (25, 15, 3.230), (25, 10, 3.210), (25, 5, 3.180), (25, 3, 3.000), (25, 1, 2.800),
        (25, 0, 2.500), (0, 95, 3.319), (0, 65, 3.304), (0, 20, 3.264), (0, 5, 3.209), (45, 75, 3.331),
        (45, 60, 3.301), (45, 10, 3.201), (45, 5, 3.117), (12.5, 50, 3.286), (35, 50, 3.293),
        (-25, 20, 3.264), (60, 20, 3.242),
    ],
)  # fmt: skip
def test_a_rested_cell_has_the_voltage_of_the_table(temperature_c: float, soc_pct: float, cell_v: float) -> None:
    battery = even(soc_pct, temperature_c)
    assert battery.true_cell_voltages_v == pytest.approx([cell_v] * 4, abs=1e-6)
    assert battery.voltage_v == pytest.approx(4 * cell_v, abs=1e-5)


@pytest.mark.parametrize("rate_c", [0.01, 0.02, 0.04])
def test_the_charge_voltage_is_reached_when_nearly_full(rate_c: float) -> None:
    battery = even(97.0)
    run_until(battery, 100 * rate_c, high_v=3.55)
    assert 99.5 < battery.true_soc_pct <= 100.0
    run_until(battery, 100 * rate_c, high_v=3.75)
    assert 100.0 < battery.true_soc_pct < 101.0


def test_a_full_cell_falls_off_when_it_rests() -> None:
    battery = even(97.0)
    run_until(battery, 30.0, high_v=3.75)
    soc_pct = battery.true_soc_pct
    battery.step(1800.0, 0.0, 25.0)
    assert battery.true_cell_voltages_v[0] < 3.60
    assert battery.true_soc_pct == pytest.approx(soc_pct, abs=0.01)


@pytest.mark.parametrize(
    ("cell_v", "rate_c", "lowest_pct", "highest_pct"),
    [(2.8, 0.5, 2.0, 3.5), (2.8, 1.0, 2.5, 3.5), (2.6, 0.5, 0.6, 1.5), (2.6, 1.0, 0.8, 1.5)],
)
def test_an_empty_battery_falls_off(cell_v: float, rate_c: float, lowest_pct: float, highest_pct: float) -> None:
    battery = even(10.0)
    run_until(battery, -100 * rate_c, low_v=cell_v)
    assert lowest_pct < battery.true_soc_pct < highest_pct


@pytest.mark.parametrize(("capacity_ah", "resistance_mohm"), [(100.0, 2.0), (200.0, 1.0), (300.0, 1.0)])
def test_nearly_92_percent_of_the_energy_comes_back_at_1c(capacity_ah: float, resistance_mohm: float) -> None:
    battery = even(5.0, capacity_ah=capacity_ah, resistance_mohm=resistance_mohm)
    energy_wh = {1: 0.0, -1: 0.0}
    for sign in energy_wh:
        while 4.9 < battery.true_soc_pct < 95.0 if sign > 0 else battery.true_soc_pct > 5.0:
            battery.step(5.0, sign * capacity_ah, 25.0)
            energy_wh[sign] += battery.voltage_v * capacity_ah * 5 / 3600
    assert 0.91 < energy_wh[-1] / energy_wh[1] < 0.94


def test_cold_raises_the_resistance() -> None:
    ohm = {temperature_c: even(50.0, temperature_c).thevenin(600.0)[1] for temperature_c in (-20, 0, 25, 45)}
    assert ohm[-20] > ohm[0] > ohm[25] > ohm[45]
    assert 2.0 < ohm[0] / ohm[25] < 3.0


def test_current_heats_and_rest_cools() -> None:
    battery = even(80.0)
    battery.step(1800.0, -100.0, 25.0)
    warm_c = battery.temperature_c
    assert 30.0 < warm_c < 45.0
    battery.step(8 * 3600.0, 0.0, 10.0)
    assert battery.temperature_c == pytest.approx(10.0, abs=0.2)


def test_charging_stands_above_discharging_by_the_hysteresis() -> None:
    """After a rest only the hysteresis is left of 6 A up or down."""
    rested_v = []
    for current_a in (6.0, -6.0):
        battery = even(50.0 - current_a * 3)
        battery.step(3 * 3600.0, current_a, 25.0)
        battery.step(6 * 3600.0, 0.0, 25.0)
        rested_v.append(battery.true_cell_voltages_v[0])
    assert 0.015 < rested_v[0] - rested_v[1] < 0.022


CURRENTS = st.lists(st.tuples(st.floats(-150, 150), st.floats(0.1, 900)), min_size=1, max_size=20)


@given(CURRENTS)
@settings(max_examples=60, deadline=None)
def test_charge_is_conserved(steps: list[tuple[float, float]]) -> None:
    battery = even(50.0, capacity_ah=2000.0)  # large: no cell comes to its end
    expected_ah = battery.true_ah
    for current_a, dt_s in steps:
        battery.step(dt_s, current_a, 25.0)
        expected_ah += current_a * (CHARGE_EFFICIENCY if current_a > 0 else 1.0) * dt_s / 3600
    assert battery.true_ah == pytest.approx(expected_ah, abs=1e-6)


@given(CURRENTS)
@settings(max_examples=60, deadline=None)
def test_no_energy_comes_from_nowhere(steps: list[tuple[float, float]]) -> None:
    """Whatever was done to it: brought back to its SoC, the battery has taken more than it gave."""
    battery = even(50.0, capacity_ah=2000.0)
    taken_wh = 0.0

    def flow(dt_s: float, current_a: float) -> float:
        battery.step(dt_s, current_a, 25.0)
        return battery.voltage_v * current_a * dt_s / 3600

    for current_a, dt_s in steps:
        taken_wh += sum(flow(dt_s / 10, current_a) for _ in range(10))
    left_ah = 1000.0 - battery.true_ah
    taken_wh += sum(flow(36.0, left_ah / (CHARGE_EFFICIENCY if left_ah > 0 else 1.0)) for _ in range(100))
    assert taken_wh >= -1e-3


@given(CURRENTS, st.floats(-30, 60), st.floats(0, 100))
@settings(max_examples=60, deadline=None)
def test_no_abuse_makes_a_value_that_is_no_number(
    steps: list[tuple[float, float]], ambient_c: float, soc_pct: float
) -> None:
    battery = SimulatedBattery(model(), soc_pct=soc_pct, temperature_c=ambient_c, seed=3)
    for current_a, dt_s in steps:
        battery.step(dt_s, 20 * current_a, ambient_c)
        assert all(isfinite(v) for v in (*battery.true_cell_voltages_v, battery.temperature_c, *battery.thevenin(dt_s)))
        assert -10.0 - 1e-9 <= battery.true_soc_pct <= 110.0 + 1e-9


@pytest.mark.parametrize(("soc_pct", "current_a"), [(96.0, 20.0), (50.0, -80.0), (9.0, -20.0)])
def test_the_size_of_the_step_does_not_matter(soc_pct: float, current_a: float) -> None:
    fine, coarse = even(soc_pct), even(soc_pct)
    for _ in range(600):
        fine.step(1.0, current_a, 15.0)
    for _ in range(60):
        coarse.step(10.0, current_a, 15.0)
    assert coarse.true_soc_pct == pytest.approx(fine.true_soc_pct, abs=1e-9)
    assert coarse.voltage_v == pytest.approx(fine.voltage_v, abs=0.01)
    assert coarse.temperature_c == pytest.approx(fine.temperature_c, abs=0.05)


@pytest.mark.parametrize("soc_pct", [2.0, 50.0, 99.7])
@pytest.mark.parametrize("current_a", [-20.0, 20.0])
def test_the_source_it_shows_foretells_the_voltage(soc_pct: float, current_a: float) -> None:
    battery = even(soc_pct)
    emf_v, resistance_ohm = battery.thevenin(10.0)
    battery.step(10.0, current_a, 25.0)
    assert battery.voltage_v == pytest.approx(emf_v + resistance_ohm * current_a, abs=0.008)
