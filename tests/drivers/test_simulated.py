"""The simulated battery behaves as the datasheets say, keeps its charge, and fails on demand."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallbms.drivers.simulated import (
    Build,
    Datum,
    Protection,
    Quantity,
    Sensors,
    SimulatedBattery,
    board_protections,
)
from smallbms.drivers.simulated_cells import CHARGE_EFFICIENCY
from smallbms.model import BatteryModel, BatteryReading
from smallbms.words import Direction, Fault

EVEN = Build(capacity_spread_pct=0.0, resistance_spread_pct=0.0, self_discharge_pct=0.0, balance_a=0.0)


def model(capacity_ah: float = 100.0, resistance_mohm: float = 2.0, cells: int = 4) -> BatteryModel:
    return BatteryModel(
        name=f"{cells * 3.2:.1f}/{capacity_ah:.0f}",
        cells=cells,
        nominal_v=3.2 * cells,
        capacity_ah=capacity_ah,
        charge_v=3.55 * cells,
        float_v=3.375 * cells,
        end_of_discharge_v=2.8 * cells,
        resistance_mohm=resistance_mohm,
        continuous_charge_a=capacity_ah,
        continuous_discharge_a=capacity_ah,
        peak_charge_a=2 * capacity_ah,
        peak_discharge_a=2 * capacity_ah,
    )


def even(
    soc_pct: float, temperature_c: float = 25.0, *, capacity_ah: float = 100.0, resistance_mohm: float = 2.0
) -> SimulatedBattery:
    """A battery of equal cells."""
    return SimulatedBattery(
        model(capacity_ah, resistance_mohm), soc_pct=soc_pct, temperature_c=temperature_c, build=EVEN
    )


def run_until(battery: SimulatedBattery, current_a: float, low_v: float = 0.0, high_v: float = 9.0) -> None:
    """Let a current flow until a cell is out of bounds; a battery that never gets there is a failure."""
    for _ in range(4 * 3600):
        if not low_v < battery.true_cell_voltages_v[0] < high_v:
            return
        battery.step(5.0, current_a, 25.0)
    pytest.fail(f"still at {battery.true_cell_voltages_v[0]:.3f} V")


def read(battery: SimulatedBattery) -> BatteryReading:
    reading = battery.reading(7.0)
    assert reading is not None
    return reading


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


def test_the_same_seed_is_the_same_battery() -> None:
    noisy = Sensors(current_noise_a=0.2, voltage_noise_v=0.002)
    readings = []
    for seed in (1, 1, 2):
        battery = SimulatedBattery(model(), seed=seed, sensors=noisy)
        battery.step(60.0, 30.0, 20.0)
        readings.append((read(battery).cell_voltages_v, read(battery).current_a))
    assert readings[0] == readings[1] != readings[2]


def test_a_high_cell_is_bled_until_it_is_level() -> None:
    battery = SimulatedBattery(model(), soc_pct=98.0, cell_offsets_pct=(0.8,), build=Build(capacity_spread_pct=0.0))

    def spread_v() -> float:
        return max(battery.true_cell_voltages_v) - min(battery.true_cell_voltages_v)

    run_until(battery, 4.0, high_v=3.55)
    assert read(battery).balancing_cells == (1,)
    unlevel_v = spread_v()
    for _ in range(5 * 360):  # held at the charge voltage, as a charger does
        emf_v, resistance_ohm = battery.thevenin(10.0)
        battery.step(10.0, min(max((14.2 - emf_v) / resistance_ohm, 0.0), 4.0), 25.0)
    assert unlevel_v > 0.1
    assert spread_v() < 0.02
    battery.step(900.0, -20.0, 25.0)
    assert read(battery).balancing_cells == ()


def test_a_leaking_cell_drifts_until_it_is_healed() -> None:
    battery = even(60.0)
    battery.leak(3, 2.0)
    battery.step(36_000.0, 0.0, 25.0)
    drifted_v = battery.true_cell_voltages_v
    assert drifted_v[2] < drifted_v[0] - 0.01
    assert drifted_v[0] == drifted_v[1] == drifted_v[3]
    assert battery.true_ah == pytest.approx(60.0 - 20.0 / 4, abs=0.05)
    battery.leak(3, 0.0)
    battery.step(36_000.0, 0.0, 25.0)
    assert battery.true_cell_voltages_v[2] == drifted_v[2]


def test_a_resting_battery_loses_its_share_a_month() -> None:
    battery = SimulatedBattery(model(), soc_pct=80.0, build=replace(EVEN, self_discharge_pct=3.0))
    battery.step(30 * 86_400.0, 0.0, 25.0)
    assert battery.true_soc_pct == pytest.approx(77.0)


def test_a_bad_cell_sags_under_load_only() -> None:
    battery = even(50.0)
    battery.worsen(2, 5.0)
    assert battery.true_cell_voltages_v[1] == battery.true_cell_voltages_v[0]
    battery.step(10.0, -50.0, 25.0)
    assert battery.true_cell_voltages_v[1] < battery.true_cell_voltages_v[0] - 0.1


def test_a_reading_is_rounded_as_the_wire_has_it() -> None:
    battery = SimulatedBattery(model(), soc_pct=51.234, seed=4, sensors=Sensors(temperatures=3))
    battery.step(10.0, 33.333, 21.37)
    reading = read(battery)
    assert reading.taken_at_s == reading.cells_taken_at_s == 7.0
    assert reading.current_a == 33.35
    rounded_v = tuple(round(v, 3) for v in battery.true_cell_voltages_v)
    assert reading.cell_voltages_v == rounded_v
    assert (reading.cell_min_v, reading.cell_max_v) == (min(rounded_v), max(rounded_v))
    assert reading.voltage_v == round(battery.voltage_v, 2)
    assert reading.cell_temperatures_c == (round(battery.temperature_c, 1),) * 3
    assert (reading.identity.key, reading.identity.model) == ("simulated-4", "12.8/100")
    assert (reading.charge_switch_on, reading.discharge_switch_on, reading.faults) == (True, True, frozenset())


def test_its_own_counter_drifts_with_its_sensor_until_it_is_full() -> None:
    battery = SimulatedBattery(model(), soc_pct=50.0, sensors=Sensors(current_offset_a=-0.5), build=EVEN)
    battery.step(36_000.0, 0.0, 25.0)
    assert read(battery).current_a == -0.5
    assert (read(battery).soc_pct, read(battery).remaining_ah) == (45.0, 45.0)
    assert battery.true_soc_pct == pytest.approx(50.0, abs=0.05)
    run_until(battery, 50.0, high_v=3.50)
    run_until(battery, 2.0, high_v=3.50)
    battery.step(10.0, 2.0, 25.0)
    assert read(battery).soc_pct == 100.0


def test_its_cycles_are_counted_by_what_was_drawn() -> None:
    battery = even(50.0)
    for current_a in (-40.0, 40.0) * 3:
        battery.step(3600.0, current_a, 25.0)
    assert read(battery).cycles == 1


def test_a_pulled_cable_is_silence() -> None:
    battery = even(50.0)
    battery.cable_pulled = True
    assert battery.reading(7.0) is None
    battery.cable_pulled = False
    assert battery.reading(7.0) is not None


@pytest.mark.parametrize("value", [None, 0.0, 99.9])
def test_broken_sensors_say_what_they_are_told(value: float | None) -> None:
    battery = even(50.0)
    honest = read(battery)
    battery.break_sensor(Datum.CELL_VOLTAGE, value, 2)
    battery.break_sensor(Datum.CELL_TEMPERATURE, value, 1)
    battery.break_sensor(Datum.CURRENT, value)
    battery.break_sensor(Datum.VOLTAGE, value)
    reading = read(battery)
    assert reading.cell_voltages_v == (3.29, value, 3.29, 3.29)
    assert reading.cell_temperatures_c == (value, 25.0)
    assert (reading.current_a, reading.voltage_v) == (value, value)
    assert reading.cell_min_v == min(v for v in reading.cell_voltages_v if v is not None)
    battery.heal_sensors()
    assert read(battery) == honest


def test_with_every_cell_sensor_open_there_is_no_lowest_cell() -> None:
    battery = even(50.0)
    for cell in range(1, 5):
        battery.break_sensor(Datum.CELL_VOLTAGE, None, cell)
    assert (read(battery).cell_min_v, read(battery).cell_max_v) == (None, None)


@pytest.mark.parametrize(
    ("switch", "current_a", "flows"),
    [
        ("charge_switch_open", 10.0, False),
        ("charge_switch_open", -10.0, True),
        ("discharge_switch_open", -10.0, False),
        ("discharge_switch_open", 10.0, True),
    ],
)
def test_nothing_flows_against_an_open_switch(switch: str, current_a: float, flows: bool) -> None:
    battery = even(50.0)
    setattr(battery, switch, True)
    battery.step(10.0, current_a, 25.0)
    assert battery.current_a == (current_a if flows else 0.0)
    assert read(battery).charge_switch_on is (switch != "charge_switch_open")
    assert read(battery).discharge_switch_on is (switch != "discharge_switch_open")


PROTECTION_CASES = {
    Fault.CELL_HIGH: (99.9, 25.0, 60.0),
    Fault.CELL_LOW: (0.2, 25.0, -60.0),
    Fault.CHARGE_HOT: (50.0, 61.0, 0.0),
    Fault.CHARGE_COLD: (50.0, -2.0, 0.0),
    Fault.DISCHARGE_HOT: (50.0, 66.0, 0.0),
    Fault.DISCHARGE_COLD: (50.0, -26.0, 0.0),
    Fault.CHARGE_OVER_CURRENT: (50.0, 25.0, 250.0),
    Fault.DISCHARGE_OVER_CURRENT: (50.0, 25.0, -250.0),
}


@pytest.mark.parametrize("trips", [False, True])
@pytest.mark.parametrize("row", board_protections(model()), ids=lambda row: row.fault.name)
def test_a_board_protects_itself_and_says_so(row: Protection, trips: bool) -> None:
    soc_pct, temperature_c, current_a = PROTECTION_CASES[row.fault]
    build = Build(protections=(row,), trips=trips)
    battery = SimulatedBattery(model(), soc_pct=soc_pct, temperature_c=temperature_c, build=build)
    for _ in range(60):
        if row.fault in read(battery).faults:
            break
        battery.step(1.0, current_a, temperature_c)
    reading = read(battery)
    assert reading.faults == {row.fault}
    assert reading.charge_switch_on is not (trips and Direction.CHARGE in row.blocks)
    assert reading.discharge_switch_on is not (trips and Direction.DISCHARGE in row.blocks)


def test_a_protection_holds_until_its_release() -> None:
    row = Protection(
        fault=Fault.CELL_LOW, blocks=Direction.DISCHARGE, quantity=Quantity.CELL_MIN_V, trip=2.5, release=3.0
    )
    battery = SimulatedBattery(model(), soc_pct=4.0, build=replace(EVEN, protections=(row,), trips=True))
    run_until(battery, -50.0, low_v=2.5)
    battery.step(5.0, -50.0, 25.0)
    assert battery.current_a == 0.0
    assert 2.5 < min(battery.true_cell_voltages_v) < 3.0
    assert read(battery).faults == {Fault.CELL_LOW}
    battery.step(600.0, 50.0, 25.0)
    assert battery.discharge_switch_on
    assert read(battery).faults == frozenset()


def test_over_current_opens_until_current_flows_back() -> None:
    battery = SimulatedBattery(model(), build=Build(protections=board_protections(model()), trips=True))
    battery.step(1.0, -300.0, 25.0)
    battery.step(1.0, -300.0, 25.0)
    assert (battery.current_a, battery.discharge_switch_on) == (0.0, False)
    battery.step(1.0, 5.0, 25.0)
    assert battery.discharge_switch_on
