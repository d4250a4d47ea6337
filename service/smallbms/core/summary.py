"""One word or one sentence for the whole: state, error, LEDs, notices, the reserve."""

from __future__ import annotations

from collections.abc import Mapping, Set

from smallbms.core.reasons import ROWS
from smallbms.core.view import View
from smallbms.model import Bank, BankSpec
from smallbms.words import AlarmCode, AlarmLevel, BankError, DeviceState, Direction, Led, Mode

RESERVE = 0.01  # of capacity is left after a low-cell shutdown (manual §3.1)
OWN_DRAIN_MA = 1.2  # manual §6, low cell voltage
_AGAINST_DISCHARGE = frozenset(row.name for row in ROWS if Direction.DISCHARGE in row.blocks)
_BEGINNING = frozenset({"starting", "unreachable_load"})


def error_of(pack: Bank, tripped: Set[str], update_failed: bool, starting: bool) -> BankError:
    """/ErrorCode: the worst thing that is wrong now."""
    if pack.error is not BankError.NONE and not starting:
        return pack.error
    if "lost_battery" in tripped:
        if all(b.reading is None for b in pack.batteries):
            return BankError.NO_BATTERIES
        lost = [b for b in pack.batteries if not b.online]
        return BankError.WRONG_NUMBER if any(b.reading is None for b in lost) else BankError.BMS_CABLE
    if tripped & {"pin_fault_charge", "pin_fault_load", "unreachable_charge", "unreachable_load"}:
        return BankError.OUTPUT_FAULT
    return BankError.BATTERY_UPDATE if update_failed else BankError.NONE


def is_waiting(tripped: Set[str]) -> bool:
    """No word against discharging, only none for it yet: not all is read, or the outputs were just reached.

    An update that lost its hold is no wait: whoever waits cannot be healthy, and only a healthy version ends it.
    """
    against = tripped & _AGAINST_DISCHARGE
    return not against.isdisjoint(_BEGINNING) and against <= _BEGINNING | {"updating_discharge"}


def device_state(view: View, tripped: Set[str], error: BankError) -> DeviceState:
    """/State."""
    if view.starting:
        return DeviceState.INITIALIZING
    if tripped & {"updating_charge", "updating_discharge"}:
        return DeviceState.UPDATING
    if error not in (BankError.NONE, BankError.BATTERY_UPDATE):
        return DeviceState.ERROR
    if view.settings.mode is Mode.OFF:
        return DeviceState.SHUTDOWN
    if view.settings.mode is Mode.STANDBY or "remote_off" in tripped:
        return DeviceState.STANDBY
    return DeviceState.RUNNING


def leds(levels: Mapping[AlarmCode, AlarmLevel], error: BankError, app_connected: bool) -> tuple[Led, Led]:
    """Red: solid on an error or alarm, blinking on a warning; blue: solid with an app connected (manual §2.2)."""
    worst = max(levels.values(), default=AlarmLevel.OK)
    if error is not BankError.NONE or worst is AlarmLevel.ALARM:
        red = Led.ON
    else:
        red = Led.BLINK if worst is AlarmLevel.WARNING else Led.OFF
    return red, Led.ON if app_connected else Led.BLINK


def notices(view: View, ever_synchronised: bool) -> tuple[str, ...]:
    """Advice that blocks nothing."""
    said = []
    if not ever_synchronised:
        said.append("new bank: charge fully first")
    if view.soc_pct is None and not view.starting:
        said.append("SoC unknown: charge fully or set it")
    if view.settings.discharge_floor_pct == 0:
        said.append("the discharge floor is 0: only the cell limits stop a full discharge")
    return tuple(said)


def reserve_days(pack: Bank, spec: BankSpec, shut_down: bool) -> float | None:
    """Days until the reserve left after a low-cell shutdown is used up; None without a shutdown or a stated drain."""
    if not shut_down or pack.capacity_ah is None or spec.host_current_a is None:
        return None
    drain_ma = spec.host_current_a * 1000.0 + OWN_DRAIN_MA + max(0.0, -(pack.current_a or 0.0)) * 1000.0
    return pack.capacity_ah * RESERVE * 1000.0 / (24.0 * drain_ma)
