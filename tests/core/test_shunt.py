"""A shunt in the cable of the bank: believed while it can be, never where it contradicts the batteries."""

from __future__ import annotations

from math import inf, nan

import pytest

from smallbms.core import history
from smallbms.core.shunt import FRESH_S, ODD_S
from smallbms.model import ShuntReading
from smallbms.words import ReasonCode, SocState

from .bench_battery import STEP_S, Rig


def shown(rig: Rig, seconds: float, current_a: float | None, soc_pct: float | None = None) -> None:
    """Let time pass with a shunt that speaks in each step."""
    for _ in range(round(seconds / STEP_S)):
        rig.shunt = ShuntReading(taken_at_s=rig.now_s + STEP_S, current_a=current_a, soc_pct=soc_pct)
        rig.advance(STEP_S)


def current_a(rig: Rig) -> float | None:
    return rig.decision.bank.current_a


def discharging(batteries_a: float = -20.0) -> Rig:
    rig = Rig().start()
    rig.each(current_a=batteries_a)
    return rig


# --- while it agrees -----------------------------------------------------------------------------------------------


def test_it_goes_before_the_batteries_while_it_is_fresh() -> None:
    rig = discharging(-5.0)
    shown(rig, 1.0, -6.0)
    assert current_a(rig) == -6.0
    rig.advance(FRESH_S)
    assert current_a(rig) == -6.0
    rig.advance(STEP_S)
    assert current_a(rig) == -5.0
    assert "the shunt is not read" in "".join(rig.decision.notices)


def test_it_counts_the_state_of_charge() -> None:
    rig = discharging(-20.0)
    before_pct = rig.decision.soc_pct
    assert before_pct is not None
    shown(rig, 360.0, -22.0)
    assert rig.decision.soc_pct == pytest.approx(before_pct - 2.2, abs=0.01)


def test_what_protects_a_battery_is_its_own_current() -> None:
    rig = discharging(-101.0)
    shown(rig, 11.0, -90.0)
    assert current_a(rig) == -90.0
    assert rig.codes() == {ReasonCode.OVER_CURRENT}


@pytest.mark.parametrize("figure", [nan, inf, -inf, 3276.7, None])
def test_a_current_that_cannot_be_true_is_not_believed(figure: float | None) -> None:
    rig = discharging(-5.0)
    shown(rig, 2.0, figure)
    assert current_a(rig) == -5.0


# --- at odds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batteries_a", "shunt_a"), [
    (-20.0, 20.0), (20.0, -20.0), (-20.0, -27.6), (-20.0, -13.9), (0.0, 2.6), (-1.2, 1.2),
])  # fmt: skip
def test_one_that_never_agreed_is_not_believed_at_all(batteries_a: float, shunt_a: float) -> None:
    rig = discharging(batteries_a)
    shown(rig, 1.0, shunt_a)
    assert current_a(rig) == batteries_a
    assert "is it turned round?" in "".join(rig.decision.notices)
    assert rig.allowed == (True, True)


@pytest.mark.parametrize(("batteries_a", "shunt_a"), [
    (-20.0, -27.4), (-20.0, -15.0), (0.0, 2.4), (-2.0, 0.0), (100.0, 81.0),
])  # fmt: skip
def test_what_sensors_may_differ_is_believed(batteries_a: float, shunt_a: float) -> None:
    rig = discharging(batteries_a)
    shown(rig, 2 * ODD_S, shunt_a)
    assert current_a(rig) == shunt_a
    assert "shunt" not in "".join(rig.decision.notices)


def test_one_that_agreed_is_doubted_for_a_minute_and_no_longer() -> None:
    rig = discharging()
    shown(rig, 10.0, -20.0)
    shown(rig, ODD_S, 20.0)
    assert current_a(rig) == 20.0
    shown(rig, STEP_S, 20.0)
    assert current_a(rig) == -20.0


def test_a_moment_of_agreement_starts_its_minute_anew_and_rest_does_too() -> None:
    rig = discharging()
    shown(rig, 10.0, -20.0)
    for batteries_a, shunt_a in ((-20.0, -20.0), (0.0, 0.5)):
        shown(rig, ODD_S - 5.0, 40.0)
        rig.each(current_a=batteries_a)
        shown(rig, 1.0, shunt_a)
        rig.each(current_a=-20.0)
    shown(rig, ODD_S - 5.0, 40.0)
    assert current_a(rig) == 40.0


def test_at_rest_a_shunt_that_is_turned_round_gets_no_credit_back() -> None:
    rig = discharging()
    shown(rig, 1.0, 20.0)
    rig.each(current_a=-0.5)
    shown(rig, 120.0, 0.5)
    assert current_a(rig) == -0.5
    rig.each(current_a=-20.0)
    shown(rig, 1.0, 20.0)
    assert current_a(rig) == -20.0
    shown(rig, 1.0, -20.5)  # put right
    assert current_a(rig) == -20.5
    assert "shunt" not in "".join(rig.decision.notices)


def test_a_large_bank_may_be_further_off_at_rest() -> None:
    rig = Rig(10).start()
    shown(rig, 2 * ODD_S, -4.9)
    assert current_a(rig) == -4.9
    shown(rig, 1.0, -7.0)
    assert current_a(rig) == 0.0


def test_with_a_battery_lost_it_is_believed_for_the_rest_is_an_estimate() -> None:
    rig = Rig(2).start()
    rig.each(current_a=-20.0)
    shown(rig, 10.0, -40.0)
    rig.unplug(2)
    rig.batteries[1].current_a = 0.0
    shown(rig, 2 * ODD_S, -40.0)
    assert current_a(rig) == -40.0


# --- its state of charge -------------------------------------------------------------------------------------------


def test_its_state_of_charge_leads_and_the_count_goes_on_from_there() -> None:
    rig = discharging()
    shown(rig, 1.0, -20.0, 83.0)
    assert (rig.decision.soc_pct, rig.decision.soc_state) == (83.0, SocState.GOOD)
    assert "the state of charge is that of the shunt" in "".join(rig.decision.notices)
    rig.advance(180.0)
    assert rig.decision.soc_pct == pytest.approx(83.0 - 1.0, abs=0.05)


@pytest.mark.parametrize("soc_pct", [nan, -0.1, 100.1])
def test_a_state_of_charge_that_cannot_be_is_none(soc_pct: float) -> None:
    rig = discharging()
    shown(rig, 1.0, -20.0, soc_pct)
    assert rig.decision.soc_pct == pytest.approx(50.0, abs=0.1)


def test_that_of_a_shunt_which_is_not_believed_is_not_either() -> None:
    rig = discharging()
    shown(rig, 1.0, 20.0, 83.0)
    assert rig.decision.soc_pct == pytest.approx(50.0, abs=0.1)


def test_a_charge_that_is_proven_full_is_one_synchronisation_whatever_the_shunt_says() -> None:
    rig = Rig().start()
    rig.each(cell_v=3.50, current_a=2.0)
    shown(rig, 200.0, 2.0, 93.0)
    assert rig.decision.soc_pct == 100.0
    urgent = rig.state.urgent
    shown(rig, 60.0, 2.0, 93.0)
    assert (rig.decision.soc_pct, history.page(rig.state.history).synchronisations) == (100.0, 1)
    assert rig.state.urgent == urgent
    rig.each(cell_v=3.33, current_a=-20.0)
    shown(rig, 1.0, -20.0, 93.0)
    assert rig.decision.soc_pct == 93.0
