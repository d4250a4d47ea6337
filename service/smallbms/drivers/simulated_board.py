"""The protection board of the simulated battery: limits of its own, outside those of the BMS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from enum import Enum, auto

from smallbms.frozen import frozen
from smallbms.model import BatteryModel
from smallbms.words import Direction, Fault


class Quantity(Enum):
    """What a protection of the battery's own watches."""

    CELL_MAX_V = auto()
    CELL_MIN_V = auto()
    TEMPERATURE_C = auto()
    CURRENT_A = auto()


@frozen
class Protection:
    """A limit of the battery's own; with `trip` above `release` it trips above, else below."""

    fault: Fault
    blocks: Direction
    quantity: Quantity
    trip: float
    release: float


def board_protections(model: BatteryModel) -> tuple[Protection, ...]:
    """The limits that a protection board (JBD and alike) has as delivered, outside those of the BMS.

    Over-current releases when current flows the other way.
    """
    table = (
        (Fault.CELL_HIGH, Direction.CHARGE, Quantity.CELL_MAX_V, 3.85, 3.60),
        (Fault.CELL_LOW, Direction.DISCHARGE, Quantity.CELL_MIN_V, 2.30, 2.80),
        (Fault.CHARGE_HOT, Direction.CHARGE, Quantity.TEMPERATURE_C, 60.0, 55.0),
        (Fault.CHARGE_COLD, Direction.CHARGE, Quantity.TEMPERATURE_C, 0.0, 4.0),
        (Fault.DISCHARGE_HOT, Direction.DISCHARGE, Quantity.TEMPERATURE_C, 65.0, 60.0),
        (Fault.DISCHARGE_COLD, Direction.DISCHARGE, Quantity.TEMPERATURE_C, -25.0, -20.0),
        (Fault.CHARGE_OVER_CURRENT, Direction.CHARGE, Quantity.CURRENT_A, 1.2 * model.peak_charge_a, -0.1),
        (Fault.DISCHARGE_OVER_CURRENT, Direction.DISCHARGE, Quantity.CURRENT_A, -1.2 * model.peak_discharge_a, 0.1),
    )
    return tuple(
        Protection(fault=fault, blocks=blocks, quantity=what, trip=trip, release=release)
        for fault, blocks, what, trip, release in table
    )


def tripped(
    protections: Iterable[Protection], before: Set[Fault], values: Mapping[Quantity, float]
) -> tuple[Protection, ...]:
    """Those that have tripped or, of `before`, not released yet."""
    return tuple(row for row in protections if _beyond(row, row.release if row.fault in before else row.trip, values))


def _beyond(row: Protection, limit: float, values: Mapping[Quantity, float]) -> bool:
    value = values[row.quantity]
    return value > limit if row.trip > row.release else value < limit
