"""Each battery by its number: cells, status bits, and what a lost or unknown one shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.bench_battery import Rig
from publish.snapshots import snapshot_of, values_of
from smallbms.model import Identity
from smallbms.words import Fault


def test_a_lost_battery_keeps_its_name_and_shows_no_old_value() -> None:
    rig = Rig(2, series=2).start()
    rig.unplug(1)
    rig.advance(15)
    values = values_of(snapshot_of(rig))
    assert values["/Battery/1/Capacity"] == 100
    for path in ("Voltage", "Current", "Temperature", "Status", "Cell/1/Voltage", "Cell/4/Voltage"):
        assert values[f"/Battery/1/{path}"] is None, path
        assert values[f"/Battery/2/{path}"] is not None, path
    assert [values[f"/Voltages/Cell{n}"] for n in range(1, 9)] == [None] * 4 + [3.3] * 4
    assert values["/Voltages/Sum"] is None and values["/Voltages/Diff"] is None
    assert values["/System/NrOfModulesOffline"] == 1 and values["/Errors/SmartLithium/Communication"] == 1
    assert values["/ErrorCode"] == 32 and values["/Alarms/BmsCable"] == 2


def test_cells_of_one_string_are_numbered_through_it() -> None:
    rig = Rig(2, series=2)
    rig.batteries[2].cells_v = [3.301, 3.302, 3.303, 3.304]
    values = values_of(snapshot_of(rig.start()))
    assert [values[f"/Voltages/Cell{n}"] for n in range(1, 9)] == [3.3] * 4 + [3.301, 3.302, 3.303, 3.304]
    assert values["/Voltages/Sum"] == pytest.approx(26.41) and values["/Voltages/Diff"] == pytest.approx(0.004)


def test_strings_in_parallel_have_no_cells_of_one_string() -> None:
    assert not [path for path in values_of(snapshot_of(Rig(2).start())) if path.startswith("/Voltages")]


def test_a_string_with_a_battery_that_nobody_knows_numbers_no_cells() -> None:
    rig = Rig(2, series=2, stated=False)
    rig.batteries[1].answers = False
    rig.step()
    snapshot = snapshot_of(rig)
    assert {values_of(snapshot)[f"/Voltages/Cell{n}"] for n in range(1, 5)} == {None}


def test_each_cell_with_a_sensor_of_its_own_has_its_temperature() -> None:
    rig = Rig()
    rig.battery.temperatures_c = [20.0, 21.0, None, 23.0]
    values = values_of(snapshot_of(rig.start()))
    assert [values[f"/Battery/1/Cell/{n}/Temperature"] for n in range(1, 5)] == [20.0, 21.0, None, 23.0]
    assert values["/Battery/1/Temperature"] == pytest.approx(21.3)


def test_extremes_of_a_battery_without_single_cells_name_the_battery_only() -> None:
    rig = Rig()
    rig.battery.cells_v = []
    rig.battery.voltage_v, rig.battery.cell_min_v, rig.battery.cell_max_v = 13.2, 3.29, 3.31
    values = values_of(snapshot_of(rig.start()))
    assert (values["/System/MinVoltageCellId"], values["/System/MinCellVoltage"]) == ("B1", 3.29)
    assert values["/Battery/1/Cell/1/Voltage"] is None and values["/Voltages/Cell1"] is None


@pytest.mark.parametrize(
    ("fault", "bit"),
    [
        (Fault.CELL_IMBALANCE, 1), (Fault.PACK_HIGH, 3), (Fault.PACK_LOW, 4), (Fault.CHARGE_COLD, 5),
        (Fault.CHARGE_HOT, 6), (Fault.INTERNAL, 7), (Fault.DISCHARGE_HOT, 8), (Fault.CELL_HIGH, 9),
        (Fault.CHARGE_OVER_CURRENT, 12), (Fault.DISCHARGE_OVER_CURRENT, 14), (Fault.SHORT_CIRCUIT, 14),
        (Fault.CELL_LOW, 15), (Fault.DISCHARGE_COLD, 16),
    ],
)  # fmt: skip
def test_what_a_battery_reports_is_a_bit_of_its_status(fault: Fault, bit: int) -> None:
    rig = Rig(2).start()
    rig.batteries[2].faults = {fault}
    rig.step()
    values = values_of(snapshot_of(rig))
    assert (values["/Battery/1/Status"], values["/Battery/2/Status"]) == (0, 1 << bit)


def test_faults_without_a_bit_and_faults_with_the_same_one() -> None:
    rig = Rig().start()
    rig.battery.faults = {Fault.SWITCH_LOCKED, Fault.SHORT_CIRCUIT, Fault.DISCHARGE_OVER_CURRENT}
    rig.step()
    assert values_of(snapshot_of(rig))["/Battery/1/Status"] == 1 << 14


@pytest.mark.parametrize(
    ("values", "bit"),
    [
        ({"cell_v": 3.76}, 9), ({"cell_v": 2.7}, 15), ({"temperatures_c": [3.0, 3.0]}, 5),
        ({"temperatures_c": [51.5, 51.5]}, 6), ({"temperatures_c": [51.5, 51.5]}, 8),
        ({"temperatures_c": [-21.0, -21.0]}, 16), ({"current_a": 150.0}, 12), ({"current_a": -150.0}, 14),
    ],
)  # fmt: skip
def test_a_reason_that_names_a_battery_is_a_bit_of_its_status(values: dict[str, object], bit: int) -> None:
    rig = Rig().start()
    rig.each(**values)
    rig.advance(45)
    status = values_of(snapshot_of(rig))["/Battery/1/Status"]
    assert isinstance(status, int) and status & 1 << bit, rig.texts()


def test_a_balancing_battery_and_a_balanced_one() -> None:
    rig = Rig(2).start()
    rig.each(cell_v=3.46)
    rig.advance(200)
    values = values_of(snapshot_of(rig))
    assert (values["/Balancer/Status"], values["/Battery/1/Status"]) == (1, 1)
    rig.batteries[2].balancing_cells = (3,)
    rig.step()
    values = values_of(snapshot_of(rig))
    assert (values["/Balancer/Status"], values["/Battery/1/Status"], values["/Battery/2/Status"]) == (2, 0, 4)


def test_what_a_battery_says_of_itself_may_hold_anything() -> None:
    rig = Rig().start()
    battery = rig.decision.bank.batteries[0]
    assert battery.reading
    reading = replace(battery.reading, identity=Identity(key="k", serial="A\x00B\ud800", firmware="1.3"))
    bank = replace(rig.decision.bank, batteries=(replace(battery, reading=reading),))
    rig.decision = replace(rig.decision, bank=bank)
    values = values_of(snapshot_of(rig))
    assert (values["/Battery/1/Serial"], values["/Battery/1/FwVersion"]) == ("A?B?", "1.3")


def test_a_battery_of_no_known_type_shows_the_capacity_it_states() -> None:
    rig = Rig(stated=False)
    rig.battery.capacity_ah = 77.0
    rig.advance(25)
    values = values_of(snapshot_of(rig))
    assert values["/Battery/1/Capacity"] == 77 and values["/Capacity"] is None and values["/ErrorCode"] == 3
