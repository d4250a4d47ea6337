"""A day of the demo shows what a bank does: empty a little, charge full, rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smallbms.simulation.demo import demo_world

from .worlds import MODEL


@pytest.mark.parametrize("seed", range(3))
def test_a_day_charges_the_bank_full_and_the_night_draws_on_it(seed: int) -> None:
    world = demo_world([MODEL], seed=seed)
    socs_pct, voltages_v = [], []
    for _ in range(24 * 6):
        flow = world.step(600.0, atc=True, atd=True, cvl_v=14.2, ccl_a=200.0, dcl_a=200.0)
        socs_pct.append(world.bank.batteries[0].true_soc_pct)
        voltages_v.append(flow.voltage_v)
    assert socs_pct[0] == pytest.approx(60.0, abs=2.0)
    assert max(socs_pct) > 99.5
    assert 40.0 < socs_pct[-1] < 90.0
    assert max(voltages_v) == pytest.approx(14.2, abs=0.01)
    assert min(voltages_v) > 12.8


@pytest.mark.parametrize("series", [1, 2, 4])
def test_it_fits_any_bank(series: int) -> None:
    world = demo_world([replace(MODEL, capacity_ah=100.0)] * 4, series=series)
    flow = world.step(600.0, atc=True, atd=True, cvl_v=14.2 * series, ccl_a=800.0, dcl_a=800.0)
    assert 13.0 * series < flow.voltage_v < 14.2 * series
    assert len(world.readings(0.0)) == 4
