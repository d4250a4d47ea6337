"""The door: a wish is taken or refused at once, and the next step hears of it once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smallbms.batteries import model_named
from smallbms.changes import (
    Acknowledge,
    Change,
    ClearHistory,
    ResetDefaults,
    SetMode,
    SetSetting,
    SetSoc,
    Synchronise,
)
from smallbms.door import Door
from smallbms.errors import SettingsError
from smallbms.model import BatteryModel
from smallbms.settings import Settings
from smallbms.words import Mode


class Opened:
    """A door and what it told."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.told: list[Change] = []
        self.door = Door(settings or Settings(), self.told.append)


def model() -> BatteryModel:
    found = model_named("12.8/200")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "value", "change"),
    [
        ("tail_current_pct", 5.0, SetSetting(name="tail_current_pct", value=5.0, origin="test")),
        ("mode", "off", SetMode(mode=Mode.OFF, origin="test")),
        ("soc_pct", 55, SetSoc(soc_pct=55.0, origin="test")),
        ("synchronise", 1, Synchronise(origin="test")),
        ("clear_history", True, ClearHistory(origin="test")),
        ("reset_defaults", 1, ResetDefaults(origin="test")),
        ("acknowledge", 1, Acknowledge(origin="test")),
    ],
)
def test_a_wish_is_told_and_waits_for_the_next_step(name: str, value: object, change: Change) -> None:
    opened = Opened()
    opened.door.apply(name, value, "test")
    assert opened.told == [change]
    assert opened.door.take() == (change,)
    assert opened.door.take() == ()


def test_a_setting_is_in_force_when_its_writer_has_the_answer() -> None:
    opened = Opened()
    opened.door.apply("discharge_floor_pct", 20, "test")
    assert (opened.door.settings.discharge_floor_pct, opened.door.settings.low_soc_warning_pct) == (20, 21)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tail_current_pct", 11), ("mode", "party"), ("soc_pct", 101), ("synchronise", 2), ("soc", 50), ("", "")],
)
def test_a_refused_wish_leaves_no_trace(name: str, value: object) -> None:
    opened = Opened()
    with pytest.raises(SettingsError):
        opened.door.apply(name, value, "test")
    assert (opened.told, opened.door.take(), opened.door.settings) == ([], (), Settings())


def test_a_setting_that_is_so_already_is_no_news_but_an_action_is() -> None:
    opened = Opened()
    opened.door.apply("tail_current_pct", Settings().tail_current_pct, "test")
    assert opened.told == []
    opened.door.apply("mode", "on", "test")  # a person writes On to end a hold
    opened.door.apply("acknowledge", 1, "test")
    opened.door.apply("acknowledge", 1, "test")
    assert len(opened.door.take()) == 3


def test_reset_restores_the_five_and_nothing_else() -> None:
    mine: dict[str, Any] = {"tail_current_pct": 7.0, "discharge_floor_pct": 30, "low_soc_warning_pct": 40}
    kept: dict[str, Any] = {"mode": Mode.STANDBY, "custom_name": "boat", "pre_alarm_cell_v": 3.0}
    opened = Opened(Settings(**mine, **kept))
    opened.door.apply("reset_defaults", 1, "test")
    assert opened.door.settings == Settings(**kept)


def test_settings_move_into_the_bounds_of_the_batteries_once_they_are_known() -> None:
    tight = replace(model(), charge_v=13.88)
    opened = Opened(Settings(charged_voltage_cell_v=3.5))
    assert opened.door.know(tight)
    assert opened.door.settings.charged_voltage_cell_v == pytest.approx(3.42)
    assert not opened.door.know(tight)
    with pytest.raises(SettingsError):
        opened.door.apply("charged_voltage_cell_v", 3.45, "test")
    opened.door.apply("reset_defaults", 1, "test")
    assert opened.door.settings.charged_voltage_cell_v == pytest.approx(3.42)


def test_batteries_that_fit_move_nothing() -> None:
    opened = Opened()
    assert not opened.door.know(model())
    assert opened.door.settings == Settings()
