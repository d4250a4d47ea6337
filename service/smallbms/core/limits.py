"""CVL, CCL and DCL for chargers and inverters that a GX controls (DVCC); never invalid.

A GX does not stop every solar charger on CCL = 0 alone, so a No to charging also lowers the voltage. What a battery
asks for by itself narrows all three, and never widens them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import inf
from operator import attrgetter

from smallbms.core.bank import strings
from smallbms.frozen import frozen
from smallbms.model import Bank, BatteryModel, BatteryReading
from smallbms.settings import Settings

ADJUST_S = 3.0  # a GX adjusts its chargers every 3 s
BALANCED_V = 0.020
ABSORPTION_S = 2 * 3600.0
BACK_PCT = 95.0
BACK_DISCHARGED = 0.05  # of capacity, where the SoC is unknown
FULL_AGAIN_S = 30 * 86_400.0
CELL_TARGET_ABOVE_V = 0.03  # above the charge voltage per cell: 3.58 V
CELL_GAIN, CELL_DOWN_V, CELL_UP_V = 0.2, -0.020, 0.002
REST_START_V, REST_DOWN_V, REST_UP_V, REST_ABOVE_V = 0.010, 0.005, 0.002, 0.010
REST_CHARGING_C, REST_DISCHARGING_C = 0.005, 0.02
_CHARGE_SWITCH, _DISCHARGE_SWITCH = attrgetter("charge_switch_on"), attrgetter("discharge_switch_on")
_OWN_CHARGE_A, _OWN_DISCHARGE_A = attrgetter("charge_limit_a"), attrgetter("discharge_limit_a")
_OWN_CHARGE_V = attrgetter("charge_voltage_limit_v")


class Phase(Enum):
    ABSORB = auto()
    FLOAT = auto()


class Steering(Enum):
    """Who moves the CVL: nobody, the highest cell, or the wish that the battery rest while charging is not allowed."""

    NONE = auto()
    CELL = auto()
    REST = auto()


@frozen
class LimitsMemory:
    phase: Phase = Phase.ABSORB
    steering: Steering = Steering.NONE
    cvl_v: float | None = None
    adjusted_at_s: float = 0.0
    full_since_s: float | None = None
    held_since_s: float | None = None  # a high cell keeps the bank under its charged voltage
    float_since_s: float = 0.0
    imbalanced: bool = False  # floated without a synchronisation
    discharged_ah: float = 0.0  # since then


@dataclass(slots=True, kw_only=True)
class Situation:
    bank: Bank
    settings: Settings
    model: BatteryModel
    series: int
    atc: bool
    soc_pct: float | None
    full: bool
    smoothed_a: float | None
    since_full_s: float | None
    dt_s: float
    now_s: float

    @property
    def cells(self) -> int:
        return self.model.cells * self.series

    @property
    def capacity_ah(self) -> float:
        return self.bank.capacity_ah or self.model.capacity_ah


def steer(memory: LimitsMemory, s: Situation) -> LimitsMemory:
    """Move the CVL for this step."""
    memory = _phase(memory, s)
    normal_v = (s.model.charge_v if memory.phase is Phase.ABSORB else s.model.float_v) * s.series
    if not s.atc:
        return _rest(memory, s, normal_v)
    top_v = s.bank.cell_max.value if s.bank.cell_max else None
    target_v = s.model.charge_v / s.model.cells + CELL_TARGET_ABOVE_V
    if memory.steering is not Steering.CELL:
        if top_v is None or top_v <= target_v or s.bank.voltage_v is None:
            if memory.steering is Steering.NONE and memory.cvl_v == normal_v:
                return memory
            return replace(memory, steering=Steering.NONE, cvl_v=normal_v)
        cvl_v = max(s.model.float_v * s.series, min(normal_v, s.bank.voltage_v))
        return replace(memory, steering=Steering.CELL, cvl_v=cvl_v, adjusted_at_s=s.now_s)
    cvl_v = normal_v if memory.cvl_v is None else min(memory.cvl_v, normal_v)
    if top_v is not None and s.now_s - memory.adjusted_at_s >= ADJUST_S:
        cvl_v += _clamp(CELL_GAIN * (target_v - top_v), CELL_DOWN_V, CELL_UP_V) * s.cells
        memory = replace(memory, adjusted_at_s=s.now_s)
        if cvl_v >= normal_v:
            return replace(memory, steering=Steering.NONE, cvl_v=normal_v)
    return replace(memory, cvl_v=_clamp(cvl_v, min(s.model.float_v * s.series, normal_v), normal_v))


def _rest(memory: LimitsMemory, s: Situation, normal_v: float) -> LimitsMemory:
    """Charging is not allowed: chargers carry the loads and leave the battery alone."""
    bank_v, amps = s.bank.voltage_v, s.bank.current_a
    lowest_v = s.model.end_of_discharge_v * s.series
    if bank_v is None or amps is None:
        held_v = memory.cvl_v if memory.cvl_v is not None else s.model.float_v * s.series
        return replace(memory, cvl_v=min(held_v, normal_v))
    cvl_v = memory.cvl_v if memory.cvl_v is not None else normal_v
    if memory.steering is not Steering.REST:
        cvl_v = bank_v - REST_START_V * s.cells
        memory = replace(memory, steering=Steering.REST, adjusted_at_s=s.now_s)
    elif s.now_s - memory.adjusted_at_s >= ADJUST_S:
        if amps > REST_CHARGING_C * s.capacity_ah:
            cvl_v -= REST_DOWN_V * s.cells
        elif amps < -REST_DISCHARGING_C * s.capacity_ah:
            cvl_v += REST_UP_V * s.cells
        memory = replace(memory, adjusted_at_s=s.now_s)
    cvl_v = min(cvl_v, bank_v + REST_ABOVE_V * s.cells)
    return replace(memory, cvl_v=_clamp(cvl_v, lowest_v, normal_v))


def _phase(memory: LimitsMemory, s: Situation) -> LimitsMemory:
    return _absorbing(memory, s) if memory.phase is Phase.ABSORB else _floating(memory, s)


def _absorbing(memory: LimitsMemory, s: Situation) -> LimitsMemory:
    """Until full and balanced, at most 2 h; or 2 h in which only a high cell holds the voltage back."""
    bank = s.bank
    full_since_s = memory.full_since_s
    if s.full and full_since_s is None:
        full_since_s = s.now_s
    elif not s.full and full_since_s is not None and (s.soc_pct is None or s.soc_pct < BACK_PCT):
        full_since_s = None
    held_since_s = (memory.held_since_s if memory.held_since_s is not None else s.now_s) if _held(memory, s) else None
    spread_v = bank.cell_max.value - bank.cell_min.value if bank.cell_max and bank.cell_min else None
    balanced = s.full and spread_v is not None and spread_v <= BALANCED_V
    absorbed = full_since_s is not None and (balanced or s.now_s - full_since_s >= ABSORPTION_S)
    stuck = held_since_s is not None and s.now_s - held_since_s >= ABSORPTION_S
    if absorbed or stuck:
        return replace(
            memory, phase=Phase.FLOAT, float_since_s=s.now_s, full_since_s=None, held_since_s=None,
            discharged_ah=0.0, imbalanced=stuck and not absorbed,
        )  # fmt: skip
    if (full_since_s, held_since_s) == (memory.full_since_s, memory.held_since_s):
        return memory
    return replace(memory, full_since_s=full_since_s, held_since_s=held_since_s)


def _held(memory: LimitsMemory, s: Situation) -> bool:
    if memory.steering is not Steering.CELL or s.bank.voltage_v is None or s.smoothed_a is None:
        return False
    tail_a = s.settings.tail_current_pct / 100.0 * s.capacity_ah
    return s.bank.voltage_v < s.settings.charged_voltage_cell_v * s.cells and s.smoothed_a < tail_a


def _floating(memory: LimitsMemory, s: Situation) -> LimitsMemory:
    low = s.soc_pct is None or s.soc_pct < BACK_PCT
    if memory.imbalanced:  # no synchronisation stands behind that SoC
        drawn_ah = max(0.0, -(s.bank.current_a or 0.0)) * s.dt_s / 3600.0
        memory = replace(memory, discharged_ah=memory.discharged_ah + drawn_ah)
        low = low and memory.discharged_ah >= BACK_DISCHARGED * s.capacity_ah
    overdue = s.since_full_s is None or s.since_full_s >= FULL_AGAIN_S
    rested = not memory.imbalanced or s.now_s - memory.float_since_s >= FULL_AGAIN_S  # else it would be stuck again
    if low or (overdue and rested):
        return replace(memory, phase=Phase.ABSORB, imbalanced=False)
    return memory


def charge_voltage_v(memory: LimitsMemory, bank: Bank) -> float:
    """CVL as steered, and no battery of a string above what it allows."""
    return min(memory.cvl_v or 0.0, _weakest(bank, _OWN_CHARGE_V) * (bank.series or 1))


def charge_limit_a(bank: Bank, model: BatteryModel) -> float:
    """CCL while charging is allowed: what the strings that can carry may take, by temperature and highest cell."""
    t, factor = model.thresholds, 1.0
    if bank.temperature_min:
        factor = min(factor, _ramp(bank.temperature_min.value, t.charge_cold_c, 0.1, t.charge_cold_c + 5.0, 1.0))
    if bank.temperature_max:
        factor = min(factor, _ramp(bank.temperature_max.value, t.charge_hot_c - 5.0, 1.0, t.charge_hot_c, 0.2))
    if bank.cell_max:
        charge_cell_v = model.charge_v / model.cells
        factor = min(factor, _ramp(bank.cell_max.value, charge_cell_v - 0.05, 1.0, charge_cell_v + 0.05, 0.05))
    if bank.cell_min and bank.cell_min.value < t.low_cell_v:
        factor = min(factor, 0.1)
    carrying = _carrying(bank, _CHARGE_SWITCH)
    return min(model.continuous_charge_a * factor, _weakest(bank, _OWN_CHARGE_A)) * carrying


def discharge_limit_a(bank: Bank, model: BatteryModel) -> float:
    """DCL while discharging is allowed."""
    t, factor = model.thresholds, 1.0
    if bank.cell_min:
        factor = min(factor, _ramp(bank.cell_min.value, t.low_cell_v, 0.2, t.low_cell_v + 0.20, 1.0))
    if bank.temperature_min:
        factor = min(factor, _ramp(bank.temperature_min.value, t.discharge_cold_c, 0.2, t.discharge_cold_c + 10.0, 1.0))
    if bank.temperature_max:
        factor = min(factor, _ramp(bank.temperature_max.value, t.discharge_hot_c - 5.0, 1.0, t.discharge_hot_c, 0.2))
    carrying = _carrying(bank, _DISCHARGE_SWITCH)
    return min(model.continuous_discharge_a * factor, _weakest(bank, _OWN_DISCHARGE_A)) * carrying


def _carrying(bank: Bank, switch: Callable[[BatteryReading], bool | None]) -> int:
    """The strings whose every battery can carry a current."""
    if bank.plain and bank.parallel:
        return bank.parallel
    return sum(all(b.online and b.reading and switch(b.reading) is not False for b in s) for s in strings(bank))


def _weakest(bank: Bank, limit: Callable[[BatteryReading], float | None]) -> float:
    """The lowest limit that a battery asks for: parallel strings share the current whatever each of them allows."""
    if bank.plain:
        return inf
    own = [limit(b.reading) for b in bank.batteries if b.reading]
    return min([asked for asked in own if asked is not None], default=inf)


def _ramp(x: float, x0: float, y0: float, x1: float, y1: float) -> float:
    """Linear between two points, level outside."""
    if x <= x0:
        return y0
    if x >= x1:
        return y1
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def _clamp(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))
