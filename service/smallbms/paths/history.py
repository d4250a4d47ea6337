"""The history page (manual §5.1) and the last errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smallbms.core.chronicle import LAST_ERRORS
from smallbms.model import ErrorStamp
from smallbms.paths import form
from smallbms.paths.row import Group, Row

_WH_IN_KWH = 1000.0

_ROWS = (
    Row("/History/DeepestDischarge", form.CHARGE, lambda h: h.deepest_discharge_ah, "Deepest discharge, negative"),
    Row("/History/TotalAhDrawn", form.CHARGE, lambda h: h.total_ah_drawn, "Cumulative Ah drawn"),
    Row("/History/DischargedEnergy", form.ENERGY, lambda h: h.discharged_wh / _WH_IN_KWH, "Discharged energy"),
    Row("/History/ChargedEnergy", form.ENERGY, lambda h: h.charged_wh / _WH_IN_KWH, "Charged energy"),
    Row("/History/AutomaticSyncs", form.COUNT, lambda h: h.synchronisations, "Synchronisations to 100 %"),
    Row("/History/ChargeCycles", form.COUNT, lambda h: h.cycles, "Below 65 %, then above 90 %"),
    Row("/History/FullDischarges", form.COUNT, lambda h: h.full_discharges, "To a low cell or 0 %"),
    Row("/History/TimeSinceLastFullCharge", form.TIME_SINCE, lambda h: h.since_full_s, "Since the last full charge"),
    Row("/History/MinimumVoltage", form.VOLTAGE, lambda h: h.min_voltage_v, "Lowest voltage of the bank"),
    Row("/History/MaximumVoltage", form.VOLTAGE, lambda h: h.max_voltage_v, "Highest voltage of the bank"),
    Row("/History/MinimumCellVoltage", form.CELL_EXTREME, lambda h: h.min_cell_v, "Lowest cell"),
    Row("/History/MaximumCellVoltage", form.CELL_EXTREME, lambda h: h.max_cell_v, "Highest cell"),
    Row("/History/MinimumTemperature", form.TEMPERATURE, lambda h: h.min_temperature_c, "Coldest cell"),
    Row("/History/MaximumTemperature", form.TEMPERATURE, lambda h: h.max_temperature_c, "Warmest cell"),
)


def _error(index: int, get: Callable[[ErrorStamp], Any]) -> Callable[[tuple[ErrorStamp, ...]], Any]:
    return lambda stamps: get(stamps[index]) if index < len(stamps) else None


def _error_rows(index: int) -> tuple[Row, ...]:
    place = f"/Diagnostics/LastErrors/{index + 1}"
    return (
        Row(f"{place}/Error", form.CODE, _error(index, lambda e: e.code), "An error as in /ErrorCode, 1 is the newest"),
        Row(f"{place}/Time", form.UNIX_TIME, _error(index, lambda e: e.wall_s), "When"),
    )


GROUPS = (
    Group(rows=_ROWS, source=lambda s: s.history),
    Group(
        rows=tuple(row for index in range(LAST_ERRORS) for row in _error_rows(index)),
        source=lambda s: s.last_errors,
        at_once=lambda s: s.last_errors,
    ),
)
