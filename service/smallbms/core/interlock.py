"""The last word before the pins: looks at the raw readings by itself and may only take away."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import NamedTuple

from smallbms.frozen import frozen
from smallbms.model import BankSpec, BatteryReading, Decision, Measurement, Outputs, Reason, Thresholds
from smallbms.words import Direction, ReasonCode

HIGH_ABOVE_V = 0.10
CUTOFF_V = 2.00  # the one exception to the pre-alarm's 30 s
STALE_S = 10.0


class Look(NamedTuple):
    """What a rule may look at: one battery's newest reading, the one before it with other cell voltages, the limits."""

    reading: BatteryReading | None
    before: BatteryReading | None
    limits: Thresholds
    now_s: float


class Breach(NamedTuple):
    """What a rule has found; no cell where the battery does not say which."""

    value: float | None = None
    limit: float | None = None
    cell: int | None = None


@frozen
class Rule:
    """One thing to object to, battery by battery."""

    code: ReasonCode
    blocks: Direction
    probe: Callable[[Look], Breach | None]
    text: str
    back: str


def _stale(look: Look) -> Breach | None:
    reading = look.reading
    if reading is not None and look.now_s - min(reading.taken_at_s, reading.cells_taken_at_s) < STALE_S:
        return None
    return Breach()


def _high(look: Look) -> Breach | None:
    reading, limit_v = look.reading, look.limits.high_cell_v + HIGH_ABOVE_V
    if reading is None:
        return None
    over = [v for v in (*reading.cell_voltages_v, reading.cell_max_v) if v is not None and v >= limit_v]
    return _at(reading, max(over), limit_v) if over else None


def _cut_off(look: Look) -> Breach | None:
    """In two readings: a single one may be noise."""
    reading, before = look.reading, look.before
    if reading is None or not (under := _under(reading)):
        return None
    if before is None or before.cells_taken_at_s == reading.cells_taken_at_s or not _under(before):
        return None
    return _at(reading, min(under), CUTOFF_V)


def _under(reading: BatteryReading) -> list[float]:
    return [v for v in (*reading.cell_voltages_v, reading.cell_min_v) if v is not None and v <= CUTOFF_V]


def _at(reading: BatteryReading, volts: float, limit_v: float) -> Breach:
    cells = reading.cell_voltages_v
    return Breach(volts, limit_v, cells.index(volts) + 1 if volts in cells else None)


RULES: tuple[Rule, ...] = (
    Rule(code=ReasonCode.LOST_BATTERY, blocks=Direction.BOTH, probe=_stale,
         text="the interlock: battery {battery} has not been read for 10 s", back="it is read"),
    Rule(code=ReasonCode.HIGH_CELL, blocks=Direction.CHARGE, probe=_high,
         text="the interlock: battery {battery} cell {cell} reads {value:.3f} V, no charging from {limit:.2f} V on",
         back="it reads less"),
    Rule(code=ReasonCode.LOW_CELL, blocks=Direction.DISCHARGE, probe=_cut_off,
         text="the interlock: battery {battery} cell {cell} reads {value:.3f} V, no discharging at {limit:.2f} V",
         back="it reads more"),
)  # fmt: skip


def interlock(
    decision: Decision, measurement: Measurement, limits: Thresholds, spec: BankSpec, now_s: float
) -> tuple[Outputs, tuple[Reason, ...]]:
    """The outputs of a decision, without what the raw readings object to; and all that they object to.

    ATC off at a cell ≥ high + 0.10 V, ATD off at a cell ≤ 2.00 V in two readings, both off while a configured battery
    has no reading younger than 10 s.
    """
    objections = _objections(measurement, limits, spec, now_s)
    atc = decision.allow_to_charge and not any([Direction.CHARGE in o.blocks for o in objections])
    atd = decision.allow_to_discharge and not any([Direction.DISCHARGE in o.blocks for o in objections])
    outputs = Outputs(
        atc=atc,
        atd=atd,
        pre_alarm=decision.pre_alarm and atd,
        red_led=decision.red_led,
        blue_led=decision.blue_led,
    )
    return outputs, objections


def _objections(measurement: Measurement, limits: Thresholds, spec: BankSpec, now_s: float) -> tuple[Reason, ...]:
    found = []
    for number in [member.number for member in spec.members]:
        look = Look(measurement.readings.get(number), measurement.previous.get(number), limits, now_s)
        for rule in RULES:
            breach = rule.probe(look)
            if breach is not None:
                found.append(_reason(rule, number, breach, now_s))
    return tuple(found)


def _reason(rule: Rule, battery: int, breach: Breach, now_s: float) -> Reason:
    value = breach.value if breach.value is not None and isfinite(breach.value) else None
    text = rule.text.format(
        battery=battery, cell=breach.cell or "?", value=breach.value or 0.0, limit=breach.limit or 0.0
    )
    return Reason(
        code=rule.code, blocks=rule.blocks, since_s=now_s, text=f"{text}; back: {rule.back}",
        battery=battery, cell=breach.cell, value=value, limit=breach.limit,
    )  # fmt: skip
