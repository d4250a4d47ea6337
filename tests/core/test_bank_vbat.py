"""The credit that Vbat has once it fitted, and what is never compared with it."""

from __future__ import annotations

from smallbms.words import BankError, ReasonCode

from .bench_battery import Rig


def test_a_vbat_that_is_not_read_for_a_moment_loses_none_of_its_credit() -> None:
    rig = Rig(4, vbat_v=52.8).start()
    rig.vbat_v = None
    rig.advance(1.0)
    rig.vbat_v = 26.4
    rig.advance(9.5)
    assert rig.allowed == (True, True)


def test_a_vbat_that_cannot_be_compared_for_a_moment_loses_none_of_its_credit() -> None:
    rig = Rig(2, vbat_v=26.4).start()
    for number in rig.batteries:
        rig.unplug(number)
    rig.advance(10.0)
    rig.each(answers=True)
    rig.vbat_v = 13.2
    rig.advance(9.5)
    assert rig.decision.error is BankError.NONE


def test_vbat_is_not_compared_with_a_battery_whose_figures_do_not_add_up() -> None:
    rig = Rig(2, vbat_v=26.4).start()
    rig.batteries[2].voltage_v = 4.0
    rig.advance(20.0)
    assert rig.codes() == {ReasonCode.LOST_BATTERY}
