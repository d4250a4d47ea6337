"""The balancer status, its cause and its cure (manual §5.1)."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import field, replace

from smallbms.frozen import frozen
from smallbms.model import Bank
from smallbms.words import BalancerStatus

IMBALANCE_V = 0.050
FULL_WITHIN_S = 30 * 86_400.0


@frozen
class BalancerMemory:
    """`known`: the batteries that took part in a full charge; `imbalanced`: seen so at the end of a charge."""

    known: Set[str] = field(default_factory=frozenset)
    imbalanced: bool = False
    spread_v: float | None = None  # at the end of the last charge


def spread_v(bank: Bank) -> float | None:
    if bank.cell_min is None or bank.cell_max is None:
        return None
    return bank.cell_max.value - bank.cell_min.value


def watch(memory: BalancerMemory, bank: Bank, *, ended: bool, full: bool, stuck: bool) -> BalancerMemory:
    """Cells are compared at the end of a charge only: in between, their voltages say nothing about balance.

    `ended`, `full`: where the charge stands; `stuck`: a high cell has ended it before it was full. Only a full charge
    shows that an imbalance is over.
    """
    if full:
        keys = {b.reading.identity.key for b in bank.batteries if b.online and b.reading}
        memory = memory if keys <= memory.known else replace(memory, known=memory.known | keys)
    spread = spread_v(bank)
    if spread is None:
        return memory
    if stuck or (ended and spread > IMBALANCE_V):
        return replace(memory, imbalanced=True, spread_v=spread)
    if ended and full and memory.imbalanced:
        return replace(memory, imbalanced=False, spread_v=spread)
    return memory


def status(
    memory: BalancerMemory, bank: Bank, soc_pct: float | None, since_full_s: float | None
) -> tuple[BalancerStatus, str]:
    """The status and one sentence with its cause and cure."""
    for battery in bank.batteries:
        if battery.online and battery.reading and battery.reading.balancing_cells:
            return BalancerStatus.BALANCING, f"battery {battery.number} is balancing its cells"
    if memory.imbalanced:
        millivolts = (memory.spread_v or 0.0) * 1000.0
        return (
            BalancerStatus.IMBALANCED,
            f"cells differed by {millivolts:.0f} mV at the end of the charge: give a full charge",
        )
    cure = "give a full charge"
    if soc_pct is None:
        return BalancerStatus.UNKNOWN, f"the state of charge is unknown: {cure}"
    if since_full_s is None:
        return BalancerStatus.UNKNOWN, f"no full charge has been seen yet: {cure}"
    if since_full_s > FULL_WITHIN_S:
        return BalancerStatus.UNKNOWN, f"not fully charged for more than 30 days: {cure}"
    for battery in bank.batteries:
        if battery.online and battery.reading and battery.reading.identity.key not in memory.known:
            return BalancerStatus.UNKNOWN, f"battery {battery.number} has just been added: {cure}"
    return BalancerStatus.BALANCED, "the cells are balanced"
