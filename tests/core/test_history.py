"""The history page: what it counts, what it never learns from, what clearing leaves."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from smallbms.changes import ClearHistory, SetSoc, Synchronise
from smallbms.core import history
from smallbms.model import History

from .bench_battery import Rig


def page(rig: Rig) -> History:
    return history.page(rig.state.history)


def test_energies_and_ah_are_positive_sums() -> None:
    rig = Rig().start()
    rig.each(current_a=-36.0)
    rig.step()
    rig.advance(1000.0, step=2.0)
    rig.each(current_a=18.0)
    rig.step()
    rig.advance(1000.0, step=2.0)
    now = page(rig)
    assert now.total_ah_drawn == pytest.approx(10.0, rel=0.01)
    assert now.discharged_wh == pytest.approx(132.0, rel=0.01)
    assert now.charged_wh == pytest.approx(66.0, rel=0.01)
    assert now.deepest_discharge_ah == pytest.approx(-60.0, rel=0.01)


def test_nothing_is_counted_over_a_gap() -> None:
    rig = Rig().start()
    rig.each(current_a=-36.0)
    rig.step()
    before = page(rig)
    rig.advance(31.0, step=31.0)
    assert (page(rig).total_ah_drawn, page(rig).discharged_wh) == (before.total_ah_drawn, before.discharged_wh)


def test_extremes_are_those_of_what_was_believed() -> None:
    rig = Rig().start()
    for cell_v, temperature_c in ((3.1, 10.0), (3.5, 40.0), (3.3, 25.0)):
        rig.each(cell_v=cell_v, temperatures_c=[temperature_c, 655.35])
        rig.advance(1.0)
    rig.battery.cells_v[0] = 655.35
    rig.battery.voltage_v = 655.35
    rig.advance(1.0)
    now = page(rig)
    assert (now.min_cell_v, now.max_cell_v) == (3.1, 3.5)
    assert (now.min_voltage_v, now.max_voltage_v) == pytest.approx((12.4, 14.0))
    assert (now.min_temperature_c, now.max_temperature_c) == (10.0, 40.0)


@pytest.mark.parametrize("cells_v", [[3.3] * 3, [3.3] * 5])
def test_a_battery_that_changed_its_cell_count_teaches_nothing(cells_v: list[float]) -> None:
    rig = Rig().start()
    rig.advance(1.0)
    before = page(rig)
    rig.battery.cells_v[:] = cells_v
    rig.advance(60.0)
    assert page(rig) == before


@pytest.mark.parametrize("pack_v", [9.9, 16.5])
def test_a_pack_that_its_cells_do_not_add_up_to_teaches_nothing(pack_v: float) -> None:
    rig = Rig().start()
    rig.advance(1.0)
    before = page(rig)
    rig.battery.voltage_v = pack_v
    rig.advance(60.0)
    assert page(rig) == before


def test_a_cycle_is_below_65_and_then_above_90_percent() -> None:
    rig = Rig().start()
    cycles = []
    for soc_pct in (64.9, 90.0, 90.1, 95.0, 65.0, 91.0, 64.0, 66.0, 64.0, 90.5):
        rig.step(SetSoc(soc_pct=soc_pct))
        cycles.append(page(rig).cycles)
    assert cycles == [0, 0, 1, 1, 1, 1, 1, 1, 1, 2]


def test_a_full_discharge_is_counted_once_until_it_is_left() -> None:
    rig = Rig().start()
    counts = []
    for soc_pct in (0.0, 0.0, 5.0, 0.0, 10.0, 0.0, 10.1, 0.0):
        rig.step(SetSoc(soc_pct=soc_pct))
        counts.append(page(rig).full_discharges)
    assert counts == [1, 1, 1, 1, 1, 1, 1, 2]


def test_a_low_cell_shutdown_is_a_full_discharge() -> None:
    rig = Rig().start()
    rig.each(cell_v=2.75)
    rig.advance(40.0)
    rig.each(cell_v=3.3)
    rig.advance(100.0)
    assert page(rig).full_discharges == 1


def test_an_unknown_soc_teaches_nothing() -> None:
    rig = Rig(soc_pct=None).start()
    rig.advance(10.0)
    now = page(rig)
    assert (now.deepest_discharge_ah, now.cycles, now.full_discharges) == (None, 0, 0)


def test_clearing_leaves_only_the_last_full_charge() -> None:
    rig = Rig().start()
    rig.each(current_a=-36.0)
    rig.advance(100.0)
    rig.step(Synchronise())
    full = page(rig)
    rig.advance(10.0)
    for battery in rig.batteries.values():
        battery.answers = False
    rig.advance(20.0)
    rig.step(ClearHistory())
    now = page(rig)
    assert now.last_full_charge_wall_s == full.last_full_charge_wall_s
    assert now.since_full_s == pytest.approx(30.0)
    left = replace(now, last_full_charge_wall_s=None, since_full_s=None, deepest_discharge_ah=None)
    assert left == History()


def test_the_days_since_full_are_running_time_and_off_time() -> None:
    rig = Rig().start()
    rig.step(Synchronise())
    rig.advance(100.0)
    rig.restart(off_s=86_400.0)
    rig.step()
    assert page(rig).since_full_s == pytest.approx(86_500.0)


@pytest.mark.parametrize("wall_error_s", [-366 * 86_400.0, -1.0, 366 * 86_400.0, 1e12, -1.8e9])
def test_an_absurd_clock_adds_no_off_time(wall_error_s: float) -> None:
    rig = Rig().start()
    rig.step(Synchronise())
    rig.advance(100.0)
    assert rig.restart(wall_error_s=wall_error_s) == ()
    rig.step()
    assert page(rig).since_full_s == pytest.approx(100.0)


def test_the_page_outlives_a_restart() -> None:
    rig = Rig().start()
    rig.each(current_a=-36.0, cell_v=3.2)
    rig.advance(100.0)
    rig.step(Synchronise())
    rig.advance(10.0)
    before = page(rig)
    rig.restart()
    assert page(rig) == before
    assert all(getattr(before, item.name) is not None for item in fields(History))
