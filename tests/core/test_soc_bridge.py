"""A gap is bridged by what each battery itself has moved since the last count, and by nothing older."""

from __future__ import annotations

import pytest

from smallbms.model import ShuntReading

from .bench_battery import Rig

LOSSES_S = 0.1  # the batteries of one line fall silent, and answer again, one after the other


def live(rig: Rig, seconds: float, amps: float) -> None:
    """Every battery carries that current and counts it by its own clock; a silent one too."""
    for _ in range(int(seconds)):
        for battery in rig.batteries.values():
            battery.current_a = amps
            battery.charge_ah = (battery.charge_ah or 0.0) + amps / 3600.0
            battery.charge_time_s = (battery.charge_time_s or 0.0) + 1.0
        rig.advance(1.0, step=1.0)


def drawn_down(rig: Rig, soc_pct: float) -> Rig:
    """Restarted, then discharged to there; the batteries' own figures go with it."""
    rig.start().restart()
    rig.step()
    rig.each(current_a=-50.0)
    while rig.decision.soc_pct and rig.decision.soc_pct > soc_pct:
        rig.advance(25.0, step=5.0)
        rig.each(soc_pct=rig.decision.soc_pct)
    rig.each(current_a=0.0)
    rig.advance(5.0)
    return rig


def in_turn(rig: Rig, *, answers: bool) -> None:
    for battery in rig.batteries.values():
        battery.answers = answers
        rig.advance(LOSSES_S, step=LOSSES_S)


@pytest.mark.parametrize(("began_pct", "now_pct"), [(90.0, 50.0), (90.0, 20.0)])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_cable_that_was_out_for_a_minute_moves_nothing(began_pct: float, now_pct: float, count: int) -> None:
    rig = drawn_down(Rig(count, soc_pct=began_pct), now_pct)
    before_pct = rig.decision.soc_pct
    in_turn(rig, answers=False)
    rig.advance(60.0, step=0.25)
    in_turn(rig, answers=True)
    rig.advance(30.0)
    assert rig.decision.soc_pct == before_pct
    assert rig.allowed == (True, True)


def test_nor_does_a_restart_while_it_is_out() -> None:
    rig = drawn_down(Rig(4, soc_pct=90.0), 50.0)
    before_pct = rig.decision.soc_pct
    in_turn(rig, answers=False)
    rig.advance(30.0, step=0.25)
    for _ in range(2):  # the second one with nothing counted since the first
        rig.restart(off_s=20.0)
        rig.advance(10.0)
    in_turn(rig, answers=True)
    rig.advance(30.0)
    assert rig.decision.soc_pct == before_pct


def test_what_others_have_counted_for_a_lost_battery_is_not_counted_again() -> None:
    rig = Rig(2, soc_pct=80.0)
    rig.each(charge_ah=0.0, charge_time_s=1000.0)
    rig.step()
    live(rig, 5, 0.0)
    rig.batteries[2].answers = False
    live(rig, 3600, -10.0)
    assert rig.decision.soc_pct == pytest.approx(70.0, abs=0.1)
    rig.restart(off_s=10.0)
    rig.batteries[2].answers = True
    live(rig, 10, 0.0)
    assert rig.decision.soc_pct == pytest.approx(70.0, abs=0.1)


def test_nor_what_a_shunt_has_counted_for_all_of_them() -> None:
    rig = Rig(1, soc_pct=80.0)
    rig.each(charge_ah=0.0, charge_time_s=1000.0)
    for seconds, amps, answers in ((5, 0.0, True), (60, -10.0, True), (3600, -1.0, False)):
        rig.battery.answers = answers
        for _ in range(seconds):
            rig.shunt = ShuntReading(taken_at_s=rig.now_s + 1.0, current_a=amps)
            live(rig, 1, amps)
    assert rig.decision.soc_pct == pytest.approx(78.8, abs=0.1)
    rig.restart(off_s=10.0)
    rig.battery.answers, rig.shunt = True, None
    live(rig, 10, 0.0)
    assert rig.decision.soc_pct == pytest.approx(78.8, abs=0.1)
