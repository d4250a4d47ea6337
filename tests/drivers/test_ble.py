"""Samples of aiobmsble as readings: what is not told is not read, and nothing is guessed."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import pytest

from smallbms.drivers.ble import ble_reading
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

KEY = Identity(key="ble:AA:BB:CC:DD:EE:FF")


class Kind(Enum):
    GENERIC = 0
    CELL = 1
    CELL_MAX = 2
    CELL_MIN = 3
    MOSFET = 4
    AMBIENT = 8


class Sensor(NamedTuple):
    """As the library's `TempSensor`."""

    value: float
    type: Kind = Kind.GENERIC


WHOLE: dict[str, Any] = {
    "voltage": 13.2, "current": -4.5, "cell_count": 4, "cell_voltages": [3.3, 3.301, 3.302, 3.299],
    "temp_values": [Sensor(21.5, Kind.CELL), Sensor(22.0, Kind.CELL), Sensor(35.0, Kind.MOSFET)],
    "battery_level": 81, "cycle_charge": 81.5, "design_capacity": 100, "cycles": 12, "battery_health": 98,
    "chrg_mosfet": True, "dischrg_mosfet": False, "problem_code": 0,
}  # fmt: skip


def read(sample: dict[str, Any], kind: str = "some_bms", board_sensors: tuple[int, ...] = ()) -> BatteryReading:
    return ble_reading(sample, kind=kind, identity=KEY, board_sensors=frozenset(board_sensors), taken_at_s=7.0)


def test_a_whole_sample() -> None:
    assert read(WHOLE) == BatteryReading(
        taken_at_s=7.0,
        cells_taken_at_s=7.0,
        identity=KEY,
        voltage_v=13.2,
        current_a=-4.5,
        cell_voltages_v=(3.3, 3.301, 3.302, 3.299),
        cell_temperatures_c=(21.5, 22.0),
        board_temperatures_c=(35.0,),
        charge_switch_on=True,
        discharge_switch_on=False,
        remaining_ah=81.5,
        capacity_ah=100.0,
        soc_pct=81.0,
        soh_pct=98.0,
        cycles=12,
    )


def test_what_is_not_told_is_not_read() -> None:
    assert read({}) == BatteryReading(taken_at_s=7.0, cells_taken_at_s=7.0, identity=KEY)


def test_without_a_voltage_of_the_pack_the_cells_give_it() -> None:
    assert read({"cell_voltages": [3.3, 3.4]}).voltage_v == pytest.approx(6.7)
    assert read({"cell_voltages": [3.3], "cell_count": 2}).voltage_v is None


def test_of_cells_that_moved_up_none_is_believed() -> None:
    assert read(WHOLE | {"cell_voltages": [3.3, 3.302, 3.299]}).cell_voltages_v == (None,) * 4


@pytest.mark.parametrize(("kind", "board_sensors", "is_cell"), [
    (Kind.CELL, (), True), (Kind.CELL_MIN, (), True), (Kind.CELL_MAX, (), True), (Kind.GENERIC, (), True),
    (Kind.GENERIC, (2,), False), (Kind.CELL, (1,), True), (Kind.MOSFET, (), False), (Kind.AMBIENT, (), False),
])  # fmt: skip
def test_only_sensors_at_the_cells_are_cell_temperatures(
    kind: Kind, board_sensors: tuple[int, ...], is_cell: bool
) -> None:
    reading = read({"temp_values": [Sensor(50.0, Kind.MOSFET), Sensor(3.0, kind)]}, board_sensors=board_sensors)
    assert reading.cell_temperatures_c == ((3.0,) if is_cell else ())


SWITCHES = {"chrg_mosfet": True, "dischrg_mosfet": True}


@pytest.mark.parametrize(("kind", "sample", "faults"), [
    ("jbd_bms", {"problem_code": 0}, set()),
    ("jbd_bms", {"problem_code": 0b0000_0000_0101}, {Fault.CELL_HIGH, Fault.PACK_HIGH}),
    ("jbd_bms", {"problem_code": 1 << 20}, {Fault.INTERNAL}),
    ("some_bms", {"problem_code": 4, **SWITCHES}, {Fault.UNNAMED}),
    ("some_bms", {"problem": True, **SWITCHES}, {Fault.UNNAMED}),
    ("some_bms", {"problem_code": 4}, {Fault.INTERNAL}),
    ("some_bms", {"problem_code": 4, "chrg_mosfet": True}, {Fault.INTERNAL}),
    ("some_bms", {"problem": False, "problem_code": 0}, set()),
])  # fmt: skip
def test_a_problem_is_named_where_its_code_is_known(kind: str, sample: dict[str, Any], faults: set[Fault]) -> None:
    assert read(sample, kind).faults == faults


@pytest.mark.parametrize("value", [None, float("nan"), "13.2", True])
def test_a_figure_that_is_none_is_not_read(value: object) -> None:
    assert read({"current": value, "cell_voltages": [value]}).current_a is None
    assert read({"current": value, "cell_voltages": [value]}).cell_voltages_v == (None,)
