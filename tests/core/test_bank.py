"""Many batteries as one: sums, extremes, topology and the errors of that."""

from __future__ import annotations

from math import inf, nan

import pytest

from smallbms.batteries import custom_model
from smallbms.changes import Acknowledge
from smallbms.core.bank import strings
from smallbms.core.sentences import BANK_ERRORS
from smallbms.model import BankSpec
from smallbms.words import AlarmCode, AlarmLevel, BankError, DeviceState, ReasonCode

from .bench_battery import Rig, model

MIXES = [
    (type_name, series, parallel)
    for type_name, longest in (("12.8/100", 4), ("25.6/200", 2), ("51.2/100", 1))
    for series in (1, 2, 4)
    if series <= longest
    for parallel in (1, 2, 5)
]


def error(rig: Rig) -> BankError:
    return rig.decision.error


@pytest.mark.parametrize(("type_name", "series", "parallel"), MIXES)
@pytest.mark.parametrize("by_vbat", [True, False])
def test_every_mix_of_series_and_parallel_adds_up(type_name: str, series: int, parallel: int, by_vbat: bool) -> None:
    own = model(type_name)
    rig = Rig(
        series * parallel,
        type_name=type_name,
        series=None if by_vbat else series,
        vbat_v=own.nominal_v * series * 1.05 if by_vbat else None,
        stated=not by_vbat,
    )
    rig.each(current_a=-20.0)
    rig.start()
    bank = rig.decision.bank
    assert (bank.series, bank.parallel, bank.model, bank.online) == (series, parallel, own, series * parallel)
    assert bank.voltage_v == pytest.approx(3.3 * own.cells * series)
    assert bank.current_a == pytest.approx(-20.0 * parallel)
    assert bank.capacity_ah == own.capacity_ah * parallel
    assert bank.power_w == pytest.approx(3.3 * own.cells * series * -20.0 * parallel)
    assert [len(string) for string in strings(bank)] == [series] * parallel
    assert (rig.decision.ccl_a, rig.decision.dcl_a) == (own.continuous_charge_a * parallel,) * 2


def test_nothing_is_known_of_a_bank_that_was_not_read() -> None:
    rig = Rig()
    rig.unplug(1)
    bank = rig.step().bank
    assert (bank.voltage_v, bank.current_a, bank.power_w, bank.cell_min, bank.temperature_max) == (None,) * 5


def test_extremes_say_battery_and_cell() -> None:
    rig = Rig(3)
    rig.batteries[2].cells_v[1] = 3.21
    rig.batteries[3].cells_v[3] = 3.41
    rig.batteries[1].temperatures_c = [25.0, 11.0]
    rig.batteries[3].temperatures_c = [39.0, 25.0]
    bank = rig.step().bank
    found = [(e.value, e.battery, e.cell) for e in (bank.cell_min, bank.cell_max, bank.temperature_min) if e]
    assert found == [(3.21, 2, 2), (3.41, 3, 4), (11.0, 1, 2)]
    assert bank.temperature_max is not None and bank.temperature_max.battery == 3


def test_a_lost_battery_is_carried_by_the_mean_of_the_rest() -> None:
    rig = Rig(4, series=2).start()
    rig.each(current_a=-10.0)
    rig.batteries[4].current_a = -50.0
    assert rig.advance(0.5).bank.current_a == pytest.approx(-40.0)
    rig.unplug(4)
    bank = rig.advance(10.0).bank
    assert bank.current_a == pytest.approx(-20.0)
    assert bank.voltage_v == pytest.approx(26.4)
    assert (bank.series, bank.parallel, bank.online) == (2, 2, 3)


# --- errors --------------------------------------------------------------------------------------------------------


def in_error(rig: Rig) -> BankError:
    """The error that stands, with both outputs off and the sentence that says so."""
    rig.step()
    rig.advance(25.0)
    assert rig.allowed == (False, False)
    assert not (rig.outputs.atc or rig.outputs.atd)
    found = rig.decision.bank.error
    said = "gives no valid data" if found is BankError.NONE else BANK_ERRORS[found]
    assert any(said in text for text in rig.texts())
    assert rig.decision.device_state is DeviceState.ERROR
    assert rig.state.last_errors[0].code == error(rig)
    return error(rig)


def test_no_battery_answers() -> None:
    rig = Rig(2, series=2)
    for number in rig.batteries:
        rig.unplug(number)
    assert in_error(rig) is BankError.NO_BATTERIES


def test_no_battery_is_configured() -> None:
    rig = Rig()
    rig.spec = BankSpec(members=())
    assert in_error(rig) is BankError.NO_BATTERIES


def test_a_battery_of_unknown_capacity() -> None:
    rig = Rig(2, stated=False)
    rig.batteries[2].capacity_ah = 117.0
    assert in_error(rig) is BankError.UNKNOWN_BATTERY
    assert rig.reason(ReasonCode.BANK_ERROR).battery == 2


def test_a_battery_of_another_cell_count_than_its_model() -> None:
    rig = Rig()
    rig.battery.cells_v, rig.battery.voltage_v = [3.3] * 8, 26.4
    assert in_error(rig) is BankError.UNKNOWN_BATTERY


def test_batteries_of_different_types() -> None:
    rig = Rig(2, stated=False)
    rig.batteries[2].capacity_ah = 200.0
    assert in_error(rig) is BankError.DIFFERENT_TYPES
    assert rig.reason(ReasonCode.BANK_ERROR).battery == 2


def test_a_battery_that_was_told_its_capacity_afterwards_is_known_anew_once_acknowledged() -> None:
    rig = Rig(2, stated=False)
    rig.batteries[2].capacity_ah = 200.0
    assert in_error(rig) is BankError.DIFFERENT_TYPES
    rig.batteries[2].capacity_ah = 100.0
    rig.advance(1.0)
    assert "acknowledge once they are alike" in rig.reason(ReasonCode.BANK_ERROR).text
    rig.now_s += 0.5
    rig.step(Acknowledge())
    assert error(rig) is BankError.NONE
    assert rig.allowed == (True, True)


def test_fewer_batteries_than_configured() -> None:
    rig = Rig(3)
    rig.unplug(3)
    assert in_error(rig) is BankError.WRONG_NUMBER


@pytest.mark.parametrize(("type_name", "count"), [("12.8/100", 51), ("25.6/100", 51), ("51.2/100", 26)])
def test_more_batteries_than_allowed(type_name: str, count: int) -> None:
    assert in_error(Rig(count, type_name=type_name)) is BankError.WRONG_NUMBER
    assert Rig(count - 1, type_name=type_name).start().decision.error is BankError.NONE


@pytest.mark.parametrize(("type_name", "count", "series"), [
    ("12.8/100", 3, 3), ("12.8/100", 5, 5), ("12.8/100", 8, 8), ("25.6/100", 4, 4), ("51.2/100", 2, 2),
])  # fmt: skip
def test_a_number_in_series_that_makes_no_system(type_name: str, count: int, series: int) -> None:
    assert in_error(Rig(count, type_name=type_name, series=series)) is BankError.WRONG_SERIES


def test_series_neither_stated_nor_measured() -> None:
    rig = Rig(4)
    rig.spec = BankSpec(members=rig.spec.members)
    assert in_error(rig) is BankError.WRONG_SERIES


@pytest.mark.parametrize(("count", "series", "vbat_v"), [(4, 2, 13.2), (4, 4, 26.4), (2, 1, 26.4), (1, 1, 26.4)])
def test_a_stated_number_in_series_that_vbat_contradicts(count: int, series: int, vbat_v: float) -> None:
    rig = Rig(count, series=series, vbat_v=vbat_v)
    assert in_error(rig) is BankError.WRONG_SERIES
    rig.vbat_v = 13.2 * series
    rig.advance(0.5)
    assert error(rig) is BankError.NONE


def test_a_number_of_batteries_that_does_not_fit_the_series() -> None:
    assert in_error(Rig(5, series=2)) is BankError.WRONG_PARALLEL


def test_a_battery_that_stops_answering() -> None:
    rig = Rig(2).start()
    rig.unplug(1)
    rig.advance(10.0)
    assert error(rig) is BankError.BMS_CABLE


def test_all_lost_is_a_cable_and_no_wrong_series() -> None:
    rig = Rig(4, vbat_v=52.8).start()
    for number in rig.batteries:
        rig.unplug(number)
    rig.advance(20.0)
    assert rig.codes() == {ReasonCode.LOST_BATTERY}
    assert error(rig) is BankError.BMS_CABLE
    assert rig.decision.bank.series == 4


# --- Vbat ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vbat_v", [7.9, 70.1, 0.0, -1.0, nan, inf, -inf])
def test_vbat_out_of_range_for_10_s_is_the_wrong_system_voltage(vbat_v: float) -> None:
    rig = Rig(4, vbat_v=52.8).start()
    rig.vbat_v = vbat_v
    rig.advance(10.0)
    assert rig.allowed == (True, True)
    rig.advance(0.5)
    assert error(rig) is BankError.WRONG_SYSTEM_VOLTAGE
    assert rig.allowed == (False, False)
    rig.vbat_v = 52.8
    rig.advance(0.5)
    assert rig.allowed == (True, True)


def test_a_vbat_at_odds_for_10_s_is_a_wrong_series_and_no_new_topology() -> None:
    rig = Rig(4, vbat_v=52.8).start()
    rig.vbat_v = 26.4
    rig.advance(10.0)
    assert rig.allowed == (True, True)
    rig.advance(0.5)
    assert error(rig) is BankError.WRONG_SERIES
    assert rig.decision.bank.series == 4
    rig.now_s += 0.5
    assert "state it, or acknowledge Vbat" in rig.reason(ReasonCode.BANK_ERROR).text
    rig.step(Acknowledge())  # somebody has seen that it is 24 V
    assert error(rig) is BankError.NONE
    assert rig.decision.bank.series == 2


def test_a_vbat_that_is_not_read_keeps_what_was_found() -> None:
    rig = Rig(4, vbat_v=52.8).start()
    rig.vbat_v = None
    rig.advance(60.0)
    assert rig.allowed == (True, True)
    assert rig.decision.bank.series == 4


def test_a_moment_of_a_wrong_vbat_starts_its_10_s_anew() -> None:
    rig = Rig(4, vbat_v=52.8).start()
    for vbat_v in (0.0, 52.8, 26.4, 52.8, 0.0, 26.4):
        rig.vbat_v = vbat_v
        rig.advance(9.0)
        assert rig.allowed == (True, True)


# --- other makes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cells", "series"), [(15, 1), (17, 1), (8, 2), (4, 4)])
def test_a_model_of_ones_own_makes_a_bank(cells: int, series: int) -> None:
    own = custom_model("shed", cells=cells, capacity_ah=280)
    rig = Rig(series, battery_model=own, series=series).start()
    assert rig.decision.bank.capacity_ah == 280
    assert rig.decision.cvl_v == pytest.approx(3.55 * cells * series)


def test_the_cable_is_warned_of_after_3_s() -> None:
    rig = Rig(2).start()
    rig.batteries[1].answers = False
    rig.advance(2.5)
    assert rig.alarm(AlarmCode.BMS_CABLE) is AlarmLevel.OK
    rig.advance(0.5)
    assert rig.alarm(AlarmCode.BMS_CABLE) is AlarmLevel.WARNING


def test_one_that_never_answered_counts_more_than_one_that_stopped() -> None:
    rig = Rig(3)
    rig.unplug(3)
    rig.step()
    rig.advance(25.0)
    rig.unplug(2)
    rig.advance(10.0)
    assert error(rig) is BankError.WRONG_NUMBER
