"""One battery's readings, judged: what is believed, what is "not read", when the battery counts as lost.

A datum that cannot be true is taken as not read, never repaired (engine rules, "The bank": plausibility per datum).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isfinite

from smallbms.batteries import find_model
from smallbms.model import Battery, BatteryModel, BatteryReading, Extreme, Member

CELL_RANGE_V = (0.5, 5.0)
TEMPERATURE_RANGE_C = (-50.0, 120.0)  # outside: the sensor is open or shorted
JUMP_V = 1.5  # no cell moves this far …
JUMP_S = 2.0  # … in less than this
UNREAD_READINGS = 3
UNREAD_S = 2.0
SUM_TOLERANCE = 0.03
SUM_READINGS = 3
SUM_STILL_C = 0.1  # cells and pack are two frames: a load that steps between them is no fault
CURRENT_LIMIT_C = 20.0  # no battery of these carries that; a wild number is not a current
STRANGE_READINGS = 3
LOST_S = 9.0
FRESH_S = 4.5  # older than this breaks a row of good readings; a full round of a line takes 4 s at most


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryMemory:
    """What is remembered of one battery. `strange`: cell count or identity changed, three readings long."""

    raw: BatteryReading
    battery: Battery
    key: str
    cell_count: int
    cells_v: tuple[float | None, ...]
    cells_at_s: float
    unread: int = 0
    unread_since_s: float = 0.0
    sum_off: int = 0
    sensorless: int = 0
    strange: int = 0


def judge(memory: BatteryMemory | None, member: Member, raw: BatteryReading, now_s: float) -> BatteryMemory:
    """Take one battery's newest reading into its memory; the same reading again only lets time pass."""
    if memory is None:
        memory = _first(member, raw)
    elif raw is memory.raw:
        online = _is_online(memory.battery.valid_at_s, memory, now_s)
        if online is memory.battery.online:
            return memory
        return replace(memory, battery=replace(memory.battery, online=online))
    return _judged(memory, member, raw, now_s)


def fresh(battery: Battery, now_s: float) -> bool:
    """Its last whole reading is young enough to count as part of an unbroken row."""
    return battery.online and now_s - battery.valid_at_s <= FRESH_S


def _found_model(reading: BatteryReading) -> BatteryModel | None:
    if reading.capacity_ah is None or not reading.cell_voltages_v:
        return None
    return find_model(len(reading.cell_voltages_v), reading.capacity_ah)


def _first(member: Member, raw: BatteryReading) -> BatteryMemory:
    nobody = Battery(number=member.number, model=member.model, reading=None, valid_at_s=-inf, online=False)
    return BatteryMemory(
        raw=raw,
        battery=nobody,
        key=raw.identity.key,
        cell_count=len(raw.cell_voltages_v),
        cells_v=(),
        cells_at_s=-inf,
    )


def _judged(memory: BatteryMemory, member: Member, raw: BatteryReading, now_s: float) -> BatteryMemory:
    new_cells = raw.cells_taken_at_s != memory.cells_at_s
    cells = _cells(raw, memory) if new_cells else memory.cells_v
    believed = _believed(raw, cells, member)
    unread, unread_since_s = memory.unread, memory.unread_since_s
    if new_cells:
        if _cells_read(believed):
            unread = 0
        else:
            unread_since_s = now_s if unread == 0 else unread_since_s
            unread += 1
    model = member.model or memory.battery.model or _found_model(believed)
    sum_off = _sum_off(memory, believed, model) if new_cells else memory.sum_off
    whole = _whole(believed) and sum_off < SUM_READINGS
    valid_at_s = min(raw.taken_at_s, raw.cells_taken_at_s) if whole else memory.battery.valid_at_s
    strange = raw.identity.key != memory.key or len(cells) != memory.cell_count
    judged = replace(
        memory,
        raw=raw,
        cells_v=cells,
        cells_at_s=raw.cells_taken_at_s,
        unread=unread,
        unread_since_s=unread_since_s,
        sum_off=sum_off,
        sensorless=_sensorless(memory, believed, member, raw),
        strange=min(memory.strange + 1, STRANGE_READINGS) if strange else 0,
    )
    return replace(judged, battery=_battery(judged, model, believed, valid_at_s, now_s))


def _cells(raw: BatteryReading, memory: BatteryMemory) -> tuple[float | None, ...]:
    low, high = CELL_RANGE_V
    cells = tuple([v if v is not None and low <= v <= high else None for v in raw.cell_voltages_v])
    if raw.cells_taken_at_s - memory.cells_at_s >= JUMP_S or len(cells) != len(memory.cells_v):
        return cells
    if any(_jumped(new, old) for new, old in zip(cells, memory.cells_v, strict=True)):
        return tuple(None if _jumped(n, o) else n for n, o in zip(cells, memory.cells_v, strict=True))
    return cells


def _jumped(new: float | None, old: float | None) -> bool:
    return new is not None and old is not None and (new - old > JUMP_V or old - new > JUMP_V)


def _believed(raw: BatteryReading, cells: tuple[float | None, ...], member: Member) -> BatteryReading:
    """The reading without what cannot be true; the same object where all of it can."""
    count = len(cells) or (member.model.cells if member.model else 0)
    low, high = CELL_RANGE_V
    capacity = _within(raw.capacity_ah, 0.5, 10_000.0)
    amps = CURRENT_LIMIT_C * (member.model.capacity_ah if member.model else capacity or 1_000.0)
    voltage = _within(raw.voltage_v, low * count, high * count) if count else _within(raw.voltage_v, 8.0, 70.0)
    temperatures = tuple([_within(t, *TEMPERATURE_RANGE_C) for t in raw.cell_temperatures_c])
    return replace(
        raw,
        voltage_v=voltage,
        current_a=_within(raw.current_a, -amps, amps),
        cell_voltages_v=cells,
        cell_min_v=_within(raw.cell_min_v, low, high),
        cell_max_v=_within(raw.cell_max_v, low, high),
        cell_temperatures_c=temperatures,
        capacity_ah=capacity,
        remaining_ah=_within(raw.remaining_ah, 0.0, 10_000.0),
        soc_pct=_within(raw.soc_pct, 0.0, 100.0),
        soh_pct=_within(raw.soh_pct, 0.0, 100.0),
    )


def _within(value: float | None, low: float, high: float) -> float | None:
    return value if value is not None and low <= value <= high else None


def _cells_read(reading: BatteryReading) -> bool:
    if reading.cell_voltages_v:
        return None not in reading.cell_voltages_v
    return reading.cell_min_v is not None and reading.cell_max_v is not None


def _whole(reading: BatteryReading) -> bool:
    return reading.voltage_v is not None and reading.current_a is not None and _cells_read(reading)


def _sum_off(memory: BatteryMemory, reading: BatteryReading, model: BatteryModel | None) -> int:
    """Readings in a row in which the cells do not add up to the pack; a moving current leaves the count alone."""
    cells, pack_v = reading.cell_voltages_v, reading.voltage_v
    if not cells or pack_v is None or None in cells:
        return memory.sum_off
    total_v = sum(v for v in cells if v is not None)
    if abs(total_v - pack_v) <= SUM_TOLERANCE * pack_v:
        return 0
    before = memory.battery.reading.current_a if memory.battery.reading else None
    step_a = abs((reading.current_a or 0.0) - (before or 0.0))
    capacity_ah = model.capacity_ah if model else reading.capacity_ah or 100.0
    return min(memory.sum_off + 1, SUM_READINGS) if step_a < SUM_STILL_C * capacity_ah else memory.sum_off


def _sensorless(memory: BatteryMemory, reading: BatteryReading, member: Member, raw: BatteryReading) -> int:
    if not member.temperature_sensors or any(t is not None for t in reading.cell_temperatures_c):
        return 0
    return memory.sensorless + (raw.taken_at_s != memory.raw.taken_at_s or memory.sensorless == 0)


def _is_online(valid_at_s: float, memory: BatteryMemory, now_s: float) -> bool:
    if memory.unread >= UNREAD_READINGS and now_s - memory.unread_since_s >= UNREAD_S:
        return False
    return memory.sum_off < SUM_READINGS and now_s - valid_at_s < LOST_S


def _battery(
    memory: BatteryMemory, model: BatteryModel | None, believed: BatteryReading, valid_at_s: float, now_s: float
) -> Battery:
    number = memory.battery.number
    cell_min, cell_max = _cell_extremes(number, believed)
    temperature_min, temperature_max = _extremes(number, believed.cell_temperatures_c)
    return Battery(
        number=number,
        model=model,
        reading=believed,
        valid_at_s=valid_at_s if isfinite(valid_at_s) else -inf,
        online=_is_online(valid_at_s, memory, now_s),
        cell_min=cell_min,
        cell_max=cell_max,
        temperature_min=temperature_min,
        temperature_max=temperature_max,
    )


def _cell_extremes(number: int, reading: BatteryReading) -> tuple[Extreme | None, Extreme | None]:
    if reading.cell_voltages_v:
        return _extremes(number, reading.cell_voltages_v)
    low, high = reading.cell_min_v, reading.cell_max_v
    return (
        None if low is None else Extreme(value=low, battery=number),
        None if high is None else Extreme(value=high, battery=number),
    )


def _extremes(number: int, values: tuple[float | None, ...]) -> tuple[Extreme | None, Extreme | None]:
    read = [v for v in values if v is not None]
    if not read:
        return None, None
    low, high = min(read), max(read)
    return (
        Extreme(value=low, battery=number, cell=values.index(low) + 1),
        Extreme(value=high, battery=number, cell=values.index(high) + 1),
    )
