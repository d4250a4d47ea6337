"""Protections that do not say by themselves which direction they are against."""

from __future__ import annotations

from smallbms.words import Fault

BOTH_HOT = (Fault.CHARGE_HOT, Fault.DISCHARGE_HOT)
BOTH_COLD = (Fault.CHARGE_COLD, Fault.DISCHARGE_COLD)
_OF_DISCHARGING = {Fault.DISCHARGE_HOT, Fault.DISCHARGE_COLD}


def directed(faults: frozenset[Fault], *, discharging: bool | None) -> frozenset[Fault]:
    """A temperature that could be against both is against charging alone while the battery enables discharging."""
    return faults - _OF_DISCHARGING if discharging else faults
