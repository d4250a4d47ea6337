"""The table of bus paths against a real device's, and what it says of banks on the bench."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.bench_battery import Rig
from publish.recording import INVALID, SIGNATURES, Recorded, recorded
from publish.snapshots import IDENTITY, rows_of, shape_of, snapshot_of, text_of, values_of
from smallbms.changes import SetSetting
from smallbms.paths import NOT_PUBLISHED, Shape, documentation, groups_for
from smallbms.paths.device import packed_version
from smallbms.settings import ACTIONS, SET_SOC, SETTINGS, changed
from smallbms.words import Mode

RECORDED, LATER = recorded()
WHOLE = {"y": 0xFF, "q": 0xFFFF, "u": 0xFFFF_FFFF, "i": 0x7FFF_FFFF}


def _banks() -> Iterator[tuple[str, Rig]]:
    """Banks of every kind of state that the table has words for."""
    yield "one battery", Rig().start()
    yield "24 V, two in series", Rig(2, type_name="12.8/200", series=2).start()
    yield "four in parallel", Rig(4, type_name="25.6/300", host_current_a=0.4).start()
    unread = Rig(2, stated=False)
    unread.each(answers=False)
    unread.step()
    yield "nothing read yet", unread
    low = Rig(2, host_current_a=0.4).start()
    low.each(cell_v=2.7, current_a=-10.0, soh_pct=88.4)
    low.advance(60)
    yield "a low cell", low
    lost = Rig(2, series=2).start()
    lost.unplug(2)
    lost.advance(15)
    yield "a lost battery", lost
    off = Rig().start()
    off.pins = replace(off.pins, remote_on=False)
    off.advance(1)
    yield "remote off", off


BANKS = [pytest.param(rig, id=name) for name, rig in _banks()]


def test_the_recording_is_whole() -> None:
    assert len(RECORDED) == 89
    assert len({row.path for row in RECORDED}) == 89


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row.path)
def test_each_recorded_path_is_published_with_its_type_or_left_out_with_a_reason(row: Recorded) -> None:
    rows = rows_of(snapshot_of(Rig().start()))
    if row.path in NOT_PUBLISHED:
        assert row.path not in rows
        assert len(NOT_PUBLISHED[row.path]) > 10
    elif row.type != INVALID:
        assert rows[row.path].form.signature == SIGNATURES[row.type]
    else:
        assert values_of(snapshot_of(Rig().start()))[row.path] is None


@pytest.mark.parametrize("row", [r for r in RECORDED + LATER if r.type != INVALID], ids=lambda r: f"{r.path}={r.value}")
def test_a_recorded_value_has_the_recorded_text(row: Recorded) -> None:
    rows = rows_of(snapshot_of(Rig().start()))
    if row.path in NOT_PUBLISHED or row.path == "/CustomName":  # the NG gives no text for its name
        return
    value = row.value if row.type == "STRING" else float(row.value) if row.type == "DOUBLE" else int(row.value)
    assert rows[row.path].form.text(value) == row.text


@pytest.mark.parametrize("rig", BANKS)
def test_values_have_the_type_of_their_path(rig: Rig) -> None:
    snapshot = snapshot_of(rig)
    rows, values = rows_of(snapshot), values_of(snapshot)
    assert rows.keys() == values.keys()
    for path, value in values.items():
        signature = rows[path].form.signature
        if value is None:
            continue
        assert type(value) is {"d": float, "s": str}.get(signature, int), path
        if signature in WHOLE:
            assert isinstance(value, int) and abs(value) <= WHOLE[signature], path
        assert isinstance(rows[path].form.text(value), str)


def test_paths_are_paths_and_stand_once() -> None:
    paths = [row.path for group in groups_for(Shape(cells=(4, 4, 16), string_cells=8)) for row in group.rows]
    assert len(paths) == len(set(paths))
    assert all(re.fullmatch(r"(/[A-Za-z0-9]+)+", path) for path in paths)
    assert not set(paths) & NOT_PUBLISHED.keys()


def test_a_running_bank() -> None:
    rig = Rig(4, type_name="25.6/200")
    rig.each(cell_v=3.31, current_a=-5.0, temperatures_c=[21.0, 23.0])
    rig.start()
    snapshot = snapshot_of(rig)
    expected = {
        "/Dc/0/Voltage": "26.48V", "/Dc/0/Current": "-20.0A", "/Dc/0/Power": "-530W", "/Dc/0/Temperature": "22 degrees",
        "/Soc": "50.0%", "/Soh": "", "/TimeToGo": "57540s", "/ConsumedAmphours": "-400.0Ah", "/Capacity": "800Ah",
        "/InstalledCapacity": "800.0Ah", "/Settings/Battery/Capacity": "800Ah",
        "/Settings/Battery/NominalVoltage": "24V", "/System/NrOfBatteries": "4", "/System/BatteriesParallel": "4",
        "/System/BatteriesSeries": "1", "/System/NrOfCellsPerBattery": "8", "/System/NrOfModulesOnline": "4",
        "/System/NrOfModulesOffline": "0", "/System/MinCellVoltage": "3.31V",
        "/System/MaxCellTemperature": "23 degrees", "/System/MinVoltageCellId": "B1 C1",
        "/System/MaxTemperatureCellId": "B1 C2", "/Io/AllowToCharge": "1",
        "/Io/AllowToDischarge": "1", "/Io/PreAlarm": "0", "/SystemSwitch": "1", "/State": "9", "/ErrorCode": "0",
        "/Info/MaxChargeVoltage": "28.40V", "/Info/MaxChargeCurrent": "800.0A", "/Info/MaxDischargeCurrent": "800.0A",
        "/Info/BatteryLowVoltage": "22.40V", "/Info/Reasons/Charge": "[]", "/Info/Reasons/Charge/Text": "",
        "/Info/SocState": "1", "/Info/Notices": "new bank: charge fully first", "/Info/ReserveDays": "",
        "/Info/Links": "[]",
        "/Balancer/Status": "0", "/Balancer/Text": "no full charge has been seen yet: give a full charge",
        "/Mode": "3", "/Settings/Battery/ChargedVoltage": "27.60V", "/Settings/Battery/TailCurrent": "4.0%",
        "/Settings/Alarm/LowSoc": "15%", "/Settings/Alarm/LowSocClear": "16", "/Settings/BluetoothMode": "1",
        "/Settings/Battery/Synchronize": "0", "/History/Clear": "", "/Battery/Request/Id": "1",
        "/Battery/3/Voltage": "26.48V", "/Battery/3/Current": "-5.0A", "/Battery/3/Capacity": "200Ah",
        "/Battery/3/Cell/8/Voltage": "3.310V", "/Battery/3/Cell/1/Temperature": "", "/DeviceInstance": "4",
        "/ProductId": "0xFFFF", "/FirmwareVersion": "v1.13", "/Mgmt/ProcessVersion": "1.13.2", "/Connected": "1",
    }  # fmt: skip
    assert {path: text_of(snapshot, path) for path in expected} == expected


def test_nothing_read_is_nothing_said() -> None:
    rig = Rig(2, stated=False)
    rig.each(answers=False)
    rig.step()
    values = values_of(snapshot_of(rig))
    measured = [path for path in values if path.startswith(("/Dc/", "/Soc", "/Capacity", "/TimeToGo", "/Battery/1/V"))]
    assert {path: values[path] for path in measured} == dict.fromkeys(measured)
    assert values["/System/MinVoltageCellId"] is None and values["/System/NrOfCellsPerBattery"] is None
    assert values["/Io/AllowToCharge"] == values["/Io/AllowToDischarge"] == 0
    assert values["/Info/MaxChargeCurrent"] == values["/Info/MaxDischargeCurrent"] == 0.0
    assert "starting" in str(values["/Info/Reasons/Charge/Text"])
    assert "/Battery/1/Cell/1/Voltage" not in values


def test_outputs_out_of_reach_leave_the_remote_input_unknown() -> None:
    rig = Rig().start()
    rig.pins = replace(rig.pins, reachable=False)
    rig.advance(1)
    assert values_of(snapshot_of(rig))["/SystemSwitch"] is None


def test_each_reason_is_told_to_programs_and_to_people() -> None:
    rig = Rig(2).start()
    rig.battery.temperatures_c = [3.04, 25.0]
    rig.advance(10)
    rig.unplug(2)
    rig.advance(12)
    values = values_of(snapshot_of(rig))
    reasons = json.loads(str(values["/Info/Reasons/Charge"]))
    assert [reason["code"] for reason in reasons] == ["charge_cold", "lost_battery"]
    assert reasons[0] == {
        "code": "charge_cold", "battery": 1, "cell": 1, "value": 3.04, "limit": 5.0, "since": rig.wall_s - 17,
        "text": "battery 1 at 3.0 °C, no charging below 5 °C; back: 7 °C or more",
    }  # fmt: skip
    assert reasons[1]["value"] is None and reasons[1]["limit"] is None
    assert values["/Info/Reasons/Charge/Text"] == "\n".join(reason["text"] for reason in reasons)
    assert [r["code"] for r in json.loads(str(values["/Info/Reasons/Discharge"]))] == ["lost_battery"]
    assert (values["/System/NrOfModulesBlockingCharge"], values["/System/NrOfModulesBlockingDischarge"]) == (2, 1)


def test_reasons_of_the_bank_are_no_batterys() -> None:
    rig = Rig().start()
    rig.settings = changed(rig.settings, "mode", "off")
    rig.step()
    values = values_of(snapshot_of(rig))
    assert values["/System/NrOfModulesBlockingCharge"] == 0
    assert (values["/Mode"], values["/State"], values["/Io/AllowToCharge"]) == (Mode.OFF, 12, 0)


def test_last_errors_newest_first() -> None:
    rig = Rig(2).start()
    rig.unplug(2)
    rig.advance(15)
    values = values_of(snapshot_of(rig))
    assert values["/Diagnostics/LastErrors/1/Error"] == 32
    assert isinstance(values["/Diagnostics/LastErrors/1/Time"], int)
    assert values["/Diagnostics/LastErrors/2/Error"] is None and values["/Diagnostics/LastErrors/2/Time"] is None


def test_history_is_in_the_units_of_the_bus() -> None:
    rig = Rig().start()
    rig.each(current_a=-36.0)
    rig.advance(100)
    snapshot = snapshot_of(rig)
    assert text_of(snapshot, "/History/TotalAhDrawn") == "1.0Ah"
    assert text_of(snapshot, "/History/DischargedEnergy") == "0.01kWh"
    assert text_of(snapshot, "/History/DeepestDischarge") == "-51.0Ah"
    assert text_of(snapshot, "/History/TimeSinceLastFullCharge") == ""
    assert text_of(snapshot, "/History/MinimumCellVoltage") == "3.30V"


def test_only_settings_actions_and_the_echo_are_writable() -> None:
    rows = rows_of(snapshot_of(Rig(3).start()))
    writable = {path for path, row in rows.items() if row.writes}
    assert writable == {
        *(row.bus_path for row in SETTINGS), *(row.bus_path for row in ACTIONS), SET_SOC.bus_path, "/Battery/Request/Id"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "bounds"),
    [
        ("/Settings/Battery/ChargedVoltage", (54.4, 56.0, 55.2)), ("/Settings/Battery/TailCurrent", (0.5, 10, 4.0)),
        ("/Settings/Battery/PreAlarmCellVoltage", (2.85, 3.15, 3.1)), ("/Mode", (3, 252, 3)),
        ("/Settings/Battery/StateOfCharge", (0, 100, None)), ("/Settings/Battery/Synchronize", (0, 1, None)),
        ("/Battery/Request/Id", (1, 4, 1)), ("/CustomName", (None, None, "")), ("/Soc", (None, None, None)),
    ],
)  # fmt: skip
def test_bounds_are_those_of_the_bank(path: str, bounds: tuple[object, ...]) -> None:
    snapshot = snapshot_of(Rig(4, type_name="12.8/100", series=4).start())
    found = rows_of(snapshot)[path].bounds(snapshot)
    assert (found.minimum, found.maximum, found.default) == bounds


def test_the_charged_voltage_has_no_bounds_while_the_bank_is_not_known() -> None:
    rig = Rig(stated=False)
    rig.each(answers=False)
    rig.step()
    snapshot = snapshot_of(rig)
    path = "/Settings/Battery/ChargedVoltage"
    assert rows_of(snapshot)[path].bounds(snapshot).minimum is None and values_of(snapshot)[path] is None


def test_a_setting_is_seen_once_it_is_in_force() -> None:
    rig = Rig().start()
    change = SetSetting(name="custom_name", value="Kajütboot")
    rig.settings = changed(rig.settings, change.name, change.value)
    rig.step(change)
    assert values_of(snapshot_of(rig))["/CustomName"] == "Kajütboot"


@pytest.mark.parametrize(
    ("version", "packed"),
    [("1.13", 0x0113FF), ("1.13.7", 0x0113FF), ("0.1.0", 0x0001FF), ("12.3.4", 0x1203FF), ("1.0.dev1", None)],
)
def test_the_version_is_packed_as_victron_packs_it(version: str, packed: int | None) -> None:
    assert packed_version(version) == packed
    values = values_of(snapshot_of(Rig().start(), replace(IDENTITY, version=version)))
    assert values["/FirmwareVersion"] == packed and values["/Mgmt/ProcessVersion"] == version


def test_the_shape_grows_with_what_is_found_and_never_shrinks() -> None:
    rig = Rig(2, stated=False)
    rig.batteries[2].answers = False
    rig.step()
    small = shape_of(snapshot_of(rig))
    assert small == Shape(cells=(4, 0))
    rig.batteries[2].answers = True
    rig.advance(1)
    grown = small.grown(snapshot_of(rig))
    assert grown == Shape(cells=(4, 4))
    assert grown.grown(snapshot_of(rig)) is grown
    assert grown.grown(snapshot_of(Rig(series=1).start())) == Shape(cells=(4, 4), string_cells=4)


def test_the_documentation_has_a_line_for_each_path() -> None:
    table = documentation()
    for path in rows_of(snapshot_of(Rig().start())):
        general = re.sub(r"^/Battery/1/", "/Battery/<n>/", path)
        general = re.sub(r"Cell/[0-9]+/", "Cell/<c>/", general)
        general = re.sub(r"^/Voltages/Cell[0-9]+$", "/Voltages/Cell<n>", general)
        assert f"| `{general}` | " in table, path
    for path, why in NOT_PUBLISHED.items():
        assert f"| `{path}` | {why} |" in table
    lines = table.splitlines()
    for start in (
        "| `/Settings/Battery/TailCurrent` | DOUBLE | % | 0.5…10 | Tail current. Below this,",
        "| `/Settings/Battery/ChargedVoltage` | DOUBLE | V | 3.4…3.5 per cell |",
        "| `/CustomName` | STRING |  | text |",
        "| `/Mode` | UINT32 |  | 3 on, 4 off, 252 standby |", "| `/History/Clear` | UINT32 |  | 1 |",
        "| `/Battery/Request/Id` | INT32 |  | 1…n |", "| `/Soc` | DOUBLE | % |  |",
    ):  # fmt: skip
        assert sum(line.startswith(start) for line in lines) == 1, start
