"""One battery's readings, judged: what is believed, what is "not read", when the battery counts as lost.

A datum that cannot be true is taken as not read, never repaired (engine rules, "The bank": plausibility per datum).
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from smallbms.batteries import find_model
from smallbms.core.remembered import NO_DOUBT, BatteryMemory, Doubts
from smallbms.core.usual import (
    BOARD_HIGH_C,
    CAPACITY_LIMIT_AH,
    CELL_HIGH_V,
    CELL_LOW_V,
    COUNTER_LIMIT,
    JUMP_S,
    JUMP_V,
    SENSOR_HIGH_C,
    SENSOR_LOW_C,
    SUM_TOLERANCE,
    Spans,
    is_plain,
    usual_spans,
)
from smallbms.model import Battery, BatteryModel, BatteryReading, Member

UNREAD_READINGS = 3
UNREAD_S = 2.0
SUM_READINGS = 3
SUM_STILL_C = 0.1  # cells and pack are two frames: a load that steps between them is no fault
CURRENT_LIMIT_C = 20.0  # no battery of these carries that; a wild number is not a current
HIGHEST_LIMIT = 10_000.0  # of a current or voltage that a battery asks for; more is none
BARE_RANGE_V = (8.0, 70.0)  # of a battery whose cell count is not known
STRANGE_READINGS = 3
LOST_S = 9.0
FRESH_S = 4.5  # older than this breaks a row of good readings; a full round of a line takes 4 s at most


def judge(memory: BatteryMemory | None, member: Member, raw: BatteryReading, now_s: float) -> BatteryMemory:
    """Take one battery's newest reading into its memory; the same reading again only lets time pass."""
    if memory is None:
        return _judged(_first(member, raw), member, raw, now_s)
    if raw is not memory.raw:
        return _judged(memory, member, raw, now_s)
    battery = memory.battery
    online = _is_online(battery.valid_at_s, memory.doubts, now_s)
    if online is battery.online:
        return memory
    return replace(memory, battery=replace(battery, online=online))


def fresh(battery: Battery, now_s: float) -> bool:
    """Its last whole reading is young enough to count as part of an unbroken row."""
    return battery.online and now_s - battery.valid_at_s <= FRESH_S


def _first(member: Member, raw: BatteryReading) -> BatteryMemory:
    nobody = Battery(number=member.number, model=member.model, reading=None, valid_at_s=-inf, online=False)
    return BatteryMemory(raw=raw, battery=nobody, key=raw.identity.key, cell_count=len(raw.cell_voltages_v))


def _judged(memory: BatteryMemory, member: Member, raw: BatteryReading, now_s: float) -> BatteryMemory:
    before = memory.battery
    cell_count = memory.cell_count or len(raw.cell_voltages_v)
    usual = usual_spans(memory, raw)
    if usual is not None:
        believed, model, doubts, whole, plain, spans = raw, before.model, NO_DOUBT, True, True, usual
        seen, all_cells = raw.cell_voltages_v, True
    else:
        believed = _believed(raw, memory, member)
        model = before.model or _found_model(believed)
        doubts = _doubts(memory, member, raw, believed, model, now_s)
        whole = _whole(believed) and doubts.sum_off < SUM_READINGS
        plain = doubts is NO_DOUBT and is_plain(believed, model, cell_count)
        seen = believed.cell_voltages_v or _given(believed)
        all_cells = None not in seen and not doubts.unread
        spans = _spans(believed)
    taken, cells_taken = raw.taken_at_s, raw.cells_taken_at_s
    valid_at_s = before.valid_at_s if not whole else cells_taken if cells_taken < taken else taken
    low_v, high_v, low_c, high_c = spans
    return BatteryMemory(
        raw=raw,
        key=memory.key,
        cell_count=cell_count,
        cells_v=seen if all_cells else memory.cells_v,
        cells_at_s=cells_taken if all_cells else memory.cells_at_s,
        doubts=doubts,
        battery=Battery(
            number=member.number,
            model=model,
            reading=believed,
            valid_at_s=valid_at_s,
            online=_is_online(valid_at_s, doubts, now_s),
            plain=plain,
            cell_min_v=low_v,
            cell_max_v=high_v,
            temperature_min_c=low_c,
            temperature_max_c=high_c,
        ),
    )


def _believed(raw: BatteryReading, memory: BatteryMemory, member: Member) -> BatteryReading:
    """The reading without what cannot be true."""
    cells, low_v, high_v = _cells(raw, memory)
    count = len(cells) or (member.model.cells if member.model else 0)
    capacity_ah = _within(raw.capacity_ah, 0.5, CAPACITY_LIMIT_AH)
    limit_a = CURRENT_LIMIT_C * (member.model.capacity_ah if member.model else capacity_ah or 1_000.0)
    range_v = (CELL_LOW_V * count, CELL_HIGH_V * count) if count else BARE_RANGE_V
    return replace(
        raw,
        voltage_v=_within(raw.voltage_v, *range_v),
        current_a=_within(raw.current_a, -limit_a, limit_a),
        cell_voltages_v=cells,
        cell_min_v=low_v,
        cell_max_v=high_v,
        cell_temperatures_c=tuple(_within(t, SENSOR_LOW_C, SENSOR_HIGH_C) for t in raw.cell_temperatures_c),
        board_temperatures_c=tuple(_within(t, SENSOR_LOW_C, BOARD_HIGH_C) for t in raw.board_temperatures_c),
        capacity_ah=capacity_ah,
        remaining_ah=_within(raw.remaining_ah, 0.0, CAPACITY_LIMIT_AH),
        charge_ah=_within(raw.charge_ah, -COUNTER_LIMIT, COUNTER_LIMIT),
        charge_time_s=_within(raw.charge_time_s, 0.0, COUNTER_LIMIT),
        soc_pct=_within(raw.soc_pct, 0.0, 100.0),
        soh_pct=_within(raw.soh_pct, 0.0, 100.0),
        charge_limit_a=_asked(raw.charge_limit_a),
        discharge_limit_a=_asked(raw.discharge_limit_a),
        charge_voltage_limit_v=_asked(raw.charge_voltage_limit_v),
    )


def _cells(raw: BatteryReading, memory: BatteryMemory) -> tuple[tuple[float | None, ...], float | None, float | None]:
    """What is believed of the cells: each, lowest, highest."""
    known = memory.battery.reading
    if known is not None and raw.cells_taken_at_s == memory.raw.cells_taken_at_s:
        return known.cell_voltages_v, known.cell_min_v, known.cell_max_v
    cells = tuple(_within(v, CELL_LOW_V, CELL_HIGH_V) for v in raw.cell_voltages_v)
    low_v, high_v = (_within(v, CELL_LOW_V, CELL_HIGH_V) for v in _given(raw))
    if cells:
        return _unjumped(cells, raw, memory), low_v, high_v
    low_v, high_v = _unjumped((low_v, high_v), raw, memory)
    return (), low_v, high_v


def _unjumped(cells: tuple[float | None, ...], raw: BatteryReading, memory: BatteryMemory) -> tuple[float | None, ...]:
    if raw.cells_taken_at_s - memory.cells_at_s >= JUMP_S or len(cells) != len(memory.cells_v):
        return cells
    return tuple(None if _jumped(new, old) else new for new, old in zip(cells, memory.cells_v, strict=True))


def _jumped(new: float | None, old: float | None) -> bool:
    return new is not None and old is not None and abs(new - old) > JUMP_V


def _within(value: float | None, low: float, high: float) -> float | None:
    return value if value is not None and low <= value <= high else None


def _asked(limit: float | None) -> float | None:
    """A limit that a battery asks for; what cannot be one allows nothing, as without it more would be allowed."""
    if limit is None:
        return None
    return min(limit, HIGHEST_LIMIT) if limit > 0.0 else 0.0


def _doubts(
    memory: BatteryMemory,
    member: Member,
    raw: BatteryReading,
    believed: BatteryReading,
    model: BatteryModel | None,
    now_s: float,
) -> Doubts:
    old, first = memory.doubts, memory.battery.reading is None
    unread, since_s, sum_off, sensorless = old.unread, old.unread_since_s, old.sum_off, old.sensorless
    new_pack = first or raw.taken_at_s != memory.raw.taken_at_s
    new_cells = first or raw.cells_taken_at_s != memory.raw.cells_taken_at_s
    if new_cells:
        if _cells_read(believed):
            unread, since_s = 0, 0.0
        else:
            unread, since_s = unread + 1, now_s if unread == 0 else since_s
        sum_off = _sum_off(memory, believed, model)
    if not member.temperature_sensors or any(t is not None for t in believed.cell_temperatures_c):
        sensorless = 0
    elif new_pack:
        sensorless += 1
    doubts = Doubts(
        unread=unread,
        unread_since_s=since_s,
        sum_off=sum_off,
        sensorless=sensorless,
        strange=_strange(memory, raw, new_pack or new_cells),
    )
    return NO_DOUBT if doubts == NO_DOUBT else doubts


def _strange(memory: BatteryMemory, raw: BatteryReading, new: bool) -> int:
    """Readings in a row of another battery than the known one, or of another count of cells; none read is no count."""
    count = len(raw.cell_voltages_v)
    if raw.identity.key == memory.key and (count == memory.cell_count or not count or not memory.cell_count):
        return 0
    return min(memory.doubts.strange + new, STRANGE_READINGS)


def _cells_read(reading: BatteryReading) -> bool:
    if reading.cell_voltages_v:
        return None not in reading.cell_voltages_v
    return reading.cell_min_v is not None and reading.cell_max_v is not None


def _whole(reading: BatteryReading) -> bool:
    return reading.voltage_v is not None and reading.current_a is not None and _cells_read(reading)


def _sum_off(memory: BatteryMemory, reading: BatteryReading, model: BatteryModel | None) -> int:
    """Readings in a row in which the cells do not add up to the pack; a moving current leaves the count alone."""
    before, fits = memory.doubts.sum_off, _sum_fits(reading, model)
    if fits is not False:
        return before if fits is None else 0
    last = memory.battery.reading
    step_a = abs((reading.current_a or 0.0) - (last.current_a or 0.0)) if last else 0.0
    capacity_ah = model.capacity_ah if model else reading.capacity_ah or 100.0
    return min(before + 1, SUM_READINGS) if step_a < SUM_STILL_C * capacity_ah else before


def _sum_fits(reading: BatteryReading, model: BatteryModel | None) -> bool | None:
    """Whether the cells, or as many as the model has from lowest to highest, are the pack; None: it cannot be told."""
    cells, pack_v = reading.cell_voltages_v, reading.voltage_v
    if pack_v is None or None in cells:
        return None
    slack_v = SUM_TOLERANCE * pack_v
    if cells:
        return abs(sum(v for v in cells if v is not None) - pack_v) <= slack_v
    low_v, high_v = _given(reading)
    if model is None or low_v is None or high_v is None:
        return None
    return model.cells * low_v - slack_v <= pack_v <= model.cells * high_v + slack_v


def _found_model(reading: BatteryReading) -> BatteryModel | None:
    if reading.capacity_ah is None or not reading.cell_voltages_v:
        return None
    return find_model(len(reading.cell_voltages_v), reading.capacity_ah)


def _is_online(valid_at_s: float, doubts: Doubts, now_s: float) -> bool:
    if doubts is not NO_DOUBT and doubts.unread >= UNREAD_READINGS and now_s - doubts.unread_since_s >= UNREAD_S:
        return False
    return doubts.sum_off < SUM_READINGS and now_s - valid_at_s < LOST_S


def _spans(reading: BatteryReading) -> Spans:
    cells = reading.cell_voltages_v
    return *(_span(cells) if cells else _given(reading)), *_span(reading.cell_temperatures_c)


def _span(values: tuple[float | None, ...]) -> tuple[float | None, float | None]:
    read = [v for v in values if v is not None]
    return (min(read), max(read)) if read else (None, None)


def _given(reading: BatteryReading) -> tuple[float | None, float | None]:
    return reading.cell_min_v, reading.cell_max_v
