"""What one doubtful datum leaves of the others, and readings of which only a part is new."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smallbms.core.plausibility import judge
from smallbms.core.remembered import BatteryMemory
from smallbms.model import BatteryReading, Member
from smallbms.words import ReasonCode

from .bench_battery import BenchBattery, Rig, model

MEMBER = Member(number=1, model=model())


def shown() -> BatteryReading:
    return BenchBattery(model=model(), key="cell works 1", cells_v=[3.3] * 4).reading(0.0)


def judged(*readings: BatteryReading) -> BatteryMemory:
    """Each at the time of its newer frame."""
    memory = None
    for reading in readings:
        memory = judge(memory, MEMBER, reading, max(reading.taken_at_s, reading.cells_taken_at_s))
    assert memory is not None
    return memory


def in_turn(reading: BatteryReading, count: int) -> list[BatteryReading]:
    """A pack frame, then a cell frame, each a half second after the other."""
    found = []
    for half in range(1, count + 1):
        at_s = half * 0.5
        reading = replace(reading, taken_at_s=at_s) if half % 2 else replace(reading, cells_taken_at_s=at_s)
        found.append(reading)
    return found


def test_frames_that_come_in_turn_are_readings_each() -> None:
    first, stranger = shown(), replace(shown(), identity=replace(shown().identity, key="a stranger"))
    assert judged(first, *in_turn(stranger, 2)).doubts.strange == 2
    assert judged(first, *in_turn(stranger, 3)).doubts.strange == 3


def test_a_pack_frame_is_no_further_reading_of_an_unread_cell() -> None:
    hurt = replace(shown(), cell_voltages_v=(3.3, None, 3.3, 3.3), voltage_v=13.2, cells_taken_at_s=0.1)
    only_packs = [replace(hurt, taken_at_s=0.5 * n) for n in range(1, 8)]
    assert judged(shown(), *only_packs).doubts.unread == 1


def test_a_cell_frame_is_no_further_reading_of_a_missing_sensor() -> None:
    bare = replace(shown(), cell_temperatures_c=())
    only_cells = [replace(bare, cells_taken_at_s=0.5 * n) for n in range(1, 8)]
    assert judged(bare, *only_cells).doubts.sensorless == 1


@pytest.mark.parametrize("cell_v", [0.49, 5.01])
def test_a_cell_that_cannot_be_true_is_not_read_though_the_sum_fits(cell_v: float) -> None:
    cells_v = (3.3, cell_v, 3.3, 3.3)
    odd = replace(shown(), taken_at_s=5.0, cells_taken_at_s=5.0, cell_voltages_v=cells_v, voltage_v=sum(cells_v))
    battery = judged(shown(), odd).battery
    assert battery.reading is not None
    assert battery.reading.cell_voltages_v == (3.3, None, 3.3, 3.3)
    assert not battery.plain


def test_a_doubtful_datum_takes_no_other_with_it() -> None:
    rig = Rig(stated=False)
    rig.battery.soc_pct, rig.battery.remaining_ah, rig.battery.soh_pct = 0.0, 0.0, 255.0
    rig.step()
    battery = rig.decision.bank.batteries[0]
    assert battery.model == model()
    assert battery.reading is not None
    assert (battery.reading.soc_pct, battery.reading.remaining_ah, battery.reading.soh_pct) == (0.0, 0.0, None)
    assert (battery.reading.capacity_ah, rig.decision.soc_pct) == (100.0, 0.0)


@pytest.mark.parametrize(("to_v", "is_believed"), [(2.0, True), (1.99, False)])
@pytest.mark.parametrize("sensor_c", [25.0, None])
def test_a_cell_may_move_by_1_5_volts_at_once_and_no_further(
    to_v: float, is_believed: bool, sensor_c: float | None
) -> None:
    rig = Rig()
    rig.battery.temperatures_c = [sensor_c, 25.0]
    rig.battery.cells_v[1] = 3.5
    rig.step()
    rig.battery.cells_v[1] = to_v
    rig.advance(0.5)
    reading = rig.decision.bank.batteries[0].reading
    assert reading is not None
    assert reading.cell_voltages_v == (3.3, to_v if is_believed else None, 3.3, 3.3)


@pytest.mark.parametrize(("step_a", "is_lost"), [(0.0, True), (9.0, True), (11.0, False)])
def test_cells_that_do_not_add_up_are_a_loss_unless_the_load_has_just_moved(step_a: float, is_lost: bool) -> None:
    rig = Rig().start()
    rig.battery.voltage_v = 14.0
    for reading in range(4):
        rig.battery.current_a = -step_a * (reading % 2)
        rig.advance(0.5)
    assert (ReasonCode.LOST_BATTERY in rig.codes()) is is_lost


@pytest.mark.parametrize(("pack_v", "is_lost"), [(13.58, False), (13.63, True), (12.83, False), (12.80, True)])
def test_a_sum_within_3_percent_is_right_whatever_else_is_not_read(pack_v: float, is_lost: bool) -> None:
    rig = Rig().start()
    rig.battery.temperatures_c, rig.battery.voltage_v = [25.0, None], pack_v
    rig.advance(3.0)
    assert (ReasonCode.LOST_BATTERY in rig.codes()) is is_lost


@pytest.mark.parametrize(("pack_v", "is_believed"), [(1.9, False), (2.1, True), (19.9, True), (20.1, False)])
def test_a_pack_without_single_cells_has_the_voltage_of_its_cells(pack_v: float, is_believed: bool) -> None:
    rig = Rig()
    rig.each(cells_v=[], cell_min_v=3.3, cell_max_v=3.3, voltage_v=pack_v)
    rig.step()
    reading = rig.decision.bank.batteries[0].reading
    assert reading is not None
    assert (reading.voltage_v is not None) is is_believed
