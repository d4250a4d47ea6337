"""Updates as the engine sees them; the outputs process alone times them."""

from __future__ import annotations

import pytest

from smallbms.changes import Acknowledge
from smallbms.words import AlarmCode, AlarmLevel, BankError, DeviceState, ReasonCode, UpdatePhase

from .bench_battery import Rig
from .cases import pins


def phase(rig: Rig, *phases: UpdatePhase) -> None:
    for one in phases:
        pins(update=one)(rig)
        rig.advance(1.0)


def is_failed(rig: Rig) -> bool:
    level = rig.alarm(AlarmCode.FIRMWARE_UPDATE_FAILURE)
    assert level in (AlarmLevel.OK, AlarmLevel.ALARM)
    assert (level is AlarmLevel.ALARM) is rig.state.update.failed
    return rig.state.update.failed


def test_an_update_takes_charging_and_leaves_discharging() -> None:
    rig = Rig().start()
    phase(rig, UpdatePhase.RUNNING)
    assert rig.allowed == (False, True)
    assert rig.decision.device_state is DeviceState.UPDATING
    phase(rig, UpdatePhase.NONE)
    assert rig.allowed == (True, True)
    assert not is_failed(rig)


def test_an_update_that_could_not_hold_discharging_takes_both() -> None:
    rig = Rig().start()
    pins(update=UpdatePhase.RUNNING, update_holds_discharge_off=True)(rig)
    rig.advance(1.0)
    assert rig.allowed == (False, False)


def test_an_update_without_a_healthy_version_takes_both_and_has_failed() -> None:
    rig = Rig().start()
    phase(rig, UpdatePhase.RUNNING, UpdatePhase.EXPIRED)
    assert rig.allowed == (False, False)
    assert {reason.code for reason in rig.decision.reasons} == {ReasonCode.UPDATING}
    assert is_failed(rig)


def test_a_rollback_blocks_nothing_and_stays_failed_until_acknowledged() -> None:
    rig = Rig().start()
    phase(rig, UpdatePhase.RUNNING, UpdatePhase.FAILED)
    assert rig.allowed == (True, True)
    assert rig.decision.error is BankError.BATTERY_UPDATE
    rig.advance(60.0)
    assert is_failed(rig)
    rig.step(Acknowledge())
    rig.advance(15.0)
    assert not is_failed(rig)


def test_a_failure_that_was_acknowledged_stays_so_over_a_restart() -> None:
    rig = Rig().start()
    phase(rig, UpdatePhase.RUNNING, UpdatePhase.FAILED)
    rig.step(Acknowledge())
    rig.advance(15.0)
    rig.restart()
    rig.step()
    rig.advance(15.0)
    assert not is_failed(rig)


@pytest.mark.parametrize("end", [UpdatePhase.FAILED, UpdatePhase.EXPIRED])
def test_a_failure_stays_over_a_restart(end: UpdatePhase) -> None:
    rig = Rig().start()
    phase(rig, UpdatePhase.RUNNING, end)
    rig.restart()
    rig.step()
    assert is_failed(rig)


def test_the_next_good_update_ends_a_failure() -> None:
    rig = Rig().start()
    phase(rig, UpdatePhase.RUNNING, UpdatePhase.FAILED, UpdatePhase.RUNNING)
    assert is_failed(rig)
    phase(rig, UpdatePhase.NONE)
    rig.advance(15.0)
    assert not is_failed(rig)


def test_the_new_version_sees_its_own_update_end_well() -> None:
    rig = Rig().start()
    phase(rig, UpdatePhase.RUNNING)
    rig.restart()
    rig.step()
    rig.advance(2.0)
    assert rig.allowed == (False, True)
    phase(rig, UpdatePhase.NONE)
    assert not is_failed(rig)


def test_a_reboot_during_an_update_is_a_failure() -> None:
    rig = Rig().start()
    phase(rig, UpdatePhase.RUNNING)
    rig.restart(off_s=60.0)
    phase(rig, UpdatePhase.NONE)
    assert is_failed(rig)


def test_an_unreachable_outputs_process_ends_no_failure_but_can_be_acknowledged() -> None:
    rig = Rig().start()
    phase(rig, UpdatePhase.RUNNING, UpdatePhase.FAILED)
    pins(reachable=False)(rig)
    rig.advance(15.0)
    assert is_failed(rig)
    rig.step(Acknowledge())
    rig.advance(15.0)
    assert not is_failed(rig)
