"""Settings as the bus shows them, and what a write asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.batteries import BATTERIES
from smallbms.changes import Acknowledge, ClearHistory, ResetDefaults, SetMode, SetSetting, SetSoc, Synchronise
from smallbms.errors import SettingsError
from smallbms.setting_row import Bounds
from smallbms.settings import Settings, bounds, bus_bounds, change_for, changed, from_bus, row_named, to_bus
from smallbms.words import Mode

MODEL = BATTERIES[0]


@pytest.mark.parametrize(("cells", "lowest_v", "highest_v", "default_v"), [(4, 13.6, 14, 13.8), (16, 54.4, 56, 55.2)])
def test_the_bus_shows_the_charged_voltage_of_the_bank(
    cells: int, lowest_v: float, highest_v: float, default_v: float
) -> None:
    row = row_named("charged_voltage_cell_v")
    assert bus_bounds(row, MODEL, cells) == Bounds(minimum=lowest_v, maximum=highest_v, default=default_v)
    assert to_bus(row, Settings(), cells) == default_v
    assert from_bus(row, highest_v, MODEL, cells) == 3.50
    with pytest.raises(SettingsError, match=f"3.45 is not allowed; allowed is {lowest_v:g}…{highest_v:g} V"):
        from_bus(row, 3.45, MODEL, cells)


def test_without_a_bank_the_charged_voltage_is_neither_shown_nor_taken() -> None:
    row = row_named("charged_voltage_cell_v")
    assert to_bus(row, Settings(), None) is None
    assert bus_bounds(row, None, None) == Bounds()
    with pytest.raises(SettingsError, match="once the batteries are read"):
        from_bus(row, 13.8, None, None)


def test_the_bus_shows_all_else_as_it_is() -> None:
    row = row_named("pre_alarm_cell_v")
    assert to_bus(row, Settings(), 16) == 3.10
    assert from_bus(row, 3.0, MODEL, 16) == 3.0
    assert bus_bounds(row, MODEL, 16) == bounds(row, MODEL)


@given(cells=st.sampled_from([4, 8, 12, 15, 16, 17]), step=st.integers(0, 170))
def test_a_bank_voltage_comes_back_as_it_was_written(cells: int, step: int) -> None:
    row = row_named("charged_voltage_cell_v")
    limits = bus_bounds(row, None, cells)
    assert limits.minimum is not None and limits.maximum is not None
    written = round(min(limits.minimum + step * 0.01, limits.maximum), 2)
    kept = from_bus(row, written, None, cells)
    settings = changed(Settings(), row.name, kept)
    assert to_bus(row, settings, cells) == pytest.approx(written, abs=1e-9)


ORIGIN = "mqtt"


@pytest.mark.parametrize(
    ("name", "value", "change"),
    [
        ("synchronise", 1, Synchronise(origin=ORIGIN)),
        ("reset_defaults", "1", ResetDefaults(origin=ORIGIN)),
        ("clear_history", 1.0, ClearHistory(origin=ORIGIN)),
        ("acknowledge", True, Acknowledge(origin=ORIGIN)),
        ("soc_pct", "55.5", SetSoc(soc_pct=55.5, origin=ORIGIN)),
        ("soc_pct", 0, SetSoc(soc_pct=0.0, origin=ORIGIN)),
        ("mode", "standby", SetMode(mode=Mode.STANDBY, origin=ORIGIN)),
        ("discharge_floor_pct", "20", SetSetting(name="discharge_floor_pct", value=20, origin=ORIGIN)),
        ("custom_name", "boat", SetSetting(name="custom_name", value="boat", origin=ORIGIN)),
    ],
)
def test_a_write_is_one_change(name: str, value: object, change: object) -> None:
    assert change_for(name, value, ORIGIN) == change


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("synchronise", 0, "allowed is 1"),
        ("clear_history", "yes", "allowed is 1"),
        ("acknowledge", False, "allowed is 1"),
        ("soc_pct", 100.1, "0…100 %"),
        ("soc_pct", -1, "0…100 %"),
        ("mode", 0, "3 (on)"),
        ("tail_current_pct", 11, "0.5…10 %"),
        ("history", 1, "no setting"),
    ],
)
def test_a_wrong_write_is_no_change(name: str, value: object, allowed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        change_for(name, value)
    assert allowed in str(refused.value)
