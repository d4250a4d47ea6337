"""A battery as another service shows it: each path, when a value is one of now, and nothing that was not said."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.drivers.victron_dbus import ALARMS, CELLS, FIELDS, MEASURED, PATHS, QUIET_S, VictronBattery
from smallbms.model import BatteryReading
from smallbms.words import Fault

HOT, COLD = {Fault.CHARGE_HOT, Fault.DISCHARGE_HOT}, {Fault.CHARGE_COLD, Fault.DISCHARGE_COLD}
SMALLEST = {
    "/Connected": 1, "/Dc/0/Voltage": 13.2, "/Dc/0/Current": -4.5, "/System/MinCellVoltage": 3.299,
    "/System/MaxCellVoltage": 3.302,
}  # fmt: skip
MOVES = ("/Dc/0/Power", -59.4)


def shown(values: dict[str, object], *, moved_at_s: float = 10.0) -> VictronBattery:
    """A battery found with these values, of which one has just moved."""
    battery = VictronBattery(key="k")
    for path, value in (SMALLEST | values).items():
        battery.find(path, value)
    battery.take(*MOVES, moved_at_s)
    return battery


def read(battery: VictronBattery, now_s: float = 10.0) -> BatteryReading:
    reading = battery.reading(now_s)
    assert reading is not None
    return reading


@pytest.mark.parametrize(("values", "field", "value"), [
    ({}, "voltage_v", 13.2),
    ({}, "current_a", -4.5),
    ({}, "cell_voltages_v", ()),
    ({}, "cell_min_v", 3.299),
    ({}, "cell_max_v", 3.302),
    ({}, "cell_temperatures_c", ()),
    ({}, "charge_switch_on", None),
    ({}, "charge_limit_a", None),
    ({}, "capacity_ah", None),
    ({"/Dc/0/Voltage": None}, "voltage_v", None),
    ({"/Dc/0/Current": nan}, "current_a", None),
    ({"/Dc/0/Current": "-4.5"}, "current_a", None),
    ({"/Soc": 64}, "soc_pct", 64.0),
    ({"/Soh": 99.5}, "soh_pct", 99.5),
    ({"/Io/AllowToCharge": 0}, "charge_switch_on", False),
    ({"/Io/AllowToCharge": 1}, "charge_switch_on", True),
    ({"/Io/AllowToCharge": False}, "charge_switch_on", False),
    ({"/Io/AllowToDischarge": 0}, "discharge_switch_on", False),
    ({"/Info/MaxChargeVoltage": 14.2}, "charge_voltage_limit_v", 14.2),
    ({"/Info/MaxChargeVoltage": 0.0}, "charge_voltage_limit_v", None),
    ({"/Info/MaxChargeCurrent": 50}, "charge_limit_a", 50.0),
    ({"/Info/MaxChargeCurrent": -1.0}, "charge_limit_a", 0.0),
    ({"/Info/MaxDischargeCurrent": 0.0}, "discharge_limit_a", 0.0),
    ({"/InstalledCapacity": 100.0, "/Capacity": 64.0}, "capacity_ah", 100.0),
    ({"/Capacity": 100}, "capacity_ah", 100.0),
    ({"/Dc/0/Temperature": 22.0}, "cell_temperatures_c", (22.0,)),
    ({"/Dc/0/Temperature": 22.0, "/System/MinCellTemperature": 19.0}, "cell_temperatures_c", (22.0,)),
    (
        {"/Dc/0/Temperature": 22.0, "/System/MinCellTemperature": 19.0, "/System/MaxCellTemperature": 25.0},
        "cell_temperatures_c",
        (19.0, 25.0),
    ),
    ({"/Voltages/Cell1": 3.31, "/Voltages/Cell2": 3.33}, "cell_voltages_v", (3.31, 3.33)),
    ({"/Voltages/Cell1": 3.31, "/Voltages/Cell2": 3.33}, "cell_max_v", 3.33),
    ({"/Voltages/Cell1": 3.31, "/Voltages/Cell2": None}, "cell_voltages_v", (3.31, None)),
    ({"/Voltages/Cell1": None}, "cell_min_v", None),
    ({"/Voltages/Cell2": 3.31}, "cell_voltages_v", (None, 3.31)),
    ({"/Voltages/Cell1": 3.31, "/Voltages/Cell2": None, "/System/NrOfCellsPerBattery": 1}, "cell_voltages_v", (3.31,)),
    ({"/Voltages/Cell1": 3.3, "/Voltages/Cell2": 3.3, "/System/NrOfCellsPerBattery": 1}, "cell_voltages_v", (3.3, 3.3)),
    ({"/System/NrOfCellsPerBattery": 16}, "cell_voltages_v", ()),
])  # fmt: skip
def test_each_field(values: dict[str, object], field: str, value: object) -> None:
    assert getattr(read(shown(values)), field) == value


@pytest.mark.parametrize(("values", "is_it"), [
    ({}, (None, None, None)),
    ({"/Serial": "HQ2112", "/ProductName": " Pack ", "/FirmwareVersion": 0x0113FF}, ("HQ2112", "Pack", "0x113FF")),
    ({"/Serial": "", "/ProductName": 3, "/FirmwareVersion": "v1.2"}, (None, "0x3", "v1.2")),
    ({"/Serial": True, "/ProductName": [1], "/FirmwareVersion": 1.5}, (None, None, None)),
])  # fmt: skip
def test_who_it_is(values: dict[str, object], is_it: tuple[str | None, str | None, str | None]) -> None:
    who = read(shown(values)).identity
    assert (who.serial, who.model, who.firmware) == is_it
    assert who.key == "k"


@pytest.mark.parametrize(("path", "faults"), ALARMS.items())
def test_an_alarm_is_a_protection_and_a_warning_is_none(path: str, faults: tuple[Fault, ...]) -> None:
    alarm, warning = read(shown({path: 2})), read(shown({path: 1}))
    assert (alarm.faults, alarm.warnings) == (set(faults), set())
    assert (warning.faults, warning.warnings) == (set(), set(faults))
    for level in (0, None, "2"):
        assert not read(shown({path: level})).faults | read(shown({path: level})).warnings


def test_a_temperature_is_not_against_discharging_while_that_is_allowed() -> None:
    alarms: dict[str, object] = {"/Alarms/LowTemperature": 2, "/Alarms/HighTemperature": 2}
    assert read(shown(alarms)).faults == HOT | COLD
    allowed = read(shown(alarms | {"/Io/AllowToDischarge": 1})).faults
    assert allowed == {Fault.CHARGE_HOT, Fault.CHARGE_COLD}


# --- when a value is one of now ------------------------------------------------------------------------------------


def test_what_is_found_may_be_of_any_age_until_something_moves() -> None:
    battery = VictronBattery(key="k")
    for path, value in SMALLEST.items():
        battery.find(path, value)
    battery.take("/Connected", 1, 9.0)
    assert battery.reading(9.0) is None
    battery.take("/Alarms/LowSoc", 1, 9.5)
    battery.take("/Dc/0/Current", None, 9.6)
    assert battery.reading(9.6) is None  # nothing measured has moved
    battery.take("/Dc/0/Current", -4.4, 10.0)
    assert read(battery).taken_at_s == read(battery).cells_taken_at_s == 10.0


def test_rest_is_not_death_and_an_answer_alone_is_no_life() -> None:
    battery = shown({}, moved_at_s=10.0)
    for now_s in (40.0, 10.0 + QUIET_S):
        battery.take("/Connected", 1, now_s)
        assert read(battery, now_s).taken_at_s == now_s
    battery.take("/Connected", 1, 10.1 + QUIET_S)
    assert battery.reading(10.1 + QUIET_S) is None
    battery.take("/Dc/0/Voltage", 13.2, 80.0)  # the same again
    assert battery.reading(80.0) is None
    battery.take("/Dc/0/Voltage", 13.21, 81.0)
    assert read(battery, 81.0).voltage_v == 13.21


def test_without_an_answer_the_values_age() -> None:
    assert read(shown({}, moved_at_s=10.0), 30.0).taken_at_s == 10.0


@pytest.mark.parametrize("connected", [0, None, "1", 2])
def test_a_service_that_is_not_connected_says_nothing(connected: object) -> None:
    battery = shown({})
    battery.take("/Connected", connected, 10.5)
    assert battery.reading(10.5) is None
    battery.take("/Dc/0/Voltage", 13.3, 11.0)
    assert battery.reading(11.0) is None
    battery.take("/Connected", 1, 12.0)
    assert battery.reading(12.0) is None  # its last values are those of before
    battery.take("/Dc/0/Voltage", 13.4, 13.0)
    assert read(battery, 13.0).voltage_v == 13.4


def test_a_service_that_is_gone_is_forgotten() -> None:
    battery = shown({"/Voltages/Cell4": 3.3})
    battery.forget()
    assert battery.reading(10.0) is None
    assert battery.heard_at_s == -inf
    battery.find("/Connected", 1)
    battery.find("/Dc/0/Voltage", 12.9)
    battery.take("/Dc/0/Voltage", 12.8, 11.0)
    now = read(battery, 11.0)
    assert (now.voltage_v, now.current_a, now.cell_voltages_v, now.cell_min_v) == (12.8, None, (), None)


VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1), st.sampled_from([0, 1, 2, 13.2]),
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(sorted(PATHS)), VALUE, st.booleans()), max_size=40))
def test_whatever_a_service_says_nothing_is_invented(said: list[tuple[str, object, bool]]) -> None:
    battery = VictronBattery(key="k")
    battery.find("/Connected", 1)
    newest: dict[str, object] = {"/Connected": 1}
    for now_s, (path, value, found) in enumerate(said):
        newest[path] = value
        if found:
            battery.find(path, value)
        else:
            battery.take(path, value, float(now_s))
    reading = battery.reading(float(len(said)))
    if reading is None:
        return
    assert newest["/Connected"] == 1
    assert not MEASURED.isdisjoint(newest)
    for path, (field, _) in FIELDS.items():
        value = getattr(reading, field)
        assert value is None or (path in newest and -inf < value < inf)
    for number, volts in enumerate(reading.cell_voltages_v, 1):
        told = newest.get(f"/Voltages/Cell{number}")
        assert volts is None or volts == float(str(told))  # which rounds an integer of 64 bits
    assert bool(reading.cell_voltages_v) <= (not CELLS.keys().isdisjoint(newest))
    assert {fault for path, told in ALARMS.items() if newest.get(path) == 2 for fault in told} >= reading.faults
