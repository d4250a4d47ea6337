"""A battery that is not the one it was: three readings of it are a bank error, and not one of them is counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smallbms.changes import Acknowledge
from smallbms.words import BankError, ReasonCode

from .bench_battery import BenchBattery, Rig


def other_cell_count(battery: BenchBattery) -> None:
    battery.cells_v, battery.voltage_v = [3.3] * 5, 16.5


def other_identity(battery: BenchBattery) -> None:
    battery.key = "a stranger"


@pytest.mark.parametrize("change", [other_cell_count, other_identity])
def test_a_changed_battery_is_a_bank_error_after_three_readings(change: Callable[[BenchBattery], None]) -> None:
    rig = Rig(2).start()
    change(rig.batteries[2])
    rig.advance(1.0)
    assert rig.allowed == (True, True)
    for _ in range(5):
        rig.step()  # the same reading again is no further one
    assert rig.decision.allow_to_discharge
    rig.advance(0.5)
    assert rig.reason(ReasonCode.BANK_ERROR).battery == 2
    assert rig.decision.error is BankError.UNKNOWN_BATTERY


def test_an_old_face_for_a_moment_is_forgiven() -> None:
    rig = Rig().start()
    for key in ("a stranger", "a stranger", "cell works 1", "a stranger", "a stranger", "cell works 1"):
        rig.battery.key = key
        rig.advance(0.5)
        assert rig.decision.allow_to_discharge


@pytest.mark.parametrize("change", [other_cell_count, other_identity])
@pytest.mark.parametrize(("count", "own_a"), [(1, None), (2, -20.0)])
def test_the_current_of_a_stranger_is_never_that_of_the_bank(
    change: Callable[[BenchBattery], None], count: int, own_a: float | None
) -> None:
    rig = Rig(count).start()
    rig.each(current_a=-10.0)
    rig.advance(0.5)
    change(rig.batteries[count])
    rig.batteries[count].current_a = -90.0
    for _ in range(10):
        rig.advance(0.5)
        assert rig.decision.bank.current_a == own_a
    rig.step(Acknowledge())
    assert rig.decision.bank.current_a == pytest.approx(-90.0 if count == 1 else -100.0)


def test_after_a_moment_of_another_face_the_soc_goes_on_as_if_nothing_had_been() -> None:
    rig, undisturbed = Rig().start(), Rig().start()
    for key in ("a stranger", "a stranger", "cell works 1"):
        rig.battery.key, rig.battery.current_a = key, -10.0 if key == "cell works 1" else -90.0
        undisturbed.battery.current_a = -10.0
        rig.advance(0.5)
        undisturbed.advance(0.5)
    rig.advance(30.0)
    undisturbed.advance(30.0)
    assert rig.decision.soc_pct == pytest.approx(undisturbed.decision.soc_pct, abs=1e-9)
    assert rig.decision.consumed_ah == pytest.approx(undisturbed.decision.consumed_ah, abs=1e-9)


def test_a_stranger_may_be_acknowledged_while_the_others_are_still_awaited() -> None:
    rig = Rig(2)
    rig.batteries[2].answers = False
    rig.advance(1.0)
    other_identity(rig.battery)
    rig.advance(3.0)
    assert rig.codes() == {ReasonCode.STARTING, ReasonCode.BANK_ERROR}
    rig.now_s += 0.5
    rig.step(Acknowledge())
    assert rig.codes() == {ReasonCode.STARTING}
    rig.batteries[2].answers = True
    rig.advance(1.0)
    assert rig.allowed == (True, True)
