"""The everyday reading, told with few comparisons; and what can be true of a battery at all."""

from __future__ import annotations

from math import inf
from typing import cast

from smallbms.core.remembered import NO_DOUBT, BatteryMemory
from smallbms.model import BatteryModel, BatteryReading

CELL_LOW_V, CELL_HIGH_V = 0.5, 5.0
SENSOR_LOW_C, SENSOR_HIGH_C = -50.0, 120.0  # outside: the sensor is open or shorted
BOARD_HIGH_C = 200.0
JUMP_V = 1.5  # no cell moves this far …
JUMP_S = 2.0  # … in less than this
SUM_TOLERANCE = 0.03
CAPACITY_LIMIT_AH = 10_000.0
COUNTER_LIMIT = 1e9  # Ah or s; no counter has come so far
HEALTHY_PCT = 70.0

Spans = tuple[float | None, float | None, float | None, float | None]  # of cells, of their temperatures
_Numbers = tuple[float, ...]


def usual_spans(memory: BatteryMemory, raw: BatteryReading) -> Spans | None:
    """The spans of an everyday reading, told with few comparisons: all was read, all can be true, nothing was or is in
    doubt; else None."""
    before, cells, sensors = memory.battery, raw.cell_voltages_v, raw.cell_temperatures_c
    known = before.reading
    if known is None or memory.doubts is not NO_DOUBT or raw.identity.key != memory.key:
        return None
    if not cells or len(cells) != memory.cell_count or None in cells or not sensors:
        return None
    if not is_plain(raw, before.model, memory.cell_count) or not _rest_is_true(raw):
        return None
    low_v, high_v = min(cast(_Numbers, cells)), max(cast(_Numbers, cells))
    if not _cells_are_true(raw, memory, low_v, high_v):
        return None
    if sensors == known.cell_temperatures_c:
        return low_v, high_v, before.temperature_min_c, before.temperature_max_c
    low_c, high_c = min(cast(_Numbers, sensors)), max(cast(_Numbers, sensors))
    true = low_c >= SENSOR_LOW_C and high_c <= SENSOR_HIGH_C and sum(cast(_Numbers, sensors)) < inf
    return (low_v, high_v, low_c, high_c) if true else None


def _cells_are_true(raw: BatteryReading, memory: BatteryMemory, low_v: float, high_v: float) -> bool:
    """Cells that were all read; NaN, which hides from min and max, is in no sum that fits."""
    pack_v, before = raw.voltage_v, memory.battery
    if pack_v is None or not abs(sum(cast(_Numbers, raw.cell_voltages_v)) - pack_v) <= SUM_TOLERANCE * pack_v < inf:
        return False
    if low_v < CELL_LOW_V or high_v > CELL_HIGH_V:
        return False
    if raw.cells_taken_at_s - memory.cells_at_s >= JUMP_S or before.cell_min_v is None or before.cell_max_v is None:
        return True
    return high_v - before.cell_min_v <= JUMP_V and before.cell_max_v - low_v <= JUMP_V


def _rest_is_true(raw: BatteryReading) -> bool:
    """What is not read cannot be untrue."""
    low_v, high_v, boards = raw.cell_min_v, raw.cell_max_v, raw.board_temperatures_c
    return (
        (low_v is None or CELL_LOW_V <= low_v <= CELL_HIGH_V)
        and (high_v is None or CELL_LOW_V <= high_v <= CELL_HIGH_V)
        and (raw.soc_pct is None or 0.0 <= raw.soc_pct <= 100.0)
        and (raw.soh_pct is None or raw.soh_pct <= 100.0)
        and (raw.capacity_ah is None or 0.5 <= raw.capacity_ah <= CAPACITY_LIMIT_AH)
        and (raw.remaining_ah is None or 0.0 <= raw.remaining_ah <= CAPACITY_LIMIT_AH)
        and (raw.charge_ah is None or -COUNTER_LIMIT <= raw.charge_ah <= COUNTER_LIMIT)
        and (raw.charge_time_s is None or 0.0 <= raw.charge_time_s <= COUNTER_LIMIT)
        and (not boards or all([t is None or SENSOR_LOW_C <= t <= BOARD_HIGH_C for t in boards]))
    )


def is_plain(reading: BatteryReading, model: BatteryModel | None, cell_count: int) -> bool:
    """Nothing in it asks for a closer look (`Battery.plain`)."""
    amps = reading.current_a
    return (
        not reading.faults
        and not reading.warnings
        and model is not None
        and cell_count in (0, model.cells)
        and amps is not None
        and -model.continuous_discharge_a <= amps <= model.continuous_charge_a
        and reading.charge_switch_on is not False
        and reading.discharge_switch_on is not False
        and None not in reading.cell_temperatures_c
        and (reading.soh_pct is None or reading.soh_pct >= HEALTHY_PCT)
        and reading.charge_limit_a is None
        and reading.discharge_limit_a is None
        and reading.charge_voltage_limit_v is None
    )
