"""A shunt in the cable of the bank: whether it can be believed, and what it tells then.

It counts the state of charge better than the batteries do; what protects them is judged by their own figures.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from smallbms.core.plausibility import CURRENT_LIMIT_C
from smallbms.frozen import frozen
from smallbms.model import Bank, ShuntReading

FRESH_S = 3.0
ODD_S = 60.0  # loads step, and the two do not measure at the same time
ODD_SHARE = 0.20
ODD_A, ODD_C = 2.0, 0.005  # and what the sensors of many batteries may be off at rest


@frozen
class ShuntMemory:
    """Since when it has been at odds with the batteries.

    `agreed`: it fitted when it could have been seen that it does not, so that one odd figure is no proof against it.
    """

    agreed: bool = False
    odd_since_s: float | None = None


def weigh(memory: ShuntMemory, shunt: ShuntReading | None, bank: Bank, now_s: float) -> tuple[ShuntMemory, Bank]:
    """Compare it with the batteries: the bank with its current, while that is fresh and believed."""
    shunt_a = _current_a(shunt, bank.capacity_ah, now_s)
    if shunt_a is None:
        return memory, bank
    memory = _compared(memory, shunt_a, bank, now_s)
    return memory, bank if is_odd(memory, now_s) else replace(bank, current_a=shunt_a)


def _compared(memory: ShuntMemory, shunt_a: float, bank: Bank, now_s: float) -> ShuntMemory:
    batteries_a, capacity_ah = bank.current_a, bank.capacity_ah
    # with a battery lost their current is an estimate
    if batteries_a is not None and capacity_ah is not None and bank.online == len(bank.batteries):
        if _odd(shunt_a, batteries_a, capacity_ah):
            since_s = now_s if memory.agreed else -inf
            return replace(memory, odd_since_s=since_s) if memory.odd_since_s is None else memory
        if _odd(-shunt_a, batteries_a, capacity_ah):  # a wrong sign would be seen
            return memory if memory == _AGREED else _AGREED
    settled = memory.odd_since_s is None or is_odd(memory, now_s)
    return memory if settled else replace(memory, odd_since_s=None)


def is_odd(memory: ShuntMemory, now_s: float) -> bool:
    """It has contradicted the batteries for so long that it is not believed."""
    return memory.odd_since_s is not None and now_s - memory.odd_since_s >= ODD_S


def soc_pct(memory: ShuntMemory, shunt: ShuntReading | None, now_s: float) -> float | None:
    """The state of charge that the shunt tells, where that is wanted; None: it is counted here."""
    if shunt is None or shunt.soc_pct is None or now_s - shunt.taken_at_s > FRESH_S or is_odd(memory, now_s):
        return None
    return shunt.soc_pct if 0.0 <= shunt.soc_pct <= 100.0 else None


def notices(memory: ShuntMemory, shunt: ShuntReading | None, now_s: float) -> tuple[str, ...]:
    """What people must know of it."""
    if shunt is None:
        return ()
    if now_s - shunt.taken_at_s > FRESH_S:
        return ("the shunt is not read: what the batteries measure is counted",)
    if is_odd(memory, now_s):
        return ("the shunt is not believed, for the batteries measure another current: is it turned round?",)
    if soc_pct(memory, shunt, now_s) is not None:
        return ("the state of charge is that of the shunt: set it there",)
    return ()


_AGREED = ShuntMemory(agreed=True)


def _odd(shunt_a: float, batteries_a: float, capacity_ah: float) -> bool:
    allowed_a = ODD_SHARE * max(abs(shunt_a), abs(batteries_a)) + max(ODD_A, ODD_C * capacity_ah)
    return abs(shunt_a - batteries_a) > allowed_a


def _current_a(shunt: ShuntReading | None, capacity_ah: float | None, now_s: float) -> float | None:
    """Its current while that is fresh and can be true."""
    if shunt is None or shunt.current_a is None or now_s - shunt.taken_at_s > FRESH_S:
        return None
    limit_a = CURRENT_LIMIT_C * (capacity_ah or 1_000.0)
    return shunt.current_a if -limit_a <= shunt.current_a <= limit_a else None
