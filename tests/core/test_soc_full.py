"""The full charge: when the SoC is set to 100 %, and how often that counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smallbms.changes import SetSoc
from smallbms.settings import Settings
from smallbms.words import EventKind, SocState

from .bench_battery import Rig

CHARGED_CELL_V = 3.46


def full(rig: Rig, *, minutes: float = 3.1) -> Rig:
    rig.each(cell_v=CHARGED_CELL_V, current_a=1.0)
    rig.advance(60.0 + minutes * 60.0, step=1.0)
    return rig


def syncs(rig: Rig) -> int:
    return rig.state.history.marks.synchronisations


def soc_state(rig: Rig) -> SocState:
    return rig.decision.soc_state


@pytest.mark.parametrize(("cell_v", "current_a", "is_synchronised"), [
    (3.45, 1.0, True), (3.449, 1.0, False), (3.45, 3.99, True), (3.45, 4.0, False), (3.45, -0.5, True),
    (3.45, -0.51, False), (3.45, 0.0, True),
])  # fmt: skip
@pytest.mark.parametrize(("type_name", "count", "series"), [("12.8/100", 1, 1), ("25.6/100", 2, 2), ("51.2/100", 1, 1)])
def test_the_corners_of_a_synchronisation(
    cell_v: float, current_a: float, is_synchronised: bool, type_name: str, count: int, series: int
) -> None:
    rig = Rig(count, type_name=type_name, series=series)
    rig.each(cell_v=cell_v + 1e-9 * (cell_v == 3.45), current_a=current_a)
    rig.start()
    rig.advance(178.0, step=2.0)
    assert syncs(rig) == 0
    rig.advance(3.0)
    assert (syncs(rig) == 1) is is_synchronised
    assert (rig.decision.soc_pct == 100.0) is is_synchronised


def test_the_conditions_of_a_synchronisation_are_adjustable() -> None:
    rig = Rig()
    rig.settings = Settings(charged_voltage_cell_v=3.40, tail_current_pct=10.0, charged_detection_time_min=1)
    rig.each(cell_v=3.41, current_a=9.9)
    rig.start()
    rig.advance(60.5)
    assert syncs(rig) == 1


def test_the_current_of_a_synchronisation_is_smoothed_over_25_s() -> None:
    rig = Rig()
    rig.each(cell_v=CHARGED_CELL_V, current_a=50.0)
    rig.start()
    rig.battery.current_a = 0.0
    rig.advance(60.0)  # 50 A · e^(−60/25) = 4.5 A
    assert rig.state.soc.charged_since_s is None
    rig.advance(5.0)
    assert rig.state.soc.charged_since_s is not None


def test_a_dip_of_the_voltage_starts_the_detection_time_anew() -> None:
    rig = Rig()
    rig.each(cell_v=CHARGED_CELL_V, current_a=1.0)
    rig.start()
    rig.advance(170.0, step=2.0)
    rig.each(cell_v=3.40)
    rig.advance(0.5)
    rig.each(cell_v=CHARGED_CELL_V)
    rig.advance(178.0, step=2.0)
    assert syncs(rig) == 0


def test_a_gap_starts_the_detection_time_anew() -> None:
    rig = Rig()
    rig.each(cell_v=CHARGED_CELL_V, current_a=1.0)
    rig.start()
    rig.advance(300.0, step=300.0)
    assert syncs(rig) == 0


def sink_a_little(rig: Rig) -> None:
    rig.each(current_a=-0.4)
    rig.advance(900.0, step=2.0)


def flicker(rig: Rig) -> None:
    for _ in range(3):
        rig.each(cell_v=3.40)
        rig.advance(1.0)
        full(rig)


def discharge_and_charge(rig: Rig) -> None:
    rig.each(cell_v=3.3, current_a=-50.0)
    rig.advance(300.0, step=2.0)
    rig.each(current_a=50.0)
    rig.advance(400.0, step=2.0)  # back at 100 % by counting
    full(rig, minutes=5.0)


def lose_one(rig: Rig) -> None:
    rig.unplug(2)
    rig.advance(600.0, step=2.0)


@pytest.mark.parametrize(("life", "count"), [
    (sink_a_little, 1), (flicker, 1), (discharge_and_charge, 2), (lose_one, 1)
])  # fmt: skip
def test_one_synchronisation_for_each_time_it_gets_full(life: Callable[[Rig], None], count: int) -> None:
    rig = full(Rig(2).start())
    life(rig)
    assert syncs(rig) == count
    assert len([event for event in rig.events if event.kind is EventKind.SYNC]) == count
    assert rig.decision.soc_pct == 100.0


def test_a_battery_that_is_kept_full_is_a_full_charge_again_though_no_synchronisation() -> None:
    rig = full(Rig().start())
    rig.each(cell_v=3.37, current_a=0.0)
    rig.advance(20 * 86_400.0, step=7200.0)
    assert (rig.state.history.since_full_s or 0.0) > 19 * 86_400.0
    rig.step(SetSoc(soc_pct=99.5))
    full(rig)
    assert (rig.state.history.since_full_s or 0.0) < 600.0


def test_while_a_battery_is_lost_nobody_is_full() -> None:
    rig = Rig(2).start()
    rig.unplug(2)
    rig.advance(10.0)
    full(rig)
    assert syncs(rig) == 0
    assert soc_state(rig) is SocState.UNCERTAIN
