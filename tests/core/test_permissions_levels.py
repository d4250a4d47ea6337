"""A high cell and its second reading; the discharge floor and all that moves it."""

from __future__ import annotations

import pytest

from smallbms.changes import SetSoc, Synchronise
from smallbms.settings import Settings
from smallbms.words import ReasonCode

from .bench_battery import Rig
from .cases import cell, wants

# --- high cell -----------------------------------------------------------------------------------------------------


def test_a_high_reading_is_asked_for_again_at_once_and_an_answer_below_clears_it() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 3.80
    decision = rig.advance(0.5)
    assert decision.allow_to_charge
    assert decision.urgent_cells == {1}
    assert decision.wake_at_s <= rig.now_s + 0.5
    rig.battery.cells_v[0] = 3.70
    decision = rig.advance(0.1)
    assert decision.urgent_cells == frozenset()
    assert rig.advance(5.0).allow_to_charge


def test_a_second_high_reading_trips_as_soon_as_it_comes() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 3.80
    assert rig.advance(0.5).allow_to_charge
    assert not rig.advance(0.1).allow_to_charge


def test_without_a_second_reading_a_high_cell_trips_1_s_after_the_first() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 3.80
    rig.advance(0.5)
    rig.battery.answers = False
    assert rig.advance(0.9, step=0.1).allow_to_charge
    assert rig.decision.wake_at_s == pytest.approx(rig.now_s + 0.1)
    assert not rig.advance(0.1).allow_to_charge


def test_a_high_cell_of_one_battery_waits_for_the_cells_of_all() -> None:
    rig = Rig(2).start()
    rig.battery.cells_v[0] = 3.80
    rig.advance(1.0)
    rig.battery.cells_v[0] = 3.30
    rig.batteries[2].cells_v[0] = 3.70
    rig.advance(60.0)
    assert rig.reason(ReasonCode.HIGH_CELL).battery == 1
    rig.batteries[2].cells_v[0] = 3.59
    rig.advance(10.5)
    assert rig.allowed == (True, True)


# --- the floor -----------------------------------------------------------------------------------------------------


def at_the_floor() -> Rig:
    rig = Rig(soc_pct=20.0).start()
    rig.settings = Settings(discharge_floor_pct=20, low_soc_warning_pct=30)
    rig.advance(0.5)
    assert rig.codes() == {ReasonCode.FLOOR}
    assert rig.decision.allow_to_charge
    return rig


def test_the_floor_releases_3_percent_above_it() -> None:
    rig = at_the_floor()
    rig.battery.current_a = 100.0
    rig.advance(108.0)
    assert rig.codes() == {ReasonCode.FLOOR}
    rig.advance(1.5)
    assert rig.codes() == set()
    assert rig.decision.soc_pct == pytest.approx(23.0, abs=0.05)


def test_a_floor_of_0_leaves_the_cells_as_the_last_guard() -> None:
    rig = Rig(soc_pct=50.0).start()
    wants(discharge_floor_pct=0)(rig)
    for soc_pct in (1.0, 0.0):
        rig.step(SetSoc(soc_pct=soc_pct))
        assert rig.allowed == (True, True)
    cell(2.75)(rig)
    rig.advance(31.0)
    assert (rig.codes(), rig.allowed) == ({ReasonCode.LOW_CELL}, (True, False))


@pytest.mark.parametrize(("floor_pct", "is_released"), [(21, False), (20, False), (19, True), (0, True)])
def test_a_lowered_floor_is_judged_at_once(floor_pct: int, is_released: bool) -> None:
    rig = at_the_floor()
    wants(discharge_floor_pct=floor_pct)(rig)
    rig.step()
    assert rig.decision.allow_to_discharge is is_released


def test_a_floor_raised_over_the_soc_and_lowered_again_releases() -> None:
    rig = at_the_floor()
    wants(discharge_floor_pct=25)(rig)
    rig.advance(1.0)
    rig.step(SetSoc(soc_pct=24.0))
    assert not rig.decision.allow_to_discharge
    wants(discharge_floor_pct=22)(rig)
    rig.step()
    assert rig.decision.allow_to_discharge


@pytest.mark.parametrize(("soc_pct", "is_released"), [(20.0, False), (5.0, False), (20.1, True), (100.0, True)])
def test_an_soc_set_by_hand_is_judged_at_once(soc_pct: float, is_released: bool) -> None:
    rig = at_the_floor()
    rig.step(SetSoc(soc_pct=soc_pct))
    assert rig.decision.allow_to_discharge is is_released


def test_a_synchronisation_releases_the_floor_at_once() -> None:
    rig = at_the_floor()
    rig.step(Synchronise())
    assert rig.allowed == (True, True)


def test_an_unknown_soc_does_not_block() -> None:
    rig = Rig(soc_pct=None).start()
    wants(low_soc_warning_pct=99, discharge_floor_pct=90)(rig)
    rig.advance(5.0)
    assert rig.allowed == (True, True)
