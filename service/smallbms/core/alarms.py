"""The table of alarms: one row a rule, level 0 none, 1 warning, 2 alarm; a level clears 10 s below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from math import inf

from smallbms.core.balancer import IMBALANCE_V
from smallbms.core.latch import Latch
from smallbms.core.plausibility import LOST_S
from smallbms.core.usual import HEALTHY_PCT
from smallbms.core.view import View
from smallbms.frozen import frozen
from smallbms.model import OutputsReadBack
from smallbms.words import AlarmCode, AlarmLevel, Fault

CLEAR_S = 10.0
HIGH_CELL_WARNING_BELOW_V = 0.10  # 3.65 V of 3.75 V
WARNING_C = 2.0
CABLE_WARNING_S = 3.0
IMBALANCE_ALARM_V = 0.200

FAULT_ALARMS: Mapping[Fault, AlarmCode] = {
    Fault.CELL_HIGH: AlarmCode.HIGH_CELL_VOLTAGE,
    Fault.CELL_LOW: AlarmCode.LOW_CELL_VOLTAGE,
    Fault.PACK_HIGH: AlarmCode.HIGH_VOLTAGE,
    Fault.PACK_LOW: AlarmCode.LOW_VOLTAGE,
    Fault.CHARGE_HOT: AlarmCode.HIGH_CHARGE_TEMPERATURE,
    Fault.CHARGE_COLD: AlarmCode.LOW_CHARGE_TEMPERATURE,
    Fault.DISCHARGE_HOT: AlarmCode.HIGH_TEMPERATURE,
    Fault.DISCHARGE_COLD: AlarmCode.LOW_TEMPERATURE,
    Fault.CHARGE_OVER_CURRENT: AlarmCode.HIGH_CHARGE_CURRENT,
    Fault.DISCHARGE_OVER_CURRENT: AlarmCode.HIGH_DISCHARGE_CURRENT,
    Fault.SHORT_CIRCUIT: AlarmCode.HIGH_DISCHARGE_CURRENT,
    Fault.INTERNAL: AlarmCode.INTERNAL_FAILURE,
    Fault.SWITCH_LOCKED: AlarmCode.INTERNAL_FAILURE,
    Fault.CHARGE_TIMEOUT: AlarmCode.INTERNAL_FAILURE,
    Fault.CELL_IMBALANCE: AlarmCode.CELL_IMBALANCE,
    Fault.BOARD_HOT: AlarmCode.INTERNAL_FAILURE,
    Fault.TEMPERATURE_SENSOR: AlarmCode.BATTERY_TEMPERATURE_SENSOR,
    Fault.UNNAMED: AlarmCode.INTERNAL_FAILURE,
}


@dataclass(slots=True, kw_only=True)
class Facts:
    """What a rule may look at beside the view: which reasons tripped, which are counting."""

    view: View
    latches: Mapping[str, Mapping[int, Latch]]
    tripped: Set[str]
    pre_alarm_cell: bool
    imbalance_v: float | None
    reported: Mapping[AlarmCode, AlarmLevel]


Rule = Callable[[Facts], bool]


@frozen
class Row:
    """One alarm: level 2 while one of its `reasons` is tripped or its `alarm` rule holds, level 1 by `warning`.

    An `alarm` rule asks for more than the `warning` of the same row.
    """

    code: AlarmCode
    warning: Rule | None = None
    alarm: Rule | None = None
    reasons: frozenset[str] = frozenset()


@frozen
class AlarmMemory:
    level: AlarmLevel = AlarmLevel.OK
    below_since_s: float | None = None


Alarms = Mapping[AlarmCode, AlarmMemory]
_NO_LATCH: Mapping[int, Latch] = {}
_NO_LEVELS: Mapping[AlarmCode, AlarmLevel] = {}


def _counting(name: str) -> Rule:
    """The reason's condition holds, though its delay is not over."""
    return lambda facts: any([latch.tripped or latch.counting for latch in facts.latches.get(name, _NO_LATCH).values()])


def _low_soc(facts: Facts) -> bool:
    soc = facts.view.soc_pct
    if soc is None:
        return not facts.view.starting
    return soc <= facts.view.settings.low_soc_warning_pct


def _low_voltage(share: float) -> Rule:
    def rule(facts: Facts) -> bool:
        bank, model = facts.view.bank, facts.view.model
        if bank.voltage_v is None or model is None or not bank.series:
            return False
        return bank.voltage_v <= model.end_of_discharge_v * bank.series * share

    return rule


def _high_voltage(share: float) -> Rule:
    def rule(facts: Facts) -> bool:
        bank, model = facts.view.bank, facts.view.model
        if bank.voltage_v is None or model is None or not bank.series:
            return False
        return bank.voltage_v >= model.charge_v * bank.series * share

    return rule


def _high_cell(facts: Facts) -> bool:
    top = facts.view.bank.cell_max
    return top is not None and top.value >= facts.view.limits.high_cell_v - HIGH_CELL_WARNING_BELOW_V


def _near_cold(limit_of: Callable[[View], float]) -> Rule:
    def rule(facts: Facts) -> bool:
        low = facts.view.bank.temperature_min
        return low is not None and low.value < limit_of(facts.view) + WARNING_C

    return rule


def _near_hot(limit_of: Callable[[View], float]) -> Rule:
    def rule(facts: Facts) -> bool:
        high = facts.view.bank.temperature_max
        return high is not None and high.value > limit_of(facts.view) - WARNING_C

    return rule


def _imbalance(limit_v: float) -> Rule:
    return lambda facts: facts.imbalance_v is not None and facts.imbalance_v > limit_v


def _cable(facts: Facts) -> bool:
    """A battery that was read before gives no whole data now."""
    oldest_s = facts.view.now_s - CABLE_WARNING_S
    heard_at_s = facts.view.bank.heard_at_s
    if heard_at_s is not None and heard_at_s > oldest_s:
        return False
    return any([-inf < b.valid_at_s <= oldest_s for b in facts.view.bank.batteries])


def _sensor(facts: Facts) -> bool:
    if facts.view.bank.plain:
        return False
    return any(b.online and b.reading and None in b.reading.cell_temperatures_c for b in facts.view.bank.batteries)


def _lamp_fault(outputs: OutputsReadBack) -> bool:
    """An output that protects nothing by itself: a LED, or the pre-alarm."""
    return outputs.lamp_fault or (outputs.reachable and outputs.pre_alarm is not outputs.commanded.pre_alarm)


def _health(facts: Facts) -> bool:
    if facts.view.bank.plain:
        return False
    return any(
        b.online and b.reading and b.reading.soh_pct is not None and b.reading.soh_pct < HEALTHY_PCT
        for b in facts.view.bank.batteries
    )


# fmt: off
ROWS: tuple[Row, ...] = (
    Row(code=AlarmCode.LOW_SOC, warning=_low_soc, reasons=frozenset({"floor"})),
    Row(code=AlarmCode.LOW_CELL_VOLTAGE, warning=lambda f: f.pre_alarm_cell, reasons=frozenset({"low_cell"})),
    Row(code=AlarmCode.HIGH_CELL_VOLTAGE, warning=_high_cell, reasons=frozenset({"high_cell"})),
    Row(code=AlarmCode.LOW_VOLTAGE, warning=_low_voltage(1.0), alarm=_low_voltage(0.95)),
    Row(code=AlarmCode.HIGH_VOLTAGE, warning=_high_voltage(1.02), alarm=_high_voltage(1.05)),
    Row(code=AlarmCode.LOW_TEMPERATURE, warning=_near_cold(lambda v: v.limits.discharge_cold_c),
        reasons=frozenset({"discharge_cold"})),
    Row(code=AlarmCode.HIGH_TEMPERATURE, warning=_near_hot(lambda v: v.limits.discharge_hot_c),
        reasons=frozenset({"discharge_hot"})),
    Row(code=AlarmCode.LOW_CHARGE_TEMPERATURE, warning=_near_cold(lambda v: v.limits.charge_cold_c),
        reasons=frozenset({"charge_cold"})),
    Row(code=AlarmCode.HIGH_CHARGE_TEMPERATURE, warning=_near_hot(lambda v: v.limits.charge_hot_c),
        reasons=frozenset({"charge_hot"})),
    Row(code=AlarmCode.HIGH_CHARGE_CURRENT, warning=_counting("over_current_charge"),
        reasons=frozenset({"over_current_charge"})),
    Row(code=AlarmCode.HIGH_DISCHARGE_CURRENT, warning=_counting("over_current_discharge"),
        reasons=frozenset({"over_current_discharge"})),
    Row(code=AlarmCode.CELL_IMBALANCE, warning=_imbalance(IMBALANCE_V), alarm=_imbalance(IMBALANCE_ALARM_V)),
    Row(code=AlarmCode.BMS_CABLE, warning=_cable, reasons=frozenset({"lost_battery"})),
    Row(code=AlarmCode.INTERNAL_FAILURE,
        warning=lambda f: not f.view.store_ok or _lamp_fault(f.view.outputs),
        reasons=frozenset({"pin_fault_charge", "pin_fault_load", "unreachable_charge", "unreachable_load"})),
    Row(code=AlarmCode.FIRMWARE_UPDATE_FAILURE, alarm=lambda f: f.view.update_failed),
    Row(code=AlarmCode.BATTERY_TEMPERATURE_SENSOR, warning=_sensor, reasons=frozenset({"temperature_unread"})),
    Row(code=AlarmCode.STATE_OF_HEALTH, warning=_health),
)
# fmt: on


def reported(view: View) -> Mapping[AlarmCode, AlarmLevel]:
    """The alarms of what the batteries report by themselves: every protection bit reaches one, also of a battery whose
    other data are not whole."""
    if view.bank.plain:
        return _NO_LEVELS
    young_s = view.now_s - LOST_S
    readings = [b.reading for b in view.bank.batteries if b.reading and b.reading.taken_at_s > young_s]
    warned = {FAULT_ALARMS[fault]: AlarmLevel.WARNING for reading in readings for fault in reading.warnings}
    return warned | {FAULT_ALARMS[fault]: AlarmLevel.ALARM for reading in readings for fault in reading.faults}


def evaluate(alarms: Alarms, facts: Facts) -> tuple[Alarms, Iterable[tuple[AlarmCode, AlarmLevel]]]:
    """All rows; returns the memory and the levels that changed in this step."""
    now_s = facts.view.now_s
    moved: dict[AlarmCode, AlarmMemory] = {}
    changed = []
    for row in ROWS:
        level, before = _level(row, facts), alarms.get(row.code)
        if before is not None and level is before.level and before.below_since_s is None:
            continue
        memory = _held(before or _QUIET, level, now_s)
        moved[row.code] = memory
        if memory.level is not (before or _QUIET).level:
            changed.append((row.code, memory.level))
    return ({**alarms, **moved} if moved else alarms), changed


def _level(row: Row, facts: Facts) -> AlarmLevel:
    reported = facts.reported.get(row.code, AlarmLevel.OK)
    if (facts.tripped and not row.reasons.isdisjoint(facts.tripped)) or reported is AlarmLevel.ALARM:
        return AlarmLevel.ALARM
    if row.warning is not None and not row.warning(facts):
        return reported
    if row.alarm is not None and row.alarm(facts):
        return AlarmLevel.ALARM
    return reported if row.warning is None else AlarmLevel.WARNING


_QUIET = AlarmMemory()


def _held(before: AlarmMemory, level: AlarmLevel, now_s: float) -> AlarmMemory:
    """Up at once, down after 10 s below."""
    if level >= before.level:
        return AlarmMemory(level=level)
    since_s = now_s if before.below_since_s is None else before.below_since_s
    if now_s - since_s >= CLEAR_S:
        return AlarmMemory(level=level)
    return replace(before, below_since_s=since_s)
