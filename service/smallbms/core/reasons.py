"""The table of reasons: every way to a No, one row each (engine rules, "Permissions and outputs").

A row says what it blocks, when its condition holds (`probe`), how it trips, when it may release, and its sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from smallbms.core import breaches, releases
from smallbms.core.breaches import Probe
from smallbms.core.latch import Latch, Place, Repeat
from smallbms.core.releases import Release
from smallbms.core.view import View
from smallbms.frozen import frozen
from smallbms.words import Direction, Fault, ReasonCode

SECOND_READING_S = 1.0
CHARGE_FAULTS = frozenset(
    {Fault.CELL_HIGH, Fault.PACK_HIGH, Fault.CHARGE_HOT, Fault.CHARGE_COLD, Fault.CHARGE_OVER_CURRENT}
    | {Fault.CHARGE_TIMEOUT}
)
DISCHARGE_FAULTS = frozenset(
    {Fault.CELL_LOW, Fault.PACK_LOW, Fault.DISCHARGE_HOT, Fault.DISCHARGE_COLD, Fault.DISCHARGE_OVER_CURRENT}
)
BOTH_FAULTS = frozenset(
    {Fault.SHORT_CIRCUIT, Fault.INTERNAL, Fault.SWITCH_LOCKED, Fault.BOARD_HOT, Fault.TEMPERATURE_SENSOR}
)


@frozen
class Row:
    """One reason. It trips after `delay_s` or after `readings` in a row, whichever is first; both None: at once.

    `text` says what is wrong, `back` when the permission returns. `starting_at_once`: without delay
    while the bank is unproven. `gate`: may postpone a trip. `mark`: a figure to keep with the trip. `unwell`: where it
    is not over yet, of the places that the latch knows and those seen now; it does not release while there are any.
    `limit`: the limit in force, where it may have moved since the trip.
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
    unwell: Callable[[View, Latch], frozenset[Place]] | None = None
    limit: Callable[[View], float] | None = None


_OVER_CURRENT_REPEAT = Repeat(window_s=900.0, hold_s=900.0)
_CHARGE_COLD_C, _CHARGE_HOT_C = attrgetter("limits.charge_cold_c"), attrgetter("limits.charge_hot_c")
_DISCHARGE_COLD_C, _DISCHARGE_HOT_C = attrgetter("limits.discharge_cold_c"), attrgetter("limits.discharge_hot_c")
_C, _D, _B = Direction.CHARGE, Direction.DISCHARGE, Direction.BOTH

# fmt: off
ROWS: tuple[Row, ...] = (
    Row(name="high_cell", code=ReasonCode.HIGH_CELL, blocks=_C, probe=breaches.high_cell, per_battery=True,
        delay_s=SECOND_READING_S, readings=2, starting_at_once=True, release=releases.high_cell, release_s=10.0,
        text="battery {battery} cell {cell} at {value:.3f} V, the limit is {limit:.2f} V",
        back="every cell below {high_release:.2f} V for 10 s"),
    Row(name="low_cell", code=ReasonCode.LOW_CELL, blocks=_D, probe=breaches.low_cell,
        delay_s=10.0, readings=releases.CUTOFF_READINGS, starting_at_once=True, gate=releases.warned_in_time,
        release=releases.low_cell, release_s=60.0, repeat=Repeat(window_s=3600.0, until_charged=True), persisted=True,
        text="battery {battery} cell {cell} at {value:.3f} V, the limit is {limit:.2f} V: recharge at once",
        back="every cell at {low_release:.2f} V or more for 60 s{held}"),
    Row(name="charge_cold", code=ReasonCode.CHARGE_COLD, blocks=_C,
        limit=_CHARGE_COLD_C, probe=breaches.cold(_CHARGE_COLD_C), delay_s=5.0, starting_at_once=True,
        release=releases.every_battery, unwell=releases.not_warm, persisted=True,
        text="battery {battery} at {value:.1f} °C, no charging below {limit:g} °C",
        back="{warm:g} °C or more{unread}"),
    Row(name="charge_hot", code=ReasonCode.CHARGE_HOT, blocks=_C,
        limit=_CHARGE_HOT_C, probe=breaches.hot(_CHARGE_HOT_C), delay_s=5.0, starting_at_once=True,
        release=releases.every_battery, unwell=releases.not_cool, persisted=True,
        text="battery {battery} at {value:.1f} °C, no charging above {limit:g} °C",
        back="{cool:g} °C or less{unread}"),
    Row(name="discharge_cold", code=ReasonCode.DISCHARGE_COLD, blocks=_D,
        limit=_DISCHARGE_COLD_C, probe=breaches.cold(_DISCHARGE_COLD_C), delay_s=5.0, starting_at_once=True,
        release=releases.every_battery, unwell=releases.not_warm, persisted=True,
        text="battery {battery} at {value:.1f} °C, no discharging below {limit:g} °C",
        back="{warm:g} °C or more{unread}"),
    Row(name="discharge_hot", code=ReasonCode.DISCHARGE_HOT, blocks=_D,
        limit=_DISCHARGE_HOT_C, probe=breaches.hot(_DISCHARGE_HOT_C), delay_s=5.0, starting_at_once=True,
        release=releases.every_battery, unwell=releases.not_cool, persisted=True,
        text="battery {battery} at {value:.1f} °C, no discharging above {limit:g} °C",
        back="{cool:g} °C or less{unread}"),
    Row(name="temperature_unread", code=ReasonCode.TEMPERATURE_UNREAD, blocks=_C, probe=breaches.temperature_unread,
        per_battery=True, readings=3, starting_at_once=True, release=releases.read_still, release_s=5.0,
        text="no cell temperature of battery {battery} can be read", back="its sensors read for 5 s"),
    Row(name="floor", code=ReasonCode.FLOOR, blocks=_D, probe=breaches.floor, release=releases.floor, persisted=True,
        mark=lambda v: float(v.settings.discharge_floor_pct),
        text="state of charge {value:.1f} %, the discharge floor is {limit:.0f} %",
        back="{floor_release:.0f} %, a full charge, or a lower floor"),
    Row(name="over_current_charge", code=ReasonCode.OVER_CURRENT, blocks=_C, probe=breaches.over_current(1),
        per_battery=True, delay_s=10.0, readings=2, release=releases.read_still, release_s=60.0,
        repeat=_OVER_CURRENT_REPEAT, persisted=True,
        text="battery {battery} charged with {value:.1f} A, its limit is {limit:g} A",
        back="60 s below the limit{held}"),
    Row(name="over_current_discharge", code=ReasonCode.OVER_CURRENT, blocks=_D, probe=breaches.over_current(-1),
        per_battery=True, delay_s=10.0, readings=2, release=releases.read_still, release_s=60.0,
        repeat=_OVER_CURRENT_REPEAT, persisted=True,
        text="battery {battery} discharged with {value:.1f} A, its limit is {limit:g} A",
        back="60 s below the limit{held}"),
    Row(name="battery_block_charge", code=ReasonCode.BATTERY_BLOCK, blocks=_C, per_battery=True,
        probe=breaches.battery_block(CHARGE_FAULTS | BOTH_FAULTS, attrgetter("may_charge")),
        readings=2, starting_at_once=True, release=releases.read_still, release_s=10.0,
        text="battery {battery} itself does not allow charging: {fault}", back="10 s after it does"),
    Row(name="battery_block_discharge", code=ReasonCode.BATTERY_BLOCK, blocks=_D, per_battery=True,
        probe=breaches.battery_block(DISCHARGE_FAULTS | BOTH_FAULTS, attrgetter("may_discharge")),
        readings=2, starting_at_once=True, release=releases.read_still, release_s=10.0,
        text="battery {battery} itself does not allow discharging: {fault}", back="10 s after it does"),
    Row(name="lost_battery", code=ReasonCode.LOST_BATTERY, blocks=_B, probe=breaches.lost, per_battery=True,
        release=releases.read_again, release_s=5.0, repeat=Repeat(window_s=900.0, release_s=60.0),
        text="battery {battery} gives no valid data: check its cable and power", back="{release_s:.0f} s of good data"),
    Row(name="bank_error", code=ReasonCode.BANK_ERROR, blocks=_B, probe=breaches.bank_error,
        text="the battery bank is not valid: {error}", back="the bank is valid"),
    Row(name="remote_off", code=ReasonCode.REMOTE_OFF, blocks=_B, probe=breaches.remote_off,
        text="the remote on/off input is off", back="it is on"),
    Row(name="mode_off", code=ReasonCode.MODE_OFF, blocks=_B, probe=breaches.mode_off,
        text="the mode is {mode}", back="it is On"),
    Row(name="starting", code=ReasonCode.STARTING, blocks=_B, probe=breaches.starting,
        text="starting: the batteries have not all been read, or make no bank yet", back="they do, 20 s at most"),
    Row(name="updating_charge", code=ReasonCode.UPDATING, blocks=_C, probe=breaches.updating_charge,
        text="an update is under way", back="a version is healthy"),
    Row(name="updating_discharge", code=ReasonCode.UPDATING, blocks=_D, probe=breaches.updating_discharge,
        text="an update is under way and discharging could not be kept allowed", back="a version is healthy"),
    Row(name="pin_fault_charge", code=ReasonCode.OUTPUT_FAULT_CHARGE, blocks=_C, probe=breaches.pin_fault("atc"),
        readings=2, release=releases.acknowledged, persisted=True,
        text="the charge disconnect pin does not follow its command{why}",
        back="the fault is mended, then acknowledged"),
    Row(name="pin_fault_load", code=ReasonCode.OUTPUT_FAULT_LOAD, blocks=_D, probe=breaches.pin_fault("atd"),
        readings=2, release=releases.acknowledged, persisted=True,
        text="the load disconnect pin does not follow its command{why}",
        back="the fault is mended, then acknowledged"),
    Row(name="unreachable_charge", code=ReasonCode.OUTPUT_FAULT_CHARGE, blocks=_C, probe=breaches.unreachable,
        release_s=5.0,
        text="the outputs process cannot be reached{why}", back="5 s after it answers"),
    Row(name="unreachable_load", code=ReasonCode.OUTPUT_FAULT_LOAD, blocks=_D, probe=breaches.unreachable,
        release_s=5.0,
        text="the outputs process cannot be reached{why}", back="5 s after it answers"),
)
# fmt: on
