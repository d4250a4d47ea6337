"""The last word before the pins: looks at the raw readings by itself and may only take away."""

from __future__ import annotations

from dataclasses import replace

from smallbms.model import BankSpec, BatteryReading, Decision, Measurement, Outputs, Reason, Thresholds
from smallbms.words import Direction, ReasonCode

HIGH_ABOVE_V = 0.10
CUTOFF_V = 2.00  # the one exception to the pre-alarm's 30 s
STALE_S = 10.0


def interlock(
    decision: Decision, measurement: Measurement, limits: Thresholds, spec: BankSpec, now_s: float
) -> Outputs:
    """The outputs of a decision, with ATC off at a cell ≥ high + 0.10 V, ATD off at a cell ≤ 2.00 V in two readings,
    and both off while a configured battery has no reading younger than 10 s."""
    readings = [measurement.readings.get(m.number) for m in spec.members]
    current = all(r is not None and now_s - min(r.taken_at_s, r.cells_taken_at_s) < STALE_S for r in readings)
    high = any(r is not None and _reaches(r, limits.high_cell_v + HIGH_ABOVE_V) for r in readings)
    cutoff = any(
        r is not None and _below(r, CUTOFF_V) and _was_below(r, measurement.previous.get(m.number))
        for m, r in zip(spec.members, readings, strict=True)
    )
    atd = decision.allow_to_discharge and current and not cutoff
    return Outputs(
        atc=decision.allow_to_charge and current and not high,
        atd=atd,
        pre_alarm=decision.pre_alarm and atd,
        red_led=decision.red_led,
        blue_led=decision.blue_led,
    )


def agreed(decision: Decision, outputs: Outputs) -> Decision:
    """The decision that everyone is told: with what the interlock took away, and why."""
    lost = {
        Direction.CHARGE: decision.allow_to_charge and not outputs.atc,
        Direction.DISCHARGE: decision.allow_to_discharge and not outputs.atd,
    }
    if not any(lost.values()):
        return decision
    stale = all(lost.values())
    reasons = tuple(
        Reason(
            code=ReasonCode.LOST_BATTERY if stale else code, blocks=way, since_s=decision.at_s,
            text="the interlock: a battery has not been read for 10 s" if stale else text,
        )
        for way, (code, text) in _TAKEN.items()
        if lost[way]
    )  # fmt: skip
    return replace(
        decision,
        allow_to_charge=outputs.atc,
        allow_to_discharge=outputs.atd,
        pre_alarm=outputs.pre_alarm,
        ccl_a=decision.ccl_a if outputs.atc else 0.0,
        dcl_a=decision.dcl_a if outputs.atd else 0.0,
        reasons=decision.reasons + reasons,
    )


_TAKEN = {
    Direction.CHARGE: (ReasonCode.HIGH_CELL, "the interlock: a cell is 0.10 V above its limit"),
    Direction.DISCHARGE: (ReasonCode.LOW_CELL, "the interlock: a cell is at 2.00 V or less"),
}


def _reaches(reading: BatteryReading, limit_v: float) -> bool:
    cells = [v for v in (*reading.cell_voltages_v, reading.cell_max_v) if v is not None]
    return any(v >= limit_v for v in cells)


def _below(reading: BatteryReading, limit_v: float) -> bool:
    cells = [v for v in (*reading.cell_voltages_v, reading.cell_min_v) if v is not None]
    return any(v <= limit_v for v in cells)


def _was_below(reading: BatteryReading, previous: BatteryReading | None) -> bool:
    if previous is None or previous.cells_taken_at_s == reading.cells_taken_at_s:
        return False
    return _below(previous, CUTOFF_V)
