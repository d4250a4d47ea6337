"""The board of the simulated battery trips, says so, and releases where its table says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smallbms.drivers.simulated import Build, SimulatedBattery
from smallbms.drivers.simulated_board import Protection, Quantity, board_protections
from smallbms.words import Direction, Fault

from .simulated_batteries import EVEN, model, read, run_until

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
