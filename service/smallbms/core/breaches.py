"""Who breaches now: what the rows of the table of reasons look for in one step's facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from smallbms.core.interlock import CUTOFF_V
from smallbms.core.latch import Finding
from smallbms.core.view import View
from smallbms.model import BatteryReading
from smallbms.words import BankError, Fault, Mode, UpdatePhase

START_LIMIT_S = 20.0  # a battery not read by then is lost, by name

Probe = Callable[[View], Sequence[Finding]]

_NOBODY: Sequence[Finding] = ()
_BANK: Sequence[Finding] = (Finding(),)


def high_cell(view: View) -> Sequence[Finding]:
    limit, top = view.limits.high_cell_v, view.bank.cell_max
    if top is None or top.value < limit:
        return _NOBODY
    return [
        Finding(
            battery=b.number, cell=b.cell_at(b.cell_max_v), value=b.cell_max_v, limit=limit,
            stamp=b.reading.cells_taken_at_s,
        )
        for b in view.bank.batteries
        if b.online and b.reading and b.cell_max_v is not None and b.cell_max_v >= limit
    ]  # fmt: skip


def low_cell(view: View) -> Sequence[Finding]:
    """Readings count only at the cut-off, where there is no time left for the pre-alarm."""
    low, limit = view.bank.cell_min, view.limits.low_cell_v
    if low is None or low.value > limit:
        return _NOBODY
    reading = view.bank.batteries[low.battery - 1].reading
    stamp = reading.cells_taken_at_s if reading else 0.0
    strong = low.value <= CUTOFF_V
    return (Finding(battery=low.battery, cell=low.cell, value=low.value, limit=limit, stamp=stamp, strong=strong),)


def cold(limit_of: Callable[[View], float]) -> Probe:
    def probe(view: View) -> Sequence[Finding]:
        low, limit = view.bank.temperature_min, limit_of(view)
        if low is None or low.value >= limit:
            return _NOBODY
        return (Finding(battery=low.battery, cell=low.cell, value=low.value, limit=limit),)

    return probe


def hot(limit_of: Callable[[View], float]) -> Probe:
    def probe(view: View) -> Sequence[Finding]:
        high, limit = view.bank.temperature_max, limit_of(view)
        if high is None or high.value <= limit:
            return _NOBODY
        return (Finding(battery=high.battery, cell=high.cell, value=high.value, limit=limit),)

    return probe


def temperature_unread(view: View) -> Sequence[Finding]:
    return [Finding(battery=number, stamp=stamp) for number, stamp in view.sensorless]


def floor(view: View) -> Sequence[Finding]:
    floor_pct, soc_pct = view.settings.discharge_floor_pct, view.soc_pct
    if soc_pct is None or floor_pct <= 0 or soc_pct > floor_pct:
        return _NOBODY
    return (Finding(value=soc_pct, limit=float(floor_pct)),)


def over_current(sign: int) -> Probe:
    def probe(view: View) -> Sequence[Finding]:
        if view.bank.plain:
            return _NOBODY
        found = []
        for b in view.bank.batteries:
            amps = b.reading.current_a if b.online and b.reading else None
            if amps is None or b.model is None:
                continue
            m = b.model
            steady_a = m.continuous_charge_a if sign > 0 else m.continuous_discharge_a
            peak_a = m.peak_charge_a if sign > 0 else m.peak_discharge_a
            if amps * sign > steady_a and b.reading:
                stamp, strong = b.reading.taken_at_s, amps * sign > peak_a
                found.append(Finding(battery=b.number, value=abs(amps), limit=steady_a, stamp=stamp, strong=strong))
        return found

    return probe


def battery_block(faults: frozenset[Fault], may: Callable[[BatteryReading], bool | None]) -> Probe:
    def probe(view: View) -> Sequence[Finding]:
        if view.bank.plain:
            return _NOBODY
        return [
            Finding(battery=b.number, stamp=b.reading.taken_at_s)
            for b in view.bank.batteries
            if b.online and b.reading and (may(b.reading) is False or not faults.isdisjoint(b.reading.faults))
        ]

    return probe


def lost(view: View) -> Sequence[Finding]:
    """A battery never read is lost only after the start's 20 s."""
    if view.bank.online == len(view.bank.batteries):
        return _NOBODY
    waited = not view.starting or view.now_s - view.start_s >= START_LIMIT_S
    return [Finding(battery=b.number) for b in view.bank.batteries if not b.online and (waited or b.valid_at_s > -inf)]


def bank_error(view: View) -> Sequence[Finding]:
    if view.bank.error is BankError.NONE:
        return _NOBODY
    return (Finding(battery=view.bank.error_battery or 0, value=float(view.bank.error)),)


def _when(condition: Callable[[View], bool]) -> Probe:
    """A condition of the whole bank that needs no figure."""
    return lambda view: _BANK if condition(view) else _NOBODY


def pin_fault(output: str) -> Probe:
    def probe(view: View) -> Sequence[Finding]:
        o = view.outputs
        if not o.reachable or getattr(o, output) is getattr(o.commanded, output):
            return _NOBODY
        return (Finding(stamp=float(o.sequence)),)

    return probe


starting = _when(lambda v: v.starting)
mode_off = _when(lambda v: v.settings.mode is not Mode.ON)
remote_off = _when(lambda v: v.outputs.reachable and not v.outputs.remote_on)
updating_charge = _when(lambda v: v.outputs.update in (UpdatePhase.RUNNING, UpdatePhase.EXPIRED))
updating_discharge = _when(lambda v: v.outputs.update is UpdatePhase.EXPIRED or v.outputs.update_holds_discharge_off)
unreachable = _when(lambda v: not v.outputs.reachable and not v.starting)
