"""What is believed of a reading, and when a battery counts as lost or without sensors."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import pytest

from smallbms.model import Battery
from smallbms.words import AlarmCode, AlarmLevel, BankError, ReasonCode

from .bench_battery import Rig


def believed(rig: Rig, number: int = 1) -> Battery:
    return rig.decision.bank.batteries[number - 1]


@pytest.mark.parametrize(("cell_v", "is_believed"), [
    (0.499, False), (0.5, True), (5.0, True), (5.001, False), (655.35, False), (-1.0, False), (nan, False),
])  # fmt: skip
def test_a_cell_is_believed_from_half_a_volt_to_5_volts(cell_v: float, is_believed: bool) -> None:
    rig = Rig()
    rig.battery.cells_v[2] = cell_v
    rig.battery.voltage_v = 13.2
    rig.step()
    reading = believed(rig).reading
    assert reading is not None
    assert reading.cell_voltages_v == (3.3, 3.3, cell_v if is_believed else None, 3.3)


IMPOSSIBLE: list[tuple[str, float]] = [
    ("voltage_v", 655.35), ("voltage_v", 0.0), ("voltage_v", nan), ("voltage_v", inf), ("current_a", 3276.7),
    ("current_a", -inf), ("current_a", nan), ("soc_pct", 255.0), ("soc_pct", -1.0), ("soh_pct", 255.0),
    ("soh_pct", nan), ("remaining_ah", 6553.5e3), ("remaining_ah", -0.1), ("capacity_ah", 0.0), ("capacity_ah", inf),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_a_datum_that_cannot_be_true_is_not_read_and_teaches_nothing(name: str, value: float) -> None:
    rig = Rig()
    setattr(rig.battery, name, value)
    rig.step()
    rig.advance(2.0)
    reading = believed(rig).reading
    assert reading is not None
    assert getattr(reading, name) is None
    page = rig.state.history.marks
    assert page.max_voltage_v in (None, 13.2)
    assert rig.decision.soc_pct in (None, 50.0)


@pytest.mark.parametrize("value_c", [-50.1, 120.1, nan, inf, -inf])
def test_an_open_or_shorted_sensor_is_not_read_and_warned_of(value_c: float) -> None:
    rig = Rig().start()
    rig.battery.temperatures_c = [value_c, 25.0]
    rig.advance(0.5)
    reading = believed(rig).reading
    assert reading is not None
    assert reading.cell_temperatures_c == (None, 25.0)
    assert rig.decision.allow_to_charge
    assert rig.alarm(AlarmCode.BATTERY_TEMPERATURE_SENSOR) is AlarmLevel.WARNING
    assert rig.state.history.marks.max_temperature_c == 25.0


@pytest.mark.parametrize("temperatures_c", [[], [None], [None, 999.0]])
def test_without_a_cell_temperature_charging_is_never_allowed(temperatures_c: list[float | None]) -> None:
    rig = Rig()
    rig.battery.temperatures_c = temperatures_c
    for _ in range(60):
        rig.step()
        assert not rig.decision.allow_to_charge
        rig.now_s += 0.5
    assert rig.codes() == {ReasonCode.TEMPERATURE_UNREAD}
    assert rig.decision.allow_to_discharge
    assert rig.alarm(AlarmCode.BATTERY_TEMPERATURE_SENSOR) is AlarmLevel.ALARM


def test_a_battery_that_is_said_to_have_no_sensors_may_charge() -> None:
    rig = Rig(sensors=False)
    rig.battery.temperatures_c = []
    rig.start()
    assert rig.alarm(AlarmCode.BATTERY_TEMPERATURE_SENSOR) is AlarmLevel.OK


def jumping(rig: Rig, *cells_v: float | None) -> list[float | None]:
    """What is believed of cell 2 while it shows these values, one each half second."""
    seen = []
    for cell_v in cells_v:
        rig.battery.cells_v[1] = cell_v
        rig.battery.voltage_v = 13.2
        rig.advance(0.5)
        reading = believed(rig).reading
        seen.append(reading.cell_voltages_v[1] if reading else None)
    return seen


def test_a_cell_that_jumps_is_not_read_until_its_last_value_is_2_s_old() -> None:
    rig = Rig().start()
    assert jumping(rig, 4.81, 4.81, 4.81, 4.81) == [None, None, None, 4.81]
    assert jumping(Rig().start(), 4.79) == [4.79]
    assert jumping(Rig().start(), None, 4.81, 3.31) == [None, None, 3.31]


def extremes(rig: Rig, low_v: float | None, high_v: float | None) -> tuple[float | None, float | None]:
    """What is believed of a battery that gives only these two, half a second later."""
    battery = rig.battery
    battery.cells_v, battery.voltage_v, battery.cell_min_v, battery.cell_max_v = [], 13.2, low_v, high_v
    rig.advance(0.5)
    seen = believed(rig)
    return seen.cell_min_v, seen.cell_max_v


def of_extremes() -> Rig:
    rig = Rig()
    extremes(rig, 3.29, 3.31)
    return rig.start()


def test_a_lowest_or_highest_cell_that_jumps_is_not_read_until_its_last_value_is_2_s_old() -> None:
    rig = of_extremes()
    assert [extremes(rig, 3.29, 4.82) for _ in range(4)] == [(3.29, None)] * 3 + [(3.29, 4.82)]
    rig = of_extremes()
    assert [extremes(rig, 1.78, 3.31) for _ in range(4)] == [(None, 3.31)] * 3 + [(1.78, 3.31)]
    assert extremes(of_extremes(), 1.80, 4.80) == (1.80, 4.80)


def test_a_jump_of_the_highest_cell_trips_nothing_and_one_that_stays_does() -> None:
    rig = of_extremes()
    extremes(rig, 3.29, 4.82)
    extremes(rig, 3.29, 3.31)
    rig.advance(5.0)
    assert rig.allowed == (True, True)
    rig = of_extremes()
    extremes(rig, 3.29, 4.82)
    rig.advance(3.0)
    assert ReasonCode.HIGH_CELL in rig.codes()


def test_an_unread_cell_keeps_the_places_of_the_others() -> None:
    rig = Rig().start()
    rig.battery.cells_v = [None, 3.30, 3.77, 3.28]
    rig.battery.voltage_v = 13.6
    rig.advance(0.5)
    bank = rig.decision.bank
    assert bank.cell_max is not None and (bank.cell_max.battery, bank.cell_max.cell) == (1, 3)
    assert bank.cell_min is not None and (bank.cell_min.battery, bank.cell_min.cell) == (1, 4)


def test_a_cell_not_read_for_three_readings_and_2_s_loses_its_battery() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = None
    rig.battery.voltage_v = 13.2
    rig.advance(2.0)
    assert believed(rig).online
    rig.advance(0.5)
    assert not believed(rig).online
    assert rig.codes() == {ReasonCode.LOST_BATTERY}


def test_two_s_without_three_readings_do_not_lose_a_battery() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = None
    rig.battery.voltage_v = 13.2
    rig.advance(4.0, step=4.0)
    rig.advance(4.0, step=4.0)
    assert believed(rig).online
    rig.advance(1.0, step=1.0)
    assert not believed(rig).online  # the third, and 9 s are over


def silent(rig: Rig) -> None:
    rig.batteries[2].answers = False


def withdrawn(rig: Rig) -> None:
    rig.unplug(2)


@pytest.mark.parametrize("stop", [silent, withdrawn])
def test_a_battery_without_data_for_9_s_is_lost_by_name(stop: Callable[[Rig], None]) -> None:
    rig = Rig(2).start()
    stop(rig)
    rig.advance(8.9)
    assert rig.allowed == (True, True)
    rig.advance(0.1)
    assert rig.allowed == (False, False)
    assert rig.reason(ReasonCode.LOST_BATTERY).battery == 2
    assert rig.decision.error is BankError.BMS_CABLE


@pytest.mark.parametrize("missing", ["voltage_v", "current_a"])
def test_a_battery_without_voltage_or_current_is_lost_after_9_s(missing: str) -> None:
    rig = Rig().start()
    setattr(rig.battery, missing, nan)
    rig.advance(8.5)
    assert believed(rig).online
    rig.advance(0.5)
    assert not believed(rig).online


def test_a_battery_that_was_never_read_is_lost_by_name_after_20_s() -> None:
    rig = Rig(2)
    rig.unplug(2)
    rig.step()
    rig.advance(19.5)
    assert rig.codes() == {ReasonCode.STARTING}
    rig.advance(0.5)
    assert rig.reason(ReasonCode.LOST_BATTERY).battery == 2
    assert rig.decision.error is BankError.WRONG_NUMBER


def test_at_the_start_a_first_part_of_the_data_is_no_loss() -> None:
    rig = Rig()
    rig.battery.cells_v = []
    rig.battery.voltage_v = 13.2
    rig.step()
    assert rig.codes() == {ReasonCode.STARTING}
    rig.battery.cells_v = [3.3] * 4
    rig.advance(0.5)
    assert rig.codes() == set()


# --- the sum of the cells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pack_v", "is_lost"), [(13.2, False), (12.83, False), (12.80, True), (13.62, True)])
def test_cells_that_do_not_add_up_in_three_readings_lose_the_battery(pack_v: float, is_lost: bool) -> None:
    rig = Rig().start()
    rig.battery.voltage_v = pack_v
    rig.advance(1.0)
    assert believed(rig).online
    rig.advance(0.5)
    assert believed(rig).online is not is_lost
    rig.battery.voltage_v = 13.2
    rig.advance(0.5)
    assert believed(rig).online


def test_a_moving_current_excuses_a_wrong_sum_and_leaves_the_count_alone() -> None:
    rig = Rig().start()
    rig.battery.voltage_v = 12.5
    for current_a in (-10.0, -20.0, -30.0, -40.0, -50.0):
        rig.battery.current_a = current_a
        rig.advance(0.5)
        assert believed(rig).online
    rig.advance(1.5)
    assert not believed(rig).online


def test_cells_that_are_not_read_leave_the_count_of_wrong_sums_alone() -> None:
    rig = Rig().start()
    for cells_v in ([3.3] * 4, [3.3] * 4, [3.3, None, 3.3, 3.3]):
        rig.battery.cells_v, rig.battery.voltage_v = list(cells_v), 12.5
        rig.advance(0.5)
        assert believed(rig).online
    rig.battery.cells_v = [3.3] * 4
    rig.advance(0.5)
    assert not believed(rig).online


@pytest.mark.parametrize(("pack_v", "is_lost"), [
    (13.2, False), (12.75, False), (12.70, True), (13.80, False), (13.90, True),
    (12.35, True),  # a cell less than the model has
])  # fmt: skip
def test_extremes_between_which_the_pack_cannot_be_lose_the_battery(pack_v: float, is_lost: bool) -> None:
    rig = Rig()
    rig.each(cells_v=[], cell_min_v=3.28, cell_max_v=3.35, voltage_v=13.2)
    rig.start()
    rig.battery.voltage_v = pack_v
    rig.advance(1.0)
    assert believed(rig).online
    rig.advance(0.5)
    assert believed(rig).online is not is_lost


# --- batteries that give less ---------------------------------------------------------------------------------------


def test_a_battery_without_single_cells_is_believed_by_its_extremes() -> None:
    rig = Rig()
    rig.battery.cells_v = []
    rig.battery.voltage_v = 13.2
    rig.battery.cell_min_v, rig.battery.cell_max_v = 3.29, 3.31
    rig.start()
    bank = rig.decision.bank
    assert bank.cell_max is not None and (bank.cell_max.value, bank.cell_max.cell) == (3.31, 0)
    rig.battery.cell_max_v = 6.0
    rig.advance(2.5)
    assert rig.codes() == {ReasonCode.LOST_BATTERY}


@pytest.mark.parametrize(("voltage_v", "is_believed"), [(7.9, False), (8.0, True), (70.0, True), (70.1, False)])
def test_a_pack_of_unknown_cells_is_between_8_and_70_volts(voltage_v: float, is_believed: bool) -> None:
    rig = Rig(stated=False)
    rig.battery.cells_v, rig.battery.voltage_v = [], voltage_v
    rig.battery.cell_min_v = rig.battery.cell_max_v = 3.3
    rig.step()
    assert believed(rig).online is is_believed


@pytest.mark.parametrize("value", [nan, inf, 655.35])
def test_figures_that_decide_nothing_are_not_passed_on_either(value: float) -> None:
    rig = Rig()
    rig.battery.board_temperatures_c = [value, 80.0]
    rig.battery.cell_min_v = rig.battery.cell_max_v = value
    rig.start()
    reading = believed(rig).reading
    assert reading is not None
    assert reading.board_temperatures_c == (None, 80.0)
    assert (reading.cell_min_v, reading.cell_max_v) == (None, None)
