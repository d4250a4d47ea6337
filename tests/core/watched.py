"""A rig that judges every step by what was promised, followed apart from the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from math import inf, isfinite
from typing import Any

from smallbms.changes import Change
from smallbms.core import saving
from smallbms.core.reasons import ROWS
from smallbms.model import Bank, BatteryModel, Decision, Thresholds
from smallbms.words import AlarmCode, AlarmLevel, Direction, Led, ReasonCode

from .bench_battery import Rig

_PERSISTED = frozenset(row.name for row in ROWS if row.persisted)
Good = Callable[[Bank, Thresholds], bool]


def _all_online(bank: Bank) -> bool:
    return bank.online == len(bank.batteries)


def _all_read(bank: Bank) -> bool:
    return _all_online(bank) and all(
        b.reading is not None
        and (None not in b.reading.cell_voltages_v if b.reading.cell_voltages_v else b.cell_min_v is not None)
        for b in bank.batteries
    )


def _cells_under(bank: Bank, limits: Thresholds) -> bool:
    return _all_read(bank) and bank.cell_max is not None and bank.cell_max.value < limits.high_cell_release_v


def _cells_over(bank: Bank, limits: Thresholds) -> bool:
    return _all_read(bank) and bank.cell_min is not None and bank.cell_min.value >= limits.low_cell_release_v


def _warmer_than(limit_of: Callable[[Thresholds], float]) -> Good:
    def good(bank: Bank, limits: Thresholds) -> bool:
        low = bank.temperature_min
        return _all_online(bank) and low is not None and low.value >= limit_of(limits) + 2.0

    return good


def _cooler_than(limit_of: Callable[[Thresholds], float]) -> Good:
    def good(bank: Bank, limits: Thresholds) -> bool:
        high = bank.temperature_max
        return _all_online(bank) and high is not None and high.value <= limit_of(limits) - 3.0

    return good


# What must have held, and for how long, before a reason that was given may be gone.
RELEASES: Mapping[ReasonCode, tuple[Good, float]] = {
    ReasonCode.HIGH_CELL: (_cells_under, 10.0),
    ReasonCode.LOW_CELL: (_cells_over, 60.0),
    ReasonCode.CHARGE_COLD: (_warmer_than(lambda t: t.charge_cold_c), 0.0),
    ReasonCode.CHARGE_HOT: (_cooler_than(lambda t: t.charge_hot_c), 0.0),
    ReasonCode.DISCHARGE_COLD: (_warmer_than(lambda t: t.discharge_cold_c), 0.0),
    ReasonCode.DISCHARGE_HOT: (_cooler_than(lambda t: t.discharge_hot_c), 0.0),
}


class Watch:
    """What the readings say since the process began, and since when."""

    def __init__(self) -> None:
        self.high_since_s: dict[int, float] = {}
        self.high_stamps: dict[int, set[float]] = {}
        self.good_since_s: dict[ReasonCode, float] = {}
        self.cut_off: set[tuple[int, float]] = set()
        self.low_since_s: float | None = None
        self.atd_since_s: float | None = None
        self.warned_since_s: float | None = None
        self.codes: set[ReasonCode] = set()

    def see(self, rig: Rig) -> None:
        limits = rig.decision.bank.thresholds
        self._high(rig.decision, limits, rig.now_s)
        self._released(rig.decision, limits, rig.now_s)
        self._low(rig.decision, limits, rig.now_s)

    def _high(self, decision: Decision, limits: Thresholds, now_s: float) -> None:
        """No charging beyond the second reading of a high cell, or 1 s after the first."""
        for battery in decision.bank.batteries:
            n, top = battery.number, battery.cell_max_v
            if battery.online and battery.reading and top is not None and top >= limits.high_cell_v:
                self.high_since_s.setdefault(n, now_s)
                self.high_stamps.setdefault(n, set()).add(battery.reading.cells_taken_at_s)
                if len(self.high_stamps[n]) >= 2 or now_s - self.high_since_s[n] >= 1.0:
                    assert not decision.allow_to_charge
            else:
                self.high_since_s.pop(n, None)
                self.high_stamps.pop(n, None)

    def _released(self, decision: Decision, limits: Thresholds, now_s: float) -> None:
        """What was tripped stays so until its release has held for its time, without a break."""
        codes = {reason.code for reason in decision.reasons}
        for code, (good, for_s) in RELEASES.items():
            if not good(decision.bank, limits):
                self.good_since_s.pop(code, None)
            else:
                self.good_since_s.setdefault(code, now_s)
            if code in self.codes - codes:
                assert now_s - self.good_since_s.get(code, inf) >= for_s - 1e-6, code

    def _low(self, decision: Decision, limits: Thresholds, now_s: float) -> None:
        """A low cell ends discharging within 30 s, and not before the pre-alarm has been on for that long."""
        codes, low = {reason.code for reason in decision.reasons}, decision.bank.cell_min
        is_low = low is not None and low.value <= limits.low_cell_v
        self.low_since_s = (now_s if self.low_since_s is None else self.low_since_s) if is_low else None
        if low is None or low.value > 2.00:
            self.cut_off.clear()
        else:
            reading = decision.bank.batteries[low.battery - 1].reading
            assert reading is not None
            self.cut_off.add((low.battery, reading.cells_taken_at_s))
        if self.low_since_s is not None and self.atd_since_s is not None:
            assert min(now_s - self.low_since_s, now_s - self.atd_since_s) < 30.0 or not decision.allow_to_discharge
        if self.atd_since_s is not None and ReasonCode.LOW_CELL in codes:
            warned = self.warned_since_s is not None and now_s - self.warned_since_s >= 30.0
            assert warned or len(self.cut_off) >= 2, "no pre-alarm in time"
        self.atd_since_s = _since(self.atd_since_s, decision.allow_to_discharge, now_s)
        self.warned_since_s = _since(self.warned_since_s, decision.pre_alarm, now_s)
        self.codes = codes


def _since(known_s: float | None, holds: bool, now_s: float) -> float | None:
    if not holds:
        return None
    return now_s if known_s is None else known_s


class WatchedRig(Rig):
    """Every step is checked against every rule."""

    def __init__(self, count: int = 1, **values: Any) -> None:
        super().__init__(count, **values)
        self.watch = Watch()

    def step(self, *changes: Change, read: bool = True) -> Decision:
        before, known = self.state, repr(self.state)
        decision = super().step(*changes, read=read)
        assert repr(before) == known, "a step has changed what it was given"
        self.watch.see(self)
        check_permissions(self)
        check_limits(self)
        return decision

    def restart(self, *, off_s: float = 0.0, wall_error_s: float = 0.0, now_s: float = 100.0) -> tuple[str, ...]:
        """What was taken away for longer than a process lives is still taken away at the next one's first step."""
        before = self.tripped() & _PERSISTED
        notices = super().restart(off_s=off_s, wall_error_s=wall_error_s, now_s=now_s)
        self.watch = Watch()
        self.step(read=False)
        assert before <= self.tripped()
        return notices

    def tripped(self) -> set[str]:
        """The rows that have tripped, by name."""
        return {name for name, known in self.state.latches.items() if any(latch.tripped for latch in known.values())}


def check_permissions(rig: Rig) -> None:
    """A No has its reason and its sentence, a reason its No; the pins follow, and everyone is told as the pins are."""
    decision, told, outputs = rig.decision, rig.told, rig.outputs
    for said in (decision, told):
        for direction, allowed in (
            (Direction.CHARGE, said.allow_to_charge),
            (Direction.DISCHARGE, said.allow_to_discharge),
        ):
            assert allowed is not any(direction in reason.blocks for reason in said.reasons)
        assert all("; back: " in reason.text for reason in said.reasons)
        assert all(reason.since_s <= rig.now_s for reason in said.reasons)
    assert (outputs.atc, outputs.atd, outputs.pre_alarm) == (
        told.allow_to_charge, told.allow_to_discharge, told.pre_alarm,
    )  # fmt: skip
    assert outputs.atc <= decision.allow_to_charge and outputs.atd <= decision.allow_to_discharge
    assert outputs.pre_alarm <= decision.pre_alarm <= decision.allow_to_discharge
    assert rig.now_s < decision.wake_at_s <= rig.now_s + 0.5
    worst = max(decision.alarms.values())
    assert worst is not AlarmLevel.ALARM or decision.red_led is Led.ON


def check_limits(rig: Rig) -> None:
    """No current is offered where none is allowed, and no voltage that a battery at rest would be charged by."""
    decision, told, bank = rig.decision, rig.told, rig.decision.bank
    for said in (decision, told):
        assert min(said.cvl_v, said.ccl_a, said.dcl_a) >= 0.0
        assert said.allow_to_charge or said.ccl_a == 0.0
        assert said.allow_to_discharge or said.dcl_a == 0.0
    model, series = bank.model, bank.series
    if model is not None and series is not None:
        assert decision.cvl_v <= _highest_cvl_v(decision, model, series) + 1e-6


def _highest_cvl_v(decision: Decision, model: BatteryModel, series: int) -> float:
    bank, charge_v = decision.bank, model.charge_v * series
    if decision.allow_to_charge or bank.voltage_v is None or bank.current_a is None:
        return charge_v
    return min(charge_v, max(model.end_of_discharge_v * series, bank.voltage_v + 0.010 * model.cells * series))


def check_figures(rig: Rig) -> None:
    """Nothing published or stored is NaN or infinite, and the store's page says the same when it is read again."""
    decision = rig.decision
    assert decision.soc_pct is None or 0.0 <= decision.soc_pct <= 100.0
    assert decision.time_to_go_s is None or (decision.time_to_go_s % 60 == 0 and decision.time_to_go_s <= 864_000)
    assert set(decision.alarms) == set(AlarmCode)
    _assert_finite(decision, "decision")
    _assert_finite(rig.told.reasons, "told")
    page = json.loads(json.dumps(saving.saved(rig.state, rig.wall_s), allow_nan=False))
    state, notices = saving.restored(page, rig.now_s, rig.wall_s)
    assert notices == ()
    again = json.loads(json.dumps(saving.saved(state, rig.wall_s), allow_nan=False))
    for kept in page["latches"]:  # a loss is counted, and found anew
        kept["tripped"] &= kept["row"] in _PERSISTED
    _assert_same(again | {"readable": page["readable"]}, page, "page")


def _assert_finite(value: object, where: str) -> None:
    if isinstance(value, float):
        assert isfinite(value), where
    elif is_dataclass(value):
        for item in fields(value):
            if item.name != "valid_at_s":  # -inf before the first reading
                _assert_finite(getattr(value, item.name), f"{where}.{item.name}")
    elif isinstance(value, Mapping):
        _assert_finite(tuple(value.values()), where)
    elif isinstance(value, tuple | list):
        for part in value:
            _assert_finite(part, where)


def _assert_same(one: object, other: object, where: str) -> None:
    """Alike but for what adding and subtracting an instant rounds off."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        assert one.keys() == other.keys(), where
        for key, value in one.items():
            _assert_same(value, other[key], f"{where}.{key}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), where
        for left, right in zip(one, other, strict=True):
            _assert_same(left, right, where)
    elif isinstance(one, float) and isinstance(other, float):
        assert abs(one - other) <= 1e-6 * max(1.0, abs(one)), where
    else:
        assert one == other, where
