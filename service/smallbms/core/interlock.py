"""The last word before the pins: looks at the raw readings by itself and may only take away."""

from __future__ import annotations

from smallbms.model import BankSpec, BatteryReading, Decision, Measurement, Outputs, Thresholds

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
