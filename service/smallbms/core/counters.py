"""Charge that batteries count by themselves, without a gap between two readings: how much has moved since the last.

A counter is believed while the battery's own clock has gone on as long as ours: one that began anew in between has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smallbms.core.plausibility import CURRENT_LIMIT_C
from smallbms.model import Bank, Battery, BatteryReading
from smallbms.words import BankError

CLOCK_S, CLOCK_SHARE = 2.0, 0.02  # by so much the two clocks may differ
STEP_AH = 0.1  # the coarsest step of a counter
LONGEST_S = 30.0  # for which a current may stand in for a counter that began anew


@dataclass(frozen=True, slots=True)
class Count:
    """What a battery had counted, and for how long, at a moment of ours."""

    charge_ah: float
    charge_time_s: float
    at_s: float


def counts(batteries: Iterable[Battery]) -> dict[str, Count]:
    """Of each battery that counts, by identity."""
    found = {}
    for battery in batteries:
        if battery.reading is not None and (count := _count(battery.reading)) is not None:
            found[battery.reading.identity.key] = count
    return found


def moved_ah(before: tuple[Battery, ...], bank: Bank) -> float | None:
    """Charge into the bank since `before`; None unless the bank is valid and each battery that is read has a counter.

    The mean of the batteries that are read stands for those that are lost, as with the current.
    """
    if bank.error is not BankError.NONE or bank.parallel is None or len(before) != len(bank.batteries):
        return None
    moved = []
    for old, new in zip(before, bank.batteries, strict=True):
        if new.online and new.reading is not None:
            if new.reading.charge_ah is None:
                return None
            moved.append(_moved_ah(old, new, new.reading))
    return sum(moved) / len(moved) * bank.parallel if moved else None


def moved_since_ah(kept: Mapping[str, Count], bank: Bank) -> float | None:
    """The same over a restart, by the batteries whose counters went on meanwhile; None if none did."""
    if not kept or bank.error is not BankError.NONE or bank.parallel is None:
        return None
    moved = []
    for battery in bank.batteries:
        last = kept.get(battery.reading.identity.key) if battery.online and battery.reading else None
        counted_ah = _counted_ah(last, battery) if last is not None else None
        if counted_ah is not None:
            moved.append(counted_ah)
    return sum(moved) / len(moved) * bank.parallel if moved else None


def _moved_ah(old: Battery, new: Battery, now: BatteryReading) -> float:
    """Of one battery; nothing for the time in which it was lost, for the others stood for it."""
    last = old.reading
    if last is None or last is now or not old.online or last.identity.key != now.identity.key:
        return 0.0
    known = _count(last)
    counted_ah = _counted_ah(known, new) if known is not None else None
    if counted_ah is not None:
        return counted_ah
    passed_s = now.taken_at_s - last.taken_at_s
    return (now.current_a or 0.0) * passed_s / 3600.0 if 0.0 < passed_s <= LONGEST_S else 0.0


def _counted_ah(last: Count, battery: Battery) -> float | None:
    """By the counter alone; None if it may have begun anew, or counted what no battery can carry."""
    now = _count(battery.reading) if battery.reading is not None else None
    if now is None or battery.model is None:
        return None
    counted_ah, counted_s = now.charge_ah - last.charge_ah, now.charge_time_s - last.charge_time_s
    passed_s = now.at_s - last.at_s
    same_time = abs(counted_s - passed_s) <= CLOCK_S + CLOCK_SHARE * passed_s
    most_c = min(1.0, CURRENT_LIMIT_C * passed_s / 3600.0)  # no battery takes or gives more than it holds
    possible = abs(counted_ah) <= most_c * battery.model.capacity_ah + STEP_AH
    return counted_ah if same_time and possible else None


def _count(reading: BatteryReading) -> Count | None:
    if reading.charge_ah is None or reading.charge_time_s is None:
        return None
    return Count(reading.charge_ah, reading.charge_time_s, reading.taken_at_s)
