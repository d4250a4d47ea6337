"""The balancer status, its cause and its cure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smallbms.changes import Acknowledge, Synchronise
from smallbms.words import AlarmCode, AlarmLevel, BalancerStatus

from .bench_battery import Rig


def charged(rig: Rig, *, spread_v: float = 0.0, minutes: float = 4.5) -> Rig:
    rig.each(cell_v=3.47, current_a=1.0)
    rig.battery.cells_v[0] = 3.47 + spread_v
    rig.advance(minutes * 60.0, step=1.0)
    return rig


def resting(rig: Rig) -> Rig:
    rig.each(cell_v=3.33, current_a=0.0)
    rig.advance(30.0)
    return rig


def a_month_on(rig: Rig) -> None:
    rig.advance(30.1 * 86_400.0, step=6 * 3600.0)
    rig.advance(10.0)


def nearly_a_month_on(rig: Rig) -> None:
    rig.advance(29.8 * 86_400.0, step=6 * 3600.0)
    rig.advance(10.0)


def a_month_off(rig: Rig) -> None:
    rig.restart(off_s=31 * 86_400.0)
    rig.step()
    rig.advance(1.0)


def a_wrong_clock(rig: Rig) -> None:
    rig.restart(wall_error_s=366 * 86_400.0)
    rig.step()
    rig.advance(1.0)


def a_new_battery(rig: Rig) -> None:
    rig.battery.key = "a new one"
    rig.advance(5.0)
    rig.now_s += 0.5
    rig.step(Acknowledge())


def nothing(rig: Rig) -> None:
    rig.advance(1.0)


@pytest.mark.parametrize(("life", "status", "says"), [
    (nothing, BalancerStatus.BALANCED, "the cells are balanced"),
    (nearly_a_month_on, BalancerStatus.BALANCED, "the cells are balanced"),
    (a_month_on, BalancerStatus.UNKNOWN, "not fully charged for more than 30 days: give a full charge"),
    (a_month_off, BalancerStatus.UNKNOWN, "not fully charged for more than 30 days: give a full charge"),
    (a_wrong_clock, BalancerStatus.BALANCED, "the cells are balanced"),
    (a_new_battery, BalancerStatus.UNKNOWN, "battery 1 has just been added: give a full charge"),
])  # fmt: skip
def test_balanced_until_it_cannot_be_known(life: Callable[[Rig], None], status: BalancerStatus, says: str) -> None:
    rig = resting(charged(Rig().start()))
    life(rig)
    assert (rig.decision.balancer, rig.decision.balancer_text) == (status, says)


def test_a_battery_that_was_never_full_is_unknown_and_so_is_one_without_soc() -> None:
    rig = Rig().start()
    assert rig.decision.balancer is BalancerStatus.UNKNOWN
    assert rig.decision.balancer_text == "no full charge has been seen yet: give a full charge"
    rig = Rig(soc_pct=None).start()
    assert rig.decision.balancer is BalancerStatus.UNKNOWN
    assert rig.decision.balancer_text == "the state of charge is unknown: give a full charge"


def test_a_battery_that_says_so_is_balancing() -> None:
    rig = Rig(2).start()
    rig.batteries[2].balancing_cells = (3,)
    rig.advance(0.5)
    assert rig.decision.balancer is BalancerStatus.BALANCING
    assert rig.decision.balancer_text == "battery 2 is balancing its cells"


@pytest.mark.parametrize(("spread_v", "status", "level"), [
    (0.049, BalancerStatus.BALANCED, AlarmLevel.OK), (0.051, BalancerStatus.IMBALANCED, AlarmLevel.WARNING),
    (0.199, BalancerStatus.IMBALANCED, AlarmLevel.WARNING), (0.201, BalancerStatus.IMBALANCED, AlarmLevel.ALARM),
])  # fmt: skip
def test_cells_are_compared_at_the_end_of_a_charge(spread_v: float, status: BalancerStatus, level: AlarmLevel) -> None:
    rig = charged(Rig().start(), spread_v=spread_v)
    assert rig.decision.balancer is status
    assert rig.alarm(AlarmCode.CELL_IMBALANCE) is level


def test_an_imbalance_lasts_until_a_full_charge_shows_it_gone() -> None:
    rig = charged(Rig().start(), spread_v=0.08)
    assert rig.decision.balancer_text == "cells differed by 80 mV at the end of the charge: give a full charge"
    seen = [resting(rig).decision.balancer]
    seen.append(charged(rig, minutes=1.0).decision.balancer)
    rig.restart()
    rig.step()
    seen.append(resting(rig).decision.balancer)
    rig.step(Synchronise())
    seen.append(rig.decision.balancer)
    assert set(seen) == {BalancerStatus.IMBALANCED}
    assert charged(rig).decision.balancer is BalancerStatus.BALANCED


def test_a_spread_in_the_middle_of_the_charge_says_nothing() -> None:
    rig = resting(charged(Rig().start()))
    rig.battery.cells_v = [3.0, 3.3, 3.3, 3.3]
    rig.each(current_a=-50.0)
    rig.advance(60.0)
    assert rig.decision.balancer is BalancerStatus.BALANCED


def test_a_battery_that_was_lost_when_the_rest_was_said_to_be_full_is_still_a_new_one() -> None:
    rig = Rig(2).start()
    rig.batteries[2].answers = False
    rig.advance(10.0)
    rig.step(Synchronise())
    rig.batteries[2].answers = True
    rig.advance(1.0)
    assert (rig.decision.balancer, rig.decision.balancer_text) == (
        BalancerStatus.UNKNOWN, "battery 2 has just been added: give a full charge"
    )  # fmt: skip
