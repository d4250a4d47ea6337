"""One word for the whole: the state, the LEDs, the notices, the reserve, when to wake."""

from __future__ import annotations

import pytest

from smallbms.changes import ClearHistory, SetMode, SetSetting, SetSoc, Synchronise
from smallbms.settings import Settings
from smallbms.words import BankError, DeviceState, EventKind, Led, Mode, UpdatePhase

from .bench_battery import Rig
from .cases import NOTHING, Act, cell, pins, shows, wants


@pytest.mark.parametrize(("act", "state"), [
    (NOTHING, DeviceState.RUNNING), (cell(3.05), DeviceState.RUNNING), (wants(mode=Mode.OFF), DeviceState.SHUTDOWN),
    (wants(mode=Mode.STANDBY), DeviceState.STANDBY), (pins(remote_on=False), DeviceState.STANDBY),
    (pins(update=UpdatePhase.RUNNING), DeviceState.UPDATING), (pins(reachable=False), DeviceState.ERROR),
    (shows(key="a stranger"), DeviceState.ERROR), (shows(answers=False), DeviceState.ERROR),
    (pins(update=UpdatePhase.FAILED), DeviceState.RUNNING),
])  # fmt: skip
def test_the_state_of_the_device(act: Act, state: DeviceState) -> None:
    rig = Rig().start()
    act(rig)
    rig.advance(10.0)
    assert rig.decision.device_state is state


def test_it_is_initialising_until_all_are_read() -> None:
    rig = Rig()
    rig.unplug(1)
    rig.step()
    assert rig.decision.device_state is DeviceState.INITIALIZING


@pytest.mark.parametrize(("act", "red"), [
    (NOTHING, Led.OFF), (cell(3.05), Led.BLINK), (cell(3.76), Led.ON), (shows(answers=False), Led.ON),
    (shows(key="a stranger"), Led.ON), (shows(soh_pct=60.0), Led.BLINK), (wants(mode=Mode.OFF), Led.OFF),
])  # fmt: skip
def test_red_is_solid_on_an_alarm_or_error_and_blinks_on_a_warning(act: Act, red: Led) -> None:
    rig = Rig().start()
    act(rig)
    rig.advance(10.0)
    assert (rig.decision.red_led, rig.outputs.red_led) == (red, red)


@pytest.mark.parametrize(("connected", "blue"), [(True, Led.ON), (False, Led.BLINK)])
def test_blue_is_solid_while_an_app_is_connected(connected: bool, blue: Led) -> None:
    rig = Rig().start()
    rig.app_connected = connected
    rig.advance(0.5)
    assert rig.decision.blue_led is blue


def test_a_floor_of_0_is_cautioned() -> None:
    rig = Rig().start()
    assert not [notice for notice in rig.decision.notices if "floor" in notice]
    rig.settings = Settings(discharge_floor_pct=0)
    assert any("discharge floor is 0" in notice for notice in rig.advance(0.5).notices)


@pytest.mark.parametrize(("host_current_a", "current_a", "days"), [
    (0.0088, 0.0, 8.3333), (0.0, 0.0, 69.444), (0.0088, -0.01, 4.16667), (0.0088, 5.0, 8.3333), (None, 0.0, None),
])  # fmt: skip
def test_the_reserve_after_a_low_cell_is_1_percent_of_capacity(
    host_current_a: float | None, current_a: float, days: float | None
) -> None:
    """Manual §3.1: 200 Ah at 10 mA last 8 days."""
    rig = Rig(type_name="12.8/200", host_current_a=host_current_a).start()
    assert rig.decision.reserve_days is None
    rig.each(current_a=current_a, cell_v=2.79)
    rig.advance(31.0)
    assert not rig.decision.allow_to_discharge
    assert rig.decision.reserve_days == (None if days is None else pytest.approx(days, rel=1e-4))


@pytest.mark.parametrize(("act", "is_requested"), [
    (NOTHING, False), (cell(2.7), True), (wants(low_soc_warning_pct=60, discharge_floor_pct=50), True)
])  # fmt: skip
def test_a_charge_is_requested_at_the_floor_and_at_a_low_cell(act: Act, is_requested: bool) -> None:
    rig = Rig().start()
    act(rig)
    rig.advance(31.0)
    assert rig.decision.charge_request is is_requested


@pytest.mark.parametrize(("cell_v", "is_near"), [(3.70, True), (3.699, False), (2.849, True), (2.851, False)])
def test_a_battery_within_50_mv_of_a_trip_is_read_more_often(cell_v: float, is_near: bool) -> None:
    rig = Rig(2).start()
    rig.batteries[2].cells_v[0] = cell_v
    assert rig.advance(0.5).near_limit == ({2} if is_near else frozenset())


@pytest.mark.parametrize(("act", "is_alarm"), [
    (NOTHING, False), (cell(3.1), True), (cell(3.76), True), (cell(2.7), True), (shows(temperatures_c=[0.0]), False)
])  # fmt: skip
def test_an_update_is_told_of_a_cell_alarm(act: Act, is_alarm: bool) -> None:
    rig = Rig().start()
    act(rig)
    assert rig.advance(31.0).cell_alarm is is_alarm


def test_it_wakes_when_the_next_delay_ends() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 3.8
    rig.advance(0.5)
    assert rig.decision.wake_at_s == pytest.approx(rig.now_s + 0.5)
    rig.battery.cells_v[0] = 3.05
    rig.advance(0.5)
    rig.advance(29.8)
    assert rig.decision.wake_at_s == pytest.approx(rig.now_s + 0.2)


def test_only_a_start_is_waiting() -> None:
    rig = Rig()
    rig.unplug(1)
    assert rig.step().waiting
    rig = Rig().start()
    waits = [rig.decision.waiting]
    for act, seconds in ((pins(reachable=False), 1.0), (pins(reachable=True), 2.0), (cell(2.7), 60.0),
                         (pins(update_holds_discharge_off=True), 1.0)):  # fmt: skip
        act(rig)
        waits.append(rig.advance(seconds).waiting)
    assert waits == [False, True, True, False, False]


@pytest.mark.parametrize(("change", "text"), [
    (SetSetting(name="tail_current_pct", value=5.0), "tail_current_pct set to 5.0"),
    (SetSetting(name="custom_name", value="boat", origin="mqtt"), "custom_name set to boat, by mqtt"),
    (SetMode(mode=Mode.STANDBY, origin="web"), "mode set to standby, by web"),
    (SetSoc(soc_pct=42.0), "state of charge set to 42 %"),
    (ClearHistory(origin="D-Bus"), "ClearHistory, by D-Bus"),
    (Synchronise(), "Synchronise"),
])  # fmt: skip
def test_every_wish_is_an_event_and_urgent(change: object, text: str) -> None:
    rig = Rig().start()
    urgent = rig.state.urgent
    decision = rig.step(change)  # type: ignore[arg-type]
    assert text in [event.text for event in decision.events if event.kind is EventKind.CHANGE]
    assert rig.state.urgent > urgent


def test_the_last_four_errors_are_kept_newest_first() -> None:
    rig = Rig().start()
    codes = []
    for number in range(6):
        act, heal = (pins(reachable=False), pins(reachable=True)) if number % 2 else (
            shows(key="a stranger"), shows(key="cell works 1")
        )  # fmt: skip
        act(rig)
        rig.advance(2.0)
        codes.append(int(rig.decision.error))
        heal(rig)
        rig.advance(8.0)
    assert [stamp.code for stamp in rig.state.last_errors] == codes[:1:-1]
    walls = [stamp.wall_s for stamp in rig.state.last_errors]
    assert walls == sorted(walls, reverse=True)


def test_it_wakes_when_a_release_is_due_and_when_a_battery_will_be_lost() -> None:
    rig = Rig(2).start()
    rig.battery.cells_v[0] = 3.8
    rig.advance(1.0)
    rig.battery.cells_v[0] = 3.3
    rig.advance(0.3)
    rig.advance(9.8)
    assert rig.decision.wake_at_s == pytest.approx(rig.now_s + 0.2)
    rig.advance(0.2)
    assert rig.allowed == (True, True)
    rig.batteries[2].answers = False
    rig.advance(8.8)
    assert rig.decision.wake_at_s == pytest.approx(rig.now_s + 0.2)


@pytest.mark.parametrize("cell_v", [3.8, 1.9])
def test_only_the_second_reading_of_a_cell_at_its_end_is_urgent(cell_v: float) -> None:
    rig = Rig(2).start()
    rig.batteries[2].cells_v[0] = cell_v
    assert rig.advance(0.5).urgent_cells == {2}
    assert rig.advance(0.5).urgent_cells == frozenset()


def test_a_low_cell_that_has_its_time_is_not_urgent() -> None:
    rig = Rig(2).start()
    rig.batteries[2].cells_v[0] = 2.7
    assert rig.advance(0.5).urgent_cells == frozenset()


@pytest.mark.parametrize(("stated", "cvl_v"), [(True, 13.5), (False, 0.0)])
def test_before_anything_was_read_no_current_is_offered_and_no_more_than_float(stated: bool, cvl_v: float) -> None:
    rig = Rig(stated=stated)
    rig.unplug(1)
    decision = rig.step()
    assert (decision.cvl_v, decision.ccl_a, decision.dcl_a) == (cvl_v, 0.0, 0.0)


@pytest.mark.parametrize("pin", ["atc", "atd"])
def test_a_pin_that_does_not_follow_is_an_error(pin: str) -> None:
    rig = Rig().start()
    rig.stuck = {pin: False}
    assert rig.advance(1.0).error is BankError.OUTPUT_FAULT


def test_an_update_is_told_of_a_low_cell_until_it_releases() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 2.7
    rig.advance(31.0)
    rig.battery.cells_v[0] = 3.3
    assert rig.advance(59.0).cell_alarm
    assert not rig.advance(2.0).cell_alarm


def test_a_start_in_an_update_that_lost_its_hold_is_a_wait_still() -> None:
    rig = Rig()
    rig.unplug(1)
    pins(update=UpdatePhase.RUNNING, update_holds_discharge_off=True)(rig)
    assert rig.step().waiting
