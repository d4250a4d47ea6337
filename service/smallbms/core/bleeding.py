"""Which cells to bleed, so that all come level at the end of a charge, of batteries that leave it to us."""

from __future__ import annotations

from collections.abc import Mapping

from smallbms.core.bank import strings
from smallbms.core.plausibility import fresh
from smallbms.model import Bank, BankSpec, Battery
from smallbms.words import BankError, Fault

FROM_V, TO_V = 3.45, 3.42  # nearly full: below, a voltage says nothing of a cell's charge
START_V, STOP_V = 0.010, 0.005  # above the lowest cell of the string
TURN_S = 30.0  # neighbours are bled in turns
DISCHARGING_C = 0.005
HOT_MARGIN_C = 5.0  # below the limit for charging
BOARD_HOT_C = 70.0  # the heat of bleeding goes there
HARMLESS = frozenset({Fault.CELL_HIGH, Fault.CELL_IMBALANCE})  # what bleeding is good for

Cells = Mapping[int, frozenset[int]]  # by battery, from 1
_NONE: frozenset[int] = frozenset()


def too_high(before: Cells, bank: Bank, spec: BankSpec, smoothed_a: float | None, now_s: float) -> Cells:
    """The cells that are to come down while the bank is charged or kept full; `before`: those of the last step."""
    if bank.cell_max is None or bank.cell_max.value < TO_V or bank.error is not BankError.NONE:
        return {}
    if smoothed_a is None or bank.capacity_ah is None or smoothed_a < -DISCHARGING_C * bank.capacity_ah:
        return {}
    bled = {member.number for member in spec.members if member.bleeds}
    found = {}
    for string in strings(bank) if bled else ():
        lowest_v = _lowest_v(string, now_s)
        for battery in string:
            if lowest_v is not None and battery.number in bled and _may(battery, bank):
                found[battery.number] = _above(battery, lowest_v, before.get(battery.number, _NONE))
    return {number: cells for number, cells in found.items() if cells}


def in_turns(cells: Cells, now_s: float) -> Cells:
    """Those of them to bleed now: never two neighbours, for their currents would meet in the wire between them."""
    turn = int(now_s / TURN_S) % 2
    return {
        number: _apart(sorted(wanted, key=lambda cell: (cell % 2 != turn, cell))) for number, wanted in cells.items()
    }


def _lowest_v(string: tuple[Battery, ...], now_s: float) -> float | None:
    """Of a whole string that has just been read; None else."""
    lows_v = [b.cell_min_v for b in string if fresh(b, now_s) and b.reading and None not in b.reading.cell_voltages_v]
    return min([v for v in lows_v if v is not None]) if len(lows_v) == len(string) and None not in lows_v else None


def _may(battery: Battery, bank: Bank) -> bool:
    """Nothing is hot, and nothing is reported that bleeding would not cure."""
    reading, top_c = battery.reading, battery.temperature_max_c
    if reading is None or not reading.faults <= HARMLESS:
        return False
    if top_c is not None and top_c > bank.thresholds.charge_hot_c - HOT_MARGIN_C:
        return False
    return all(board_c is None or board_c <= BOARD_HOT_C for board_c in reading.board_temperatures_c)


def _above(battery: Battery, lowest_v: float, before: frozenset[int]) -> frozenset[int]:
    cells_v = battery.reading.cell_voltages_v if battery.reading else ()
    return frozenset(
        cell
        for cell, cell_v in enumerate(cells_v, 1)
        if cell_v is not None
        and cell_v >= (TO_V if cell in before else FROM_V)
        and cell_v > lowest_v + (STOP_V if cell in before else START_V)
    )


def _apart(cells: list[int]) -> frozenset[int]:
    """As many of them, in this order, as are no neighbours."""
    chosen: set[int] = set()
    for cell in cells:
        if chosen.isdisjoint((cell - 1, cell + 1)):
            chosen.add(cell)
    return frozenset(chosen)
