"""Simulated batteries for the tests of this folder."""

from __future__ import annotations

import pytest

from smallbms.drivers.simulated import Build, SimulatedBattery
from smallbms.model import BatteryModel, BatteryReading

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
