"""The table of reasons: every way to a No, one row each (engine rules, "Permissions and outputs").

A row says what it blocks, when its condition holds (`probe`), how it trips, when it may release, and its sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from operator import attrgetter

from smallbms.core.interlock import CUTOFF_V
from smallbms.core.latch import Finding, Latch, Repeat
from smallbms.core.plausibility import fresh
from smallbms.core.view import View
from smallbms.model import Battery, BatteryReading
from smallbms.words import BankError, Direction, Fault, Mode, ReasonCode, UpdatePhase

START_LIMIT_S = 20.0  # a battery not read by then is lost, by name
PRE_ALARM_LEAD_S = 30.0  # manual §2.2: at least so long before the load disconnect
SECOND_READING_S = 1.0
CUTOFF_READINGS = 2
COLD_RELEASE_C = 2.0
HOT_RELEASE_C = 3.0
FLOOR_RELEASE_PCT = 3.0
CHARGE_FAULTS = frozenset(
    {Fault.CELL_HIGH, Fault.PACK_HIGH, Fault.CHARGE_HOT, Fault.CHARGE_COLD, Fault.CHARGE_OVER_CURRENT}
    | {Fault.CHARGE_TIMEOUT}
)
DISCHARGE_FAULTS = frozenset(
    {Fault.CELL_LOW, Fault.PACK_LOW, Fault.DISCHARGE_HOT, Fault.DISCHARGE_COLD, Fault.DISCHARGE_OVER_CURRENT}
)
BOTH_FAULTS = frozenset({Fault.SHORT_CIRCUIT, Fault.INTERNAL, Fault.SWITCH_LOCKED})

Probe = Callable[[View], Sequence[Finding]]
Release = Callable[[View, Latch], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One reason. It trips after `delay_s` or after `readings` in a row, whichever is first; both None: at once.

    `text` says what is wrong, `back` when the permission returns. `starting_at_once`: without delay
    while the bank is unproven. `gate`: may postpone a trip. `mark`: a figure to keep with the trip.
    """

    name: str
    code: ReasonCode
    blocks: Direction
    probe: Probe
    text: str
    back: str = ""
    per_battery: bool = False
    delay_s: float | None = None
    readings: int | None = None
    release: Release = lambda view, latch: True
    release_s: float = 0.0
    starting_at_once: bool = False
    gate: Callable[[View, Latch], bool] | None = None
    repeat: Repeat | None = None
    persisted: bool = False
    mark: Callable[[View], float] = lambda view: 0.0


# --- probes: who breaches now --------------------------------------------------------------------------------------

_NOBODY: Sequence[Finding] = ()
_BANK: Sequence[Finding] = (Finding(),)


def _high_cell(view: View) -> Sequence[Finding]:
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


def _low_cell(view: View) -> Sequence[Finding]:
    """Readings count only at the cut-off, where there is no time left for the pre-alarm."""
    low, limit = view.bank.cell_min, view.limits.low_cell_v
    if low is None or low.value > limit:
        return _NOBODY
    reading = view.bank.batteries[low.battery - 1].reading
    stamp = reading.cells_taken_at_s if reading else 0.0
    strong = low.value <= CUTOFF_V
    return (Finding(battery=low.battery, cell=low.cell, value=low.value, limit=limit, stamp=stamp, strong=strong),)


def _cold(limit_of: Callable[[View], float]) -> Probe:
    def probe(view: View) -> Sequence[Finding]:
        low, limit = view.bank.temperature_min, limit_of(view)
        if low is None or low.value >= limit:
            return _NOBODY
        return (Finding(battery=low.battery, cell=low.cell, value=low.value, limit=limit),)

    return probe


def _hot(limit_of: Callable[[View], float]) -> Probe:
    def probe(view: View) -> Sequence[Finding]:
        high, limit = view.bank.temperature_max, limit_of(view)
        if high is None or high.value <= limit:
            return _NOBODY
        return (Finding(battery=high.battery, cell=high.cell, value=high.value, limit=limit),)

    return probe


def _temperature_unread(view: View) -> Sequence[Finding]:
    return [Finding(battery=number, stamp=stamp) for number, stamp in view.sensorless]


def _floor(view: View) -> Sequence[Finding]:
    floor, soc = view.settings.discharge_floor_pct, view.soc_pct
    if soc is None or floor <= 0 or soc > floor:
        return _NOBODY
    return (Finding(value=soc, limit=float(floor)),)


def _over_current(sign: int) -> Probe:
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


def _battery_block(faults: frozenset[Fault], switch: Callable[[BatteryReading], bool | None]) -> Probe:
    def probe(view: View) -> Sequence[Finding]:
        if view.bank.plain:
            return _NOBODY
        return [
            Finding(battery=b.number, stamp=b.reading.taken_at_s)
            for b in view.bank.batteries
            if b.online and b.reading and (switch(b.reading) is False or not faults.isdisjoint(b.reading.faults))
        ]

    return probe


def _lost(view: View) -> Sequence[Finding]:
    """A battery never read is lost only after the start's 20 s."""
    if view.bank.online == len(view.bank.batteries):
        return _NOBODY
    waited = not view.starting or view.now_s - view.start_s >= START_LIMIT_S
    return [Finding(battery=b.number) for b in view.bank.batteries if not b.online and (waited or b.valid_at_s > -inf)]


def _bank_error(view: View) -> Sequence[Finding]:
    if view.bank.error is BankError.NONE:
        return _NOBODY
    return (Finding(battery=view.bank.error_battery or 0, value=float(view.bank.error)),)


def _when(condition: Callable[[View], bool]) -> Probe:
    """A condition of the whole bank that needs no figure."""
    return lambda view: _BANK if condition(view) else _NOBODY


def _pin_fault(output: str) -> Probe:
    def probe(view: View) -> Sequence[Finding]:
        o = view.outputs
        if not o.reachable or getattr(o, output) is getattr(o.commanded, output):
            return _NOBODY
        return (Finding(stamp=float(o.sequence)),)

    return probe


_starting = _when(lambda v: v.starting)
_mode_off = _when(lambda v: v.settings.mode is not Mode.ON)
_remote_off = _when(lambda v: v.outputs.reachable and not v.outputs.remote_on)
_updating_charge = _when(lambda v: v.outputs.update in (UpdatePhase.RUNNING, UpdatePhase.EXPIRED))
_updating_discharge = _when(lambda v: v.outputs.update is UpdatePhase.EXPIRED or v.outputs.update_holds_discharge_off)
_unreachable = _when(lambda v: not v.outputs.reachable and not v.starting)


# --- releases ------------------------------------------------------------------------------------------------------


def _every_battery(view: View) -> bool:
    """Nobody is missing whose cells or temperature may be the reason still."""
    return view.bank.online == len(view.bank.batteries)


def _every_cell(view: View) -> bool:
    return _every_battery(view) and not any(
        b.cell_min_v is None or b.cell_max_v is None or (b.reading and None in b.reading.cell_voltages_v)
        for b in view.bank.batteries
    )


def _high_cell_released(view: View, latch: Latch) -> bool:
    top = view.bank.cell_max
    return top is not None and top.value < view.limits.high_cell_release_v and _every_cell(view)


def _low_cell_released(view: View, latch: Latch) -> bool:
    low = view.bank.cell_min
    return low is not None and low.value >= view.limits.low_cell_release_v and _every_cell(view)


def _warmed(view: View, latch: Latch) -> bool:
    low, limit = view.bank.temperature_min, latch.finding.limit or 0.0
    return low is not None and low.value >= limit + COLD_RELEASE_C and _every_battery(view)


def _cooled(view: View, latch: Latch) -> bool:
    high, limit = view.bank.temperature_max, latch.finding.limit or 0.0
    return high is not None and high.value <= limit - HOT_RELEASE_C and _every_battery(view)


def _floor_released(view: View, latch: Latch) -> bool:
    floor, soc = view.settings.discharge_floor_pct, view.soc_pct
    if soc is None or view.synchronised or view.soc_set or floor < latch.mark:
        return True
    return soc >= floor + FLOOR_RELEASE_PCT


def _its_battery_is(good: Callable[[Battery, float], bool]) -> Release:
    """What is not read releases nothing; a battery that is no longer configured holds nothing."""
    return lambda view, latch: all(
        good(b, view.now_s) for b in view.bank.batteries if b.number == latch.finding.battery
    )


_read_again = _its_battery_is(fresh)
_read_still = _its_battery_is(lambda battery, now_s: battery.online)


def _acknowledged(view: View, latch: Latch) -> bool:
    return view.acknowledged


def _low_cell_gate(view: View, latch: Latch) -> bool:
    """With ATD on, the pre-alarm has been on for its 30 s, or a cell is at the cut-off in two readings."""
    since_s = view.pre_alarm_since_s
    warned = since_s is not None and view.now_s - since_s >= PRE_ALARM_LEAD_S
    return not view.atd or warned or latch.readings >= CUTOFF_READINGS


_OVER_CURRENT_REPEAT = Repeat(window_s=900.0, hold_s=900.0)
_C, _D, _B = Direction.CHARGE, Direction.DISCHARGE, Direction.BOTH

# fmt: off
ROWS: tuple[Row, ...] = (
    Row(name="high_cell", code=ReasonCode.HIGH_CELL, blocks=_C, probe=_high_cell, per_battery=True,
        delay_s=SECOND_READING_S, readings=2, starting_at_once=True, release=_high_cell_released, release_s=10.0,
        text="battery {battery} cell {cell} at {value:.3f} V, the limit is {limit:.2f} V",
        back="every cell below {high_release:.2f} V for 10 s"),
    Row(name="low_cell", code=ReasonCode.LOW_CELL, blocks=_D, probe=_low_cell,
        delay_s=10.0, readings=CUTOFF_READINGS, starting_at_once=True, gate=_low_cell_gate,
        release=_low_cell_released, release_s=60.0, repeat=Repeat(window_s=3600.0, until_charged=True), persisted=True,
        text="battery {battery} cell {cell} at {value:.3f} V, the limit is {limit:.2f} V: recharge at once",
        back="every cell at {low_release:.2f} V or more for 60 s{held}"),
    Row(name="charge_cold", code=ReasonCode.CHARGE_COLD, blocks=_C, probe=_cold(lambda v: v.limits.charge_cold_c),
        delay_s=5.0, starting_at_once=True, release=_warmed,
        text="battery {battery} at {value:.1f} °C, no charging below {limit:g} °C", back="{warm:g} °C or more"),
    Row(name="charge_hot", code=ReasonCode.CHARGE_HOT, blocks=_C, probe=_hot(lambda v: v.limits.charge_hot_c),
        delay_s=5.0, starting_at_once=True, release=_cooled,
        text="battery {battery} at {value:.1f} °C, no charging above {limit:g} °C", back="{cool:g} °C or less"),
    Row(name="discharge_cold", code=ReasonCode.DISCHARGE_COLD, blocks=_D,
        probe=_cold(lambda v: v.limits.discharge_cold_c), delay_s=5.0, starting_at_once=True, release=_warmed,
        text="battery {battery} at {value:.1f} °C, no discharging below {limit:g} °C", back="{warm:g} °C or more"),
    Row(name="discharge_hot", code=ReasonCode.DISCHARGE_HOT, blocks=_D,
        probe=_hot(lambda v: v.limits.discharge_hot_c), delay_s=5.0, starting_at_once=True, release=_cooled,
        text="battery {battery} at {value:.1f} °C, no discharging above {limit:g} °C", back="{cool:g} °C or less"),
    Row(name="temperature_unread", code=ReasonCode.TEMPERATURE_UNREAD, blocks=_C, probe=_temperature_unread,
        per_battery=True, readings=3, starting_at_once=True, release=_read_still, release_s=5.0,
        text="no cell temperature of battery {battery} can be read", back="its sensors read for 5 s"),
    Row(name="floor", code=ReasonCode.FLOOR, blocks=_D, probe=_floor, release=_floor_released, persisted=True,
        mark=lambda v: float(v.settings.discharge_floor_pct),
        text="state of charge {value:.1f} %, the discharge floor is {limit:.0f} %",
        back="{floor_release:.0f} %, a full charge, or a lower floor"),
    Row(name="over_current_charge", code=ReasonCode.OVER_CURRENT, blocks=_C, probe=_over_current(1), per_battery=True,
        delay_s=10.0, readings=2, release=_read_still, release_s=60.0, repeat=_OVER_CURRENT_REPEAT, persisted=True,
        text="battery {battery} charged with {value:.1f} A, its limit is {limit:g} A",
        back="60 s below the limit{held}"),
    Row(name="over_current_discharge", code=ReasonCode.OVER_CURRENT, blocks=_D, probe=_over_current(-1),
        per_battery=True, delay_s=10.0, readings=2, release=_read_still, release_s=60.0, repeat=_OVER_CURRENT_REPEAT,
        persisted=True,
        text="battery {battery} discharged with {value:.1f} A, its limit is {limit:g} A",
        back="60 s below the limit{held}"),
    Row(name="battery_block_charge", code=ReasonCode.BATTERY_BLOCK, blocks=_C, per_battery=True,
        probe=_battery_block(CHARGE_FAULTS | BOTH_FAULTS, attrgetter("charge_switch_on")),
        readings=2, starting_at_once=True, release=_read_still, release_s=10.0,
        text="battery {battery} itself does not allow charging: {fault}", back="10 s after it does"),
    Row(name="battery_block_discharge", code=ReasonCode.BATTERY_BLOCK, blocks=_D, per_battery=True,
        probe=_battery_block(DISCHARGE_FAULTS | BOTH_FAULTS, attrgetter("discharge_switch_on")),
        readings=2, starting_at_once=True, release=_read_still, release_s=10.0,
        text="battery {battery} itself does not allow discharging: {fault}", back="10 s after it does"),
    Row(name="lost_battery", code=ReasonCode.LOST_BATTERY, blocks=_B, probe=_lost, per_battery=True,
        release=_read_again, release_s=5.0, repeat=Repeat(window_s=900.0, release_s=60.0),
        text="battery {battery} gives no valid data: check its cable and power", back="{release_s:.0f} s of good data"),
    Row(name="bank_error", code=ReasonCode.BANK_ERROR, blocks=_B, probe=_bank_error,
        text="the battery bank is not valid: {error}", back="the bank is valid"),
    Row(name="remote_off", code=ReasonCode.REMOTE_OFF, blocks=_B, probe=_remote_off,
        text="the remote on/off input is off", back="it is on"),
    Row(name="mode_off", code=ReasonCode.MODE_OFF, blocks=_B, probe=_mode_off,
        text="the mode is {mode}", back="it is On"),
    Row(name="starting", code=ReasonCode.STARTING, blocks=_B, probe=_starting,
        text="starting: not every battery has been read yet", back="all are read, 20 s at most"),
    Row(name="updating_charge", code=ReasonCode.UPDATING, blocks=_C, probe=_updating_charge,
        text="an update is under way", back="a version is healthy"),
    Row(name="updating_discharge", code=ReasonCode.UPDATING, blocks=_D, probe=_updating_discharge,
        text="an update is under way and discharging could not be kept allowed", back="a version is healthy"),
    Row(name="pin_fault_charge", code=ReasonCode.OUTPUT_FAULT_CHARGE, blocks=_C, probe=_pin_fault("atc"),
        readings=2, release=_acknowledged, persisted=True,
        text="the charge disconnect pin does not follow its command", back="the fault is mended and acknowledged"),
    Row(name="pin_fault_load", code=ReasonCode.OUTPUT_FAULT_LOAD, blocks=_D, probe=_pin_fault("atd"),
        readings=2, release=_acknowledged, persisted=True,
        text="the load disconnect pin does not follow its command", back="the fault is mended and acknowledged"),
    Row(name="unreachable_charge", code=ReasonCode.OUTPUT_FAULT_CHARGE, blocks=_C, probe=_unreachable, release_s=5.0,
        text="the outputs process cannot be reached, its pins float", back="5 s after it answers"),
    Row(name="unreachable_load", code=ReasonCode.OUTPUT_FAULT_LOAD, blocks=_D, probe=_unreachable, release_s=5.0,
        text="the outputs process cannot be reached, its pins float", back="5 s after it answers"),
)
# fmt: on
