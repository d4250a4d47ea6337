"""What can be written: settings and actions, from their own tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smallbms.paths import form
from smallbms.paths.form import Form
from smallbms.paths.row import Group, Row, cells_in_series
from smallbms.setting_row import SettingRow
from smallbms.settings import ACTIONS, SET_SOC, SETTINGS, ActionRow, Settings, to_bus

# The NG's own types, where they differ from the setting's.
_RECORDED_TYPES = {"/Mode": "u", "/Settings/BluetoothMode": "y"}
# The NG shows no value there; a GX shows its other buttons while their value is valid.
_INVALID_ACTIONS = ("/History/Clear",)


def _form(row: SettingRow) -> Form:
    signature = _RECORDED_TYPES.get(row.bus_path, row.kind)
    if signature == "s":
        return form.TEXT
    if signature == "d":
        decimals = len(f"{row.step:g}".partition(".")[2])
        return form.decimal(row.unit, 3, f"{{:z.{decimals}f}}{row.unit}")
    return form.whole(signature, row.unit, f"{{}}{row.unit}")


_Part = tuple[Settings, int | None]  # with the cells in series


def _shown(row: SettingRow) -> Callable[[_Part], Any]:
    return lambda part: to_bus(row, *part)


def _setting(row: SettingRow) -> Row:
    return Row(row.bus_path, _form(row), _shown(row), f"{row.title}. {row.text}", row)


def _action(row: ActionRow) -> Row:
    shown = None if row.bus_path in _INVALID_ACTIONS else 0
    return Row(row.bus_path, form.FLAG, lambda _: shown, f"{row.title}: write 1", row)


_ROWS = (
    *(_setting(row) for row in SETTINGS),
    # Invalid: a state to set, not to read (that is /Soc); a value here would swallow the write of an equal one.
    Row(SET_SOC.bus_path, _form(SET_SOC), lambda _: None, SET_SOC.text, SET_SOC),
    *(_action(row) for row in ACTIONS),
    Row("/Settings/Alarm/LowSocClear", form.COUNT, lambda part: part[0].low_soc_clear_pct,
        "Where the low SoC warning ends: 1 % above it"),
)  # fmt: skip

GROUP = Group(
    rows=_ROWS,
    source=lambda s: (s.settings, cells_in_series(s)),
    at_once=lambda s: (s.settings, s.decision.bank.series, s.decision.bank.model),
)
