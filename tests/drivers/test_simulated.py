"""The simulated battery says what its sensors see, protects itself, and fails on demand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smallbms.drivers.simulated import Build, Datum, Sensors, SimulatedBattery

from .simulated_batteries import EVEN, even, model, read, run_until


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
