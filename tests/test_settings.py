"""Every setting: its row, its bounds, what is refused and why, and how it is kept."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smallbms.batteries import BATTERIES, custom_model
from smallbms.changes import SetMode, SetSetting
from smallbms.errors import SettingsError
from smallbms.setting_row import Bounds
from smallbms.settings import (
    ACTIONS,
    SET_SOC,
    SETTINGS,
    Settings,
    bounds,
    change_for,
    changed,
    fitted,
    from_json,
    row_named,
    to_json,
    with_defaults,
)
from smallbms.words import Mode

# Frozen; others may be added. Name: bus path, D-Bus type, unit, minimum, maximum, default, restored by defaults
TABLE: dict[str, tuple[Any, ...]] = {
    "charged_voltage_cell_v": ("/Settings/Battery/ChargedVoltage", "d", "V", 3.40, 3.50, 3.45, True),
    "tail_current_pct": ("/Settings/Battery/TailCurrent", "d", "%", 0.5, 10, 4, True),
    "charged_detection_time_min": ("/Settings/Battery/ChargedDetectionTime", "i", "min", 1, 50, 3, True),
    "low_soc_warning_pct": ("/Settings/Alarm/LowSoc", "i", "%", 1, 99, 15, True),
    "discharge_floor_pct": ("/Settings/Battery/DischargeFloor", "i", "%", 0, 90, 10, True),
    "pre_alarm_cell_v": ("/Settings/Battery/PreAlarmCellVoltage", "d", "V", 2.85, 3.15, 3.10, False),
    "mode": ("/Mode", "i", "", 3, 252, 3, False),
    "instant_readout": ("/Settings/BluetoothMode", "i", "", 0, 1, 1, False),
    "custom_name": ("/CustomName", "s", "", None, None, "", False),
}
NUMBERS = [name for name, row in TABLE.items() if row[2]]
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


def test_every_setting_of_the_manual_has_its_row() -> None:
    rows = {
        row.name: (
            row.bus_path,
            row.kind,
            row.unit,
            row.bounds.minimum,
            row.bounds.maximum,
            row.bounds.default,
            row.restored_by_defaults,
        )
        for row in SETTINGS
    }
    assert {name: rows[name] for name in TABLE} == TABLE
    assert all(row.title and row.text and row.step > 0 for row in SETTINGS)


def test_defaults_are_those_of_the_rows() -> None:
    assert {name: getattr(Settings(), name) for name in TABLE} == {name: row[5] for name, row in TABLE.items()}


def test_bus_paths_are_all_different() -> None:
    paths = [row.bus_path for row in (*SETTINGS, SET_SOC)] + [row.bus_path for row in ACTIONS]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("name", NUMBERS)
def test_bounds_are_allowed_and_a_step_beyond_is_not(name: str) -> None:
    _, _, unit, lowest, highest, *_ = TABLE[name]
    row = row_named(name)
    base = Settings(discharge_floor_pct=0, low_soc_warning_pct=99)
    for value in (lowest, highest):
        assert getattr(changed(base, name, value), name) == value
    for value in (lowest - row.step, highest + row.step):
        with pytest.raises(SettingsError) as refused:
            changed(base, name, value)
        for word in (row.title, name, repr(value), f"{lowest:g}…{highest:g} {unit}"):
            assert word in str(refused.value)


@pytest.mark.parametrize(
    ("name", "written", "kept"),
    [
        ("pre_alarm_cell_v", "3.1", 3.1),
        ("pre_alarm_cell_v", 3, 3.0),
        ("charged_voltage_cell_v", 3.5000000000000004, 3.5),
        ("charged_detection_time_min", 5.0, 5),
        ("charged_detection_time_min", "5", 5),
        ("mode", 252, Mode.STANDBY),
        ("mode", 4.0, Mode.OFF),
        ("mode", "252", Mode.STANDBY),
        ("mode", " Standby ", Mode.STANDBY),
        ("mode", "off", Mode.OFF),
        ("instant_readout", 0, 0),
        ("instant_readout", "on", 1),
        ("instant_readout", False, 0),
        ("instant_readout", True, 1),
        ("custom_name", "Küche 🔋", "Küche 🔋"),
        ("custom_name", "x" * 32, "x" * 32),
        ("custom_name", "", ""),
    ],
)
def test_what_a_writer_means_is_kept_in_the_right_type(name: str, written: object, kept: object) -> None:
    value = getattr(changed(Settings(), name, written), name)
    assert (value, type(value)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("name", "written", "allowed"),
    [
        ("charged_detection_time_min", 3.5, "a whole number, 1…50 min"),
        ("discharge_floor_pct", True, "0…90 %"),
        ("tail_current_pct", "four", "0.5…10 %"),
        ("tail_current_pct", "", "0.5…10 %"),
        ("tail_current_pct", None, "0.5…10 %"),
        ("tail_current_pct", math.nan, "0.5…10 %"),
        ("tail_current_pct", math.inf, "0.5…10 %"),
        ("tail_current_pct", 10**400, "0.5…10 %"),
        pytest.param("tail_current_pct", 16**5000, "0.5…10 %", id="huge"),
        ("tail_current_pct", [4], "0.5…10 %"),
        ("mode", 5, "3 (on), 4 (off), 252 (standby)"),
        ("mode", "eco", "252 (standby)"),
        ("mode", None, "252 (standby)"),
        ("instant_readout", 2, "0 (off), 1 (on)"),
        ("custom_name", "x" * 33, "32 characters"),
        ("custom_name", "a\nb", "no control characters"),
        ("custom_name", "a\udc80", "no control characters"),
        ("custom_name", 5, "a text"),
    ],
)
def test_a_refusal_says_what_is_allowed(name: str, written: object, allowed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        changed(Settings(), name, written)
    assert allowed in str(refused.value)
    assert name in str(refused.value)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"'floor' is no setting; there are charged_voltage_cell_v, .*custom_name"):
        changed(Settings(), "floor", 1)


@pytest.mark.parametrize(
    ("floor_pct", "warning_pct", "after_pct"), [(13, 15, 15), (14, 15, 15), (15, 15, 16), (90, 15, 91), (0, 1, 1)]
)
def test_a_raised_floor_takes_the_warning_with_it(floor_pct: int, warning_pct: int, after_pct: int) -> None:
    before = Settings(discharge_floor_pct=0, low_soc_warning_pct=warning_pct)
    after = changed(before, "discharge_floor_pct", floor_pct)
    assert (after.discharge_floor_pct, after.low_soc_warning_pct) == (floor_pct, after_pct)
    assert after.low_soc_clear_pct == after_pct + 1


def test_a_warning_may_not_sink_to_the_floor() -> None:
    assert changed(Settings(), "low_soc_warning_pct", 11).low_soc_warning_pct == 11
    with pytest.raises(SettingsError, match=r"low_soc_warning_pct\) = 10 .* 11…99 %"):
        changed(Settings(), "low_soc_warning_pct", 10)


@pytest.mark.parametrize("values", [{"discharge_floor_pct": 15}, {"custom_name": "a\0"}, {"mode": 5}, {"floor": 1}])
def test_settings_that_do_not_fit_cannot_exist(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**values)


@pytest.mark.parametrize(
    ("charge_v", "low_cell_v", "highest_charged_v", "lowest_pre_alarm_v"),
    [
        (16 * 3.55, 2.80, 3.50, 2.85),
        (16 * 3.50, 3.00, 3.45, 3.05),
        (56.33, 2.825, 3.470, 2.875),
        (58.00, 2.50, 3.50, 2.85),
    ],
)
def test_the_battery_narrows_the_bounds(
    charge_v: float, low_cell_v: float, highest_charged_v: float, lowest_pre_alarm_v: float
) -> None:
    model = custom_model("pack", cells=16, capacity_ah=280, charge_v=charge_v, low_cell_v=low_cell_v)
    assert bounds(row_named("charged_voltage_cell_v"), model).maximum == pytest.approx(highest_charged_v, abs=1e-9)
    assert bounds(row_named("pre_alarm_cell_v"), model).minimum == pytest.approx(lowest_pre_alarm_v, abs=1e-9)
    with pytest.raises(SettingsError):
        changed(Settings(), "charged_voltage_cell_v", highest_charged_v + 0.001, model=model)
    with pytest.raises(SettingsError):
        changed(Settings(), "pre_alarm_cell_v", lowest_pre_alarm_v - 0.001, model=model)
    stored = Settings(charged_voltage_cell_v=3.50, pre_alarm_cell_v=2.85, mode=Mode.OFF)
    moved = fitted(stored, model)
    assert moved.charged_voltage_cell_v == pytest.approx(highest_charged_v, abs=1e-9)
    assert moved.pre_alarm_cell_v == pytest.approx(lowest_pre_alarm_v, abs=1e-9)
    assert moved.mode is Mode.OFF
    assert fitted(Settings(), model) == Settings()


def test_text_has_no_bounds_to_narrow() -> None:
    assert Bounds().narrowed(lowest=1) == Bounds()


def test_reset_to_defaults_restores_exactly_the_five() -> None:
    other: dict[str, Any] = {
        "charged_voltage_cell_v": 3.40,
        "tail_current_pct": 2.0,
        "charged_detection_time_min": 9,
        "low_soc_warning_pct": 40,
        "discharge_floor_pct": 30,
        "pre_alarm_cell_v": 2.90,
        "mode": Mode.STANDBY,
        "instant_readout": 0,
        "custom_name": "boat",
    }
    after = with_defaults(Settings(**other))
    restored = {name for name in TABLE if getattr(after, name) == TABLE[name][5]}
    assert restored == {name for name, row in TABLE.items() if row[6]}
    assert len(restored) == 5
    assert all(getattr(after, name) == other[name] for name in set(TABLE) - restored)


def test_settings_survive_the_store() -> None:
    settings = Settings(mode=Mode.STANDBY, custom_name="boat", tail_current_pct=2.5, instant_readout=0)
    assert from_json(json.loads(json.dumps(to_json(settings)))) == (settings, ())


@pytest.mark.parametrize(
    ("stored", "kept", "notice"),
    [
        ({"tail_current_pct": 99, "custom_name": "boat"}, {"custom_name": "boat"}, "tail_current_pct) = 99 "),
        ({"mode": None, "discharge_floor_pct": 5}, {"discharge_floor_pct": 5}, "mode"),
        ({"gone": 1}, {}, "'gone' is unknown"),
        (
            {"discharge_floor_pct": 40, "low_soc_warning_pct": 20},
            {"discharge_floor_pct": 40, "low_soc_warning_pct": 41},
            "raised above the discharge floor, to 41 %",
        ),
        ({"discharge_floor_pct": "x", "low_soc_warning_pct": 5}, {"low_soc_warning_pct": 11}, "discharge_floor_pct"),
    ],
)
def test_a_broken_stored_value_costs_only_itself(stored: dict[str, object], kept: dict[str, Any], notice: str) -> None:
    settings, notices = from_json(stored)
    assert settings == Settings(**kept)
    assert any(notice in text for text in notices)


@given(stored=st.dictionaries(st.sampled_from(list(TABLE)) | st.text(max_size=4), ANYTHING))
def test_any_stored_object_gives_settings_that_fit(stored: dict[str, object]) -> None:
    settings, notices = from_json(stored)
    assert Settings.model_validate(settings.model_dump()) == settings
    assert len(notices) <= len(stored) + 1
    assert from_json(to_json(settings)) == (settings, ())


@given(
    name=st.sampled_from([*TABLE, "soc_pct", *(row.name for row in ACTIONS), "other"]),
    value=ANYTHING | st.floats(0, 100) | st.integers(0, 100),
    model=st.sampled_from([None, *BATTERIES]),
    floor_pct=st.integers(0, 90),
)
def test_a_write_leaves_settings_that_fit_or_says_why(name: str, value: object, model: Any, floor_pct: int) -> None:
    before = changed(Settings(), "discharge_floor_pct", floor_pct)
    try:
        change = change_for(name, value)
        after = changed(before, name, value, model=model)
    except SettingsError as error:
        assert name in str(error)
        return
    assert isinstance(change, SetMode | SetSetting)
    assert Settings.model_validate(after.model_dump()) == after
    assert changed(after, name, getattr(after, name), model=model) == after
    for other in set(TABLE) - {name, "low_soc_warning_pct"}:
        assert getattr(after, other) == getattr(before, other)
    if name not in ("discharge_floor_pct", "low_soc_warning_pct"):
        assert after.low_soc_warning_pct == before.low_soc_warning_pct
