"""Every setting once (manual §4.3, §5.1.2): bounds, default, bus path and words; and the one door to change one.

`Settings` keeps values in their own unit; the bus shows the charged voltage in V of the bank, all else the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, NamedTuple

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from smallbms import changes
from smallbms.errors import SettingsError
from smallbms.model import BatteryModel
from smallbms.setting_row import NAME_CHARACTERS, Bounds, SettingRow, Value, checked, number_of, refused, scaled
from smallbms.wording import shown
from smallbms.words import Mode

PRE_ALARM_ABOVE_LOW_CELL_V = 0.05
CHARGED_BELOW_CHARGE_V = 0.05  # per cell


class Settings(BaseModel):
    """All settings, in bounds and fitting each other."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    charged_voltage_cell_v: Annotated[
        float,
        SettingRow(
            bus_path="/Settings/Battery/ChargedVoltage",
            kind="d",
            unit="V",
            step=0.01,
            restored_by_defaults=True,
            scaled_by_cells=True,
        ),
    ] = Field(
        default=3.45, ge=3.40, le=3.50, title="Charged voltage", description="Above this the SoC may be set to 100 %"
    )
    tail_current_pct: Annotated[
        float,
        SettingRow(bus_path="/Settings/Battery/TailCurrent", kind="d", unit="%", step=0.1, restored_by_defaults=True),
    ] = Field(
        default=4.0, ge=0.5, le=10, title="Tail current", description="Below this, of the capacity, a battery is full"
    )
    charged_detection_time_min: Annotated[
        int,
        SettingRow(bus_path="/Settings/Battery/ChargedDetectionTime", kind="i", unit="min", restored_by_defaults=True),
    ] = Field(default=3, ge=1, le=50, title="Charged detection time", description="How long both must hold")
    low_soc_warning_pct: Annotated[
        int, SettingRow(bus_path="/Settings/Alarm/LowSoc", kind="i", unit="%", restored_by_defaults=True)
    ] = Field(
        default=15, ge=1, le=99, title="Low SoC warning level", description="Warning and pre-alarm from here on down"
    )
    discharge_floor_pct: Annotated[
        int, SettingRow(bus_path="/Settings/Battery/DischargeFloor", kind="i", unit="%", restored_by_defaults=True)
    ] = Field(
        default=10,
        ge=0,
        le=90,
        title="Discharge floor",
        description="No discharging from here on down; 0 switches it off",
    )
    pre_alarm_cell_v: Annotated[
        float, SettingRow(bus_path="/Settings/Battery/PreAlarmCellVoltage", kind="d", unit="V", step=0.01)
    ] = Field(
        default=3.10, ge=2.85, le=3.15, title="Pre-alarm cell voltage", description="Pre-alarm from a cell this low"
    )
    mode: Annotated[
        Mode, SettingRow(bus_path="/Mode", kind="i", words={mode.name.lower(): mode.value for mode in Mode})
    ] = Field(default=Mode.ON, title="Mode", description="The soft switch; standby and off open both outputs")
    instant_readout: Annotated[
        Literal[0, 1], SettingRow(bus_path="/Settings/BluetoothMode", kind="i", words={"off": 0, "on": 1})
    ] = Field(default=1, title="Instant Readout", description="Broadcast the main values by Bluetooth")
    custom_name: Annotated[str, SettingRow(bus_path="/CustomName", kind="s")] = Field(
        default="", max_length=NAME_CHARACTERS, title="Name", description="What this system is called"
    )

    @field_validator("custom_name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable():
            raise ValueError("no control characters")
        return name

    @model_validator(mode="after")
    def _fit(self) -> Settings:
        if self.low_soc_warning_pct <= self.discharge_floor_pct:
            raise ValueError("the low SoC warning is above the discharge floor")
        return self

    @property
    def low_soc_clear_pct(self) -> int:
        """Where the low SoC warning ends; /Settings/Alarm/LowSocClear, read only."""
        return self.low_soc_warning_pct + 1


class ActionRow(NamedTuple):
    """Something that writing 1 does."""

    name: str
    bus_path: str
    title: str
    make: Callable[..., changes.Change]


def _row(name: str) -> SettingRow:
    info = Settings.model_fields[name]
    row: SettingRow = next(item for item in info.metadata if isinstance(item, SettingRow))
    codes = row.words.values()
    lowest: Any = next((item.ge for item in info.metadata if isinstance(item, Ge)), min(codes, default=None))
    highest: Any = next((item.le for item in info.metadata if isinstance(item, Le)), max(codes, default=None))
    limits = Bounds(minimum=lowest, maximum=highest, default=info.default)
    return replace(row, name=name, title=str(info.title), text=str(info.description), bounds=limits)


SETTINGS = tuple(_row(name) for name in Settings.model_fields)
SET_SOC = SettingRow(
    name="soc_pct",
    bus_path="/Settings/Battery/StateOfCharge",
    kind="d",
    unit="%",
    step=0.1,
    title="State of charge",
    text="Sets the state of charge by hand",
    bounds=Bounds(minimum=0, maximum=100),
)
ACTIONS = (
    ActionRow("synchronise", "/Settings/Battery/Synchronize", "Synchronise SoC to 100 %", changes.Synchronise),
    ActionRow("reset_defaults", "/Settings/RestoreDefaults", "Reset to defaults", changes.ResetDefaults),
    ActionRow("clear_history", "/History/Clear", "Clear history", changes.ClearHistory),
    ActionRow("acknowledge", "/Alarms/Acknowledge", "Acknowledge alarms", changes.Acknowledge),
)


def row_named(name: str) -> SettingRow:
    """Return the row of a setting; raise SettingsError for any other name."""
    for row in SETTINGS:
        if row.name == name:
            return row
    raise SettingsError(f"{shown(name)} is no setting; there are {', '.join(row.name for row in SETTINGS)}")


def bounds(row: SettingRow, model: BatteryModel | None = None) -> Bounds:
    """Return what is allowed with this battery, in the setting's own unit, to the mV."""
    if model is not None and row.name == "charged_voltage_cell_v":
        highest_v = model.charge_v / model.cells - CHARGED_BELOW_CHARGE_V
        return row.bounds.narrowed(highest=math.floor(highest_v * 1000 + 1e-6) / 1000)
    if model is not None and row.name == "pre_alarm_cell_v":
        lowest_v = model.thresholds.low_cell_v + PRE_ALARM_ABOVE_LOW_CELL_V
        return row.bounds.narrowed(lowest=math.ceil(lowest_v * 1000 - 1e-6) / 1000)
    return row.bounds


def bus_bounds(row: SettingRow, model: BatteryModel | None, cells_in_series: int | None) -> Bounds:
    """Return what is allowed as the bus shows it; all None while a scaled setting has no cells to scale by."""
    own = bounds(row, model)
    return own.scaled(cells_in_series) if row.scaled_by_cells else own


def to_bus(row: SettingRow, settings: Settings, cells_in_series: int | None) -> Value | None:
    """Return a setting as the bus shows it; None while that cannot be known."""
    value: Value = getattr(settings, row.name)
    return scaled(value, cells_in_series) if row.scaled_by_cells else value


def from_bus(row: SettingRow, value: object, model: BatteryModel | None, cells_in_series: int | None) -> Value:
    """Return what a writer on the bus means, in the setting's own unit; raise SettingsError in the bus's unit."""
    written: Value = checked(row, value, bus_bounds(row, model, cells_in_series))
    return round(float(written) / cells_in_series, 6) if row.scaled_by_cells and cells_in_series else written


def changed(settings: Settings, name: str, value: object, *, model: BatteryModel | None = None) -> Settings:
    """Return the settings with one changed: the one door.

    Takes what a person or a program may write for it: text, whole floats, the words of a switch. A floor raised to
    the low SoC warning takes the warning with it. Raises SettingsError.
    """
    row = row_named(name)
    allowed = bounds(row, model)
    if name == "low_soc_warning_pct":
        allowed = allowed.narrowed(lowest=settings.discharge_floor_pct + 1)
    update = {name: checked(row, value, allowed)}
    after = {**settings.model_dump(), **update}
    after["low_soc_warning_pct"] = max(after["low_soc_warning_pct"], after["discharge_floor_pct"] + 1)
    return Settings.model_validate(after)


def with_defaults(settings: Settings) -> Settings:
    """Return the settings after "Reset to defaults" (manual §5.1.2)."""
    return settings.model_copy(update={row.name: row.bounds.default for row in SETTINGS if row.restored_by_defaults})


def fitted(settings: Settings, model: BatteryModel) -> Settings:
    """Return the settings moved into the bounds of a battery that was found after they were set."""
    limits = {row.name: bounds(row, model) for row in SETTINGS if row.kind == "d"}
    moved = {n: min(max(getattr(settings, n), own.minimum), own.maximum) for n, own in limits.items()}
    return settings.model_copy(update=moved)


def change_for(name: str, value: object, origin: str = "") -> changes.Change:
    """Return the wish that a write means: a setting in its own unit, a state of charge, or an action (1 only).

    Raises SettingsError; bounds that depend on the battery are checked by `changed`.
    """
    for action in ACTIONS:
        if action.name == name:
            if value is not True and number_of(value) != 1:
                raise refused(action.title, name, value, "1")
            return action.make(origin=origin)
    if name == SET_SOC.name:
        return changes.SetSoc(soc_pct=float(checked(SET_SOC, value, bounds(SET_SOC))), origin=origin)
    row = row_named(name)
    kept = checked(row, value, bounds(row))
    if name == "mode":
        return changes.SetMode(mode=Mode(kept), origin=origin)
    return changes.SetSetting(name=name, value=kept, origin=origin)


def to_json(settings: Settings) -> dict[str, Value]:
    """Return the settings for the store."""
    return settings.model_dump(mode="json")


def from_json(data: Mapping[str, object]) -> tuple[Settings, tuple[str, ...]]:
    """Return stored settings, and a notice for each that is broken and falls back to its default."""
    kept: dict[str, Any] = Settings().model_dump()
    notices = [f"stored setting {shown(name)} is unknown: ignored" for name in data if name not in kept]
    for row in SETTINGS:
        if row.name in data:
            try:
                kept[row.name] = checked(row, data[row.name], bounds(row))
            except SettingsError as error:
                notices.append(f"stored setting: {error}; the default is used")
    lowest_pct = kept["discharge_floor_pct"] + 1
    if kept["low_soc_warning_pct"] < lowest_pct:
        kept["low_soc_warning_pct"] = lowest_pct
        notices.append(f"stored low SoC warning raised above the discharge floor, to {lowest_pct} %")
    return Settings.model_validate(kept), tuple(notices)
