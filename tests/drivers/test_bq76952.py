"""The BQ76952: what it is set to, what is believed of it, and what never is; against a chip that behaves like one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smallbms.batteries import BATTERIES, custom_model
from smallbms.drivers.bq76952_registers import FAULTS, Status
from smallbms.drivers.bq76952_settings import (
    CELL_STEP_V,
    CHARGE_SENSE_MV,
    DISCHARGE_SENSE_MV,
    Board,
    settings,
    usual_inputs,
)
from smallbms.errors import FrameError
from smallbms.model import BatteryModel
from smallbms.words import Fault

from .chips import Pair, pair, state

# --- measuring -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crc", [False, True])
@pytest.mark.parametrize(
    ("cells", "inputs"), [(16, None), (15, None), (4, None), (4, (1, 2, 3, 4)), (8, (1, 2, 3, 4, 13, 14, 15, 16))]
)
def test_a_reading_is_what_the_chip_measures(crc: bool, cells: int, inputs: tuple[int, ...] | None) -> None:
    chip = pair(cells=cells, inputs=inputs, crc=crc, thermistors=("TS1", "TS3"), board_thermistors=("TS2",))
    reading = chip.reading()
    assert reading.cell_voltages_v == state(cells).cell_voltages_v
    assert reading.cell_min_v == 3.3
    assert reading.cell_max_v == reading.cell_voltages_v[-1]
    assert reading.voltage_v == pytest.approx(
        sum(state(cells).cell_voltages_v[i] or 0.0 for i in range(cells)), abs=0.006
    )
    assert reading.current_a == -4.5
    assert reading.cell_temperatures_c == (21.5, 23.5)
    assert reading.board_temperatures_c == (25.0, 22.5)
    assert (reading.charge_switch_on, reading.discharge_switch_on) == (None, None)
    assert reading.faults == frozenset()
    assert reading.capacity_ah is None
    assert 1000.0 < reading.cells_taken_at_s <= reading.taken_at_s <= chip.time.now_s


@pytest.mark.parametrize("sense_mohm", [0.25, 0.5, 1.0])
@pytest.mark.parametrize(("capacity_ah", "current_a"), [(100.0, -180.25), (100.0, 99.99), (600.0, 1100.5)])
def test_any_shunt_and_any_battery_shows_its_current_and_its_charge(
    sense_mohm: float, capacity_ah: float, current_a: float
) -> None:
    chip = pair(sense_mohm=sense_mohm, capacity_ah=capacity_ah)
    chip.set(current_a=current_a)
    before = chip.reading()
    chip.time.now_s += 60.0
    after = chip.reading()
    assert before.charge_ah is not None and after.charge_ah is not None
    assert before.charge_time_s is not None and after.charge_time_s is not None
    assert after.current_a == pytest.approx(current_a, abs=0.051)
    assert after.charge_ah - before.charge_ah == pytest.approx(current_a / 60, rel=1e-3)
    assert after.charge_time_s - before.charge_time_s == pytest.approx(60.0, abs=1.1)


def test_a_shunt_other_than_stated_shows_another_current() -> None:
    """So the test above would see a wrong gain."""
    chip = pair(sense_mohm=0.5, chip_mohm=1.0)
    assert chip.reading().current_a == -9.0


def test_a_thermistor_that_is_open_or_not_wired_is_not_read() -> None:
    chip = pair(thermistors=("TS1", "TS2"))
    chip.set(cell_temperatures_c=(None, 20.0))
    assert chip.reading().cell_temperatures_c == (None, 20.0)
    assert pair(thermistors=()).reading().cell_temperatures_c == ()


def test_who_it_is() -> None:
    nameless = pair(key="bq76952:/dev/i2c-1:0x70:2").reading().identity
    assert (nameless.key, nameless.serial) == ("bq76952:/dev/i2c-1:0x70:2", None)
    assert (nameless.model, nameless.firmware) == ("BQ76952", "0.36.16")
    chip = pair()
    chip.chip.manufacturer_data = b"PACK-0042"
    assert (chip.reading().identity.key, chip.reading().identity.serial) == ("PACK-0042", "PACK-0042")
    chip = pair()
    chip.chip.manufacturer_data = b"\x01\x02\xff"
    assert chip.reading().identity.serial is None


def test_cells_that_do_not_add_up_to_the_stack_are_not_believed() -> None:
    chip = pair()
    chip.reading()
    chip.chip.stack_off_v = 0.79
    assert chip.poll() is not None
    chip.chip.stack_off_v = -0.81
    with pytest.raises(FrameError, match="an open wire"):
        chip.poll()


# --- setting up ----------------------------------------------------------------------------------------------------


def test_nothing_is_handed_on_before_the_chip_is_set_up_and_it_is_set_up_once() -> None:
    chip = pair()
    assert chip.poll() is None
    assert chip.chip.configured == 1
    assert not chip.chip.was_reset
    assert chip.reading().current_a == -4.5
    again = pair()
    again.chip = chip.chip  # another process, the chip goes on
    again.time = chip.time
    assert again.reading().current_a == -4.5
    assert chip.chip.configured == 1


def test_a_chip_that_is_set_up_otherwise_is_set_up_anew() -> None:
    chip = pair(watchdog_s=10)
    chip.reading()
    other = pair(watchdog_s=20)
    other.chip, other.time = chip.chip, chip.time
    assert other.poll() is None
    assert chip.chip.configured == 2


def test_a_reset_is_found_before_any_value_is_believed_and_mended() -> None:
    chip = pair(capacity_ah=100.0)
    chip.reading()
    chip.chip.reset()
    with pytest.raises(FrameError, match="lost its settings"):
        chip.poll()
    assert chip.poll() is None
    assert chip.chip.configured == 2
    assert chip.reading().current_a == -4.5


def test_a_configuration_that_was_left_half_way_is_ended() -> None:
    chip = pair()
    chip.reading()
    chip.chip.configuring = True
    with pytest.raises(FrameError, match="lost its settings"):
        chip.poll()
    assert chip.reading().current_a == -4.5
    assert not chip.chip.configuring


@pytest.mark.parametrize(
    "setting", settings(Board(sense_mohm=0.5, inputs=usual_inputs(15)), custom_model("m", cells=15, capacity_ah=90))
)
def test_each_setting_is_read_back(setting: tuple[str, int, bytes]) -> None:
    name, address, data = setting
    chip = pair(cells=15, capacity_ah=90.0)
    chip.chip.refuses = address
    chip.chip.forge(address, bytes(byte ^ 0xFF for byte in data))
    with pytest.raises(FrameError, match=name):
        chip.poll()
    with pytest.raises(FrameError, match=name):
        chip.poll()


def test_another_chip_and_a_sealed_one_are_named() -> None:
    chip = pair()
    chip.chip.device_number = 0x7694
    with pytest.raises(FrameError, match="0x7694: not a BQ76952"):
        chip.poll()
    chip = pair()
    chip.chip.status = Status.SEALED
    with pytest.raises(FrameError, match="sealed"):
        chip.poll()


def test_a_chip_that_never_changes_its_mode_is_given_up() -> None:
    chip = pair()
    chip.chip.status = Status.CONFIGURING
    with pytest.raises(FrameError, match="into or out of its configuration"):
        chip.poll()


EXTREME = [
    custom_model(f"{low}-{high}", cells=15, capacity_ah=280, high_cell_v=high, low_cell_v=low)
    for high, low in ((3.6, 2.5), (3.8, 3.0))
]


@pytest.mark.parametrize("model", [*BATTERIES, *EXTREME], ids=lambda model: str(model.name))
def test_the_chip_trips_outside_of_our_limits_and_within_what_it_can(model: BatteryModel) -> None:
    board = Board(sense_mohm=0.25, inputs=usual_inputs(model.cells))
    data = {row.name: row.data for row in settings(board, model)}
    low_v, high_v = data["cell low"][0] * CELL_STEP_V, data["cell high"][0] * CELL_STEP_V
    assert model.thresholds.high_cell_v + 0.09 < high_v < model.thresholds.high_cell_v + 0.16
    assert 2.0 < low_v < model.thresholds.low_cell_v - 0.35
    assert 20 <= data["cell low"][0] <= 90 and 20 <= data["cell high"][0] <= 110
    charge_mv, discharge_mv = 2.0 * data["charge over-current"][0], 2.0 * data["discharge over-current"][0]
    assert charge_mv <= CHARGE_SENSE_MV and discharge_mv <= DISCHARGE_SENSE_MV
    assert charge_mv / 0.25 > model.continuous_charge_a or charge_mv == CHARGE_SENSE_MV
    assert discharge_mv / 0.25 > min(model.peak_discharge_a, 750)
    hot, cold = (int.from_bytes(data[name], signed=True) for name in ("charge hot", "discharge cold"))
    assert (hot, cold) == (55, -25)
    assert int.from_bytes(data["charge cold"], signed=True) == 0


# --- protections and FETs ------------------------------------------------------------------------------------------

BITS = [(table, bit, fault) for table, row in enumerate(FAULTS) for bit, fault in row.items()]


@pytest.mark.parametrize(("table", "bit", "fault"), BITS)
@pytest.mark.parametrize("alert", [True, False])
def test_every_bit_is_a_fault_in_its_direction(table: int, bit: int, fault: Fault, alert: bool) -> None:
    chip = pair()
    chip.reading()
    chip.chip.safety[2 * table + (not alert)] = 1 << bit
    assert chip.reading().faults == {fault}


def _set(**values: object) -> Callable[[Pair], None]:
    def act(chip: Pair) -> None:
        for name, value in values.items():
            setattr(chip.chip, name, value)

    return act


@pytest.mark.parametrize(
    "act",
    [
        _set(safety=bytearray((0, 1, 0, 0, 0, 0))),  # a bit that has no name
        _set(failure=bytearray((0, 0, 0, 4, 0, 0, 0, 0))),
        _set(status=Status.FAILURE),
        _set(status=Status.SAFETY),
    ],
)
def test_what_has_no_name_is_an_internal_fault(act: Callable[[Pair], None]) -> None:
    chip = pair()
    chip.reading()
    act(chip)
    assert chip.reading().faults == {Fault.INTERNAL}


def test_a_permanent_failure_that_is_only_near_is_none() -> None:
    chip = pair()
    chip.chip.failure[0] = 0xFF
    assert chip.reading().faults == frozenset()


def test_fets_are_switched_on_once_and_opened_by_the_watchdog_when_nobody_speaks() -> None:
    chip = pair(fets=True, watchdog_s=10)
    reading = chip.reading()
    assert (reading.charge_switch_on, reading.discharge_switch_on) == (True, True)
    opened = []
    for silent_s in (9.9, 0.2):
        chip.time.now_s += silent_s
        opened.append(chip.chip.fets_open)
    assert opened == [False, True]
    again = pair(fets=True, watchdog_s=10)
    again.chip, again.time = chip.chip, chip.time
    reading = again.reading()  # speaking cures it; FET_ENABLE would toggle
    assert (reading.charge_switch_on, reading.discharge_switch_on) == (True, True)
    assert chip.chip.configured == 1


def test_without_fets_there_is_no_watchdog() -> None:
    chip = pair(fets=False)
    chip.reading()
    chip.time.now_s += 600.0
    assert chip.reading().faults == frozenset()


# --- balancing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crc", [False, True])
def test_cells_are_bled_at_their_inputs_and_rest_while_they_are_read(crc: bool) -> None:
    chip = pair(cells=4, crc=crc)  # at the inputs 1, 2, 3 and 16
    rested = chip.reading()
    chip.talk(chip.driver.bleed((2, 4)))
    assert chip.chip.bleeding == {2, 16}
    resting = [chip.driver.bleeding]
    disturbed = chip.reading()
    assert disturbed.cell_voltages_v != rested.cell_voltages_v
    chip.talk(chip.driver.rest())
    assert chip.chip.bleeding == set()
    assert [*resting, chip.driver.bleeding] == [True, False]
    chip.time.now_s += 0.1
    reading = chip.reading()
    assert reading.cell_voltages_v == rested.cell_voltages_v
    assert reading.balancing_cells == (2, 4)
    assert chip.reading().balancing_cells == ()


def test_what_another_process_left_bleeding_ends_when_the_chip_is_met() -> None:
    chip = pair()
    chip.reading()
    chip.talk(chip.driver.bleed((7,)))
    again = pair()
    again.chip, again.time = chip.chip, chip.time
    assert again.poll() is None
    assert chip.chip.bleeding == set()


def test_bleeding_ends_by_itself_after_20_s() -> None:
    chip = pair()
    chip.reading()
    chip.talk(chip.driver.bleed((1, 3)))
    chip.time.now_s += 19.9
    assert chip.chip.bleeding == {1, 3}
    chip.time.now_s += 0.2
    assert chip.chip.bleeding == set()


def test_what_the_chip_refuses_to_bleed_is_not_shown_as_bled() -> None:
    chip = pair()
    chip.reading()
    chip.talk(chip.driver.bleed((1, 2)))  # neighbours
    chip.talk(chip.driver.rest())
    assert chip.reading().balancing_cells == ()


def test_a_chip_that_bleeds_other_cells_is_found_out() -> None:
    chip = pair()
    chip.reading()
    chip.talk(chip.driver.bleed((5,)))
    chip.chip.deaf_to_bleeding = True
    with pytest.raises(FrameError, match="0x0010 are bled, wanted are 0x0002"):
        chip.talk(chip.driver.bleed((2,)))
    assert chip.driver.bleeding
