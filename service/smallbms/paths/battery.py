"""Each battery by its number, as the page "Individual battery info" of a GX reads it, and the cells of one string."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from smallbms.core.state import Snapshot
from smallbms.model import Battery, BatteryReading
from smallbms.paths import form
from smallbms.paths.bank import cells_of, mean
from smallbms.paths.row import Echo, Group, Row
from smallbms.paths.verdict import verdict_of
from smallbms.setting_row import Bounds
from smallbms.words import BalancerStatus, Direction, Fault, ReasonCode

_C, _D = Direction.CHARGE, Direction.DISCHARGE

# Bits of /Battery/<n>/Status (gui-v2, src/enums.h).
BALANCED = 1 << 0
BALANCING = 1 << 2
FAULT_BITS = {
    Fault.CELL_IMBALANCE: 1 << 1,
    Fault.PACK_HIGH: 1 << 3,
    Fault.PACK_LOW: 1 << 4,
    Fault.CHARGE_COLD: 1 << 5,
    Fault.CHARGE_HOT: 1 << 6,
    Fault.INTERNAL: 1 << 7,
    Fault.BOARD_HOT: 1 << 7,
    Fault.TEMPERATURE_SENSOR: 1 << 7,
    Fault.DISCHARGE_HOT: 1 << 8,
    Fault.CELL_HIGH: 1 << 9,
    Fault.CHARGE_OVER_CURRENT: 1 << 12,
    Fault.DISCHARGE_OVER_CURRENT: 1 << 14,
    Fault.SHORT_CIRCUIT: 1 << 14,
    Fault.CELL_LOW: 1 << 15,
    Fault.DISCHARGE_COLD: 1 << 16,
}
REASON_BITS = {
    (ReasonCode.CHARGE_COLD, _C): FAULT_BITS[Fault.CHARGE_COLD],
    (ReasonCode.CHARGE_HOT, _C): FAULT_BITS[Fault.CHARGE_HOT],
    (ReasonCode.DISCHARGE_HOT, _D): FAULT_BITS[Fault.DISCHARGE_HOT],
    (ReasonCode.HIGH_CELL, _C): FAULT_BITS[Fault.CELL_HIGH],
    (ReasonCode.OVER_CURRENT, _C): FAULT_BITS[Fault.CHARGE_OVER_CURRENT],
    (ReasonCode.OVER_CURRENT, _D): FAULT_BITS[Fault.DISCHARGE_OVER_CURRENT],
    (ReasonCode.LOW_CELL, _D): FAULT_BITS[Fault.CELL_LOW],
    (ReasonCode.DISCHARGE_COLD, _D): FAULT_BITS[Fault.DISCHARGE_COLD],
}


def _status(number: int, snapshot: Snapshot) -> int | None:
    """What the battery reports, and the reasons that name it; None while it does not answer."""
    battery, decision = _battery(number, snapshot), snapshot.decision
    if battery.reading is None or not battery.online:
        return None
    bits = sum({FAULT_BITS.get(fault, 0) for fault in battery.reading.faults})
    for reason in decision.reasons:
        if reason.battery == number:
            bits |= REASON_BITS.get((reason.code, reason.blocks), 0)
    if battery.reading.balancing_cells:
        bits |= BALANCING
    elif decision.balancer is BalancerStatus.BALANCED:
        bits |= BALANCED
    return bits


def _battery(number: int, snapshot: Snapshot) -> Battery:
    return snapshot.decision.bank.batteries[number - 1]


def _live(number: int, snapshot: Snapshot) -> BatteryReading | None:
    """What a battery tells now: a lost one tells nothing."""
    battery = _battery(number, snapshot)
    return battery.reading if battery.online else None


def _known(get: Callable[[BatteryReading], Any]) -> Callable[[Battery], Any]:
    """What a battery has once told of itself."""
    return lambda battery: get(battery.reading) if battery.reading else None


def _capacity_ah(battery: Battery) -> float | None:
    if battery.model is not None:
        return battery.model.capacity_ah
    return battery.reading.capacity_ah if battery.reading else None


def _cell_v(index: int) -> Callable[[BatteryReading], float | None]:
    def voltage(reading: BatteryReading) -> float | None:
        cells = reading.cell_voltages_v
        return cells[index] if index < len(cells) else None

    return voltage


def _cell_c(index: int) -> Callable[[BatteryReading], float | None]:
    """The sensor of this cell, where each cell has one: of fewer sensors nobody knows where they sit."""

    def temperature(reading: BatteryReading) -> float | None:
        sensors = reading.cell_temperatures_c
        return sensors[index] if index < len(sensors) == len(reading.cell_voltages_v) else None

    return temperature


def battery_groups(number: int, cells: int) -> tuple[Group, ...]:
    """What one battery is, and what it and so many cells of it measure."""
    place = f"/Battery/{number}"
    return (
        Group(rows=_nameplate_rows(place), source=partial(_battery, number)),
        Group(rows=(*_measured_rows(place), *_cell_rows(place, cells)), source=partial(_live, number)),
    )


def status_group(batteries: int) -> Group:
    """How each battery is."""
    rows = tuple(
        Row(f"/Battery/{n}/Status", form.CODE, partial(_status, n), "Bits as gui-v2 reads them")
        for n in range(1, batteries + 1)
    )
    return Group(rows=rows, source=lambda s: s, at_once=verdict_of)


def _nameplate_rows(place: str) -> tuple[Row, ...]:
    return (
        Row(f"{place}/Serial", form.TEXT, _known(lambda r: r.identity.serial), "Serial number, where it tells one"),
        Row(f"{place}/Capacity", form.CAPACITY, _capacity_ah, "Nominal capacity"),
        Row(f"{place}/FwVersion", form.TEXT, _known(lambda r: r.identity.firmware), "Firmware"),
    )


def _measured_rows(place: str) -> tuple[Row, ...]:
    return (
        Row(f"{place}/Voltage", form.VOLTAGE, lambda r: r.voltage_v, "Voltage; like the rest invalid while it is lost"),
        Row(f"{place}/Current", form.CURRENT, lambda r: r.current_a, "Current, positive charges"),
        Row(f"{place}/Temperature", form.TEMPERATURE, lambda r: mean(r.cell_temperatures_c), "Mean of its cells"),
    )


def _cell_rows(place: str, cells: int) -> Iterator[Row]:
    for index in range(cells):
        cell = f"{place}/Cell/{index + 1}"
        yield Row(f"{cell}/Voltage", form.CELL_VOLTAGE, _cell_v(index), "Cell voltage")
        yield Row(f"{cell}/Temperature", form.TEMPERATURE, _cell_c(index), "Of this cell, where each has a sensor")


_NOTHING_TO_READ = object()


def request_group(batteries: int) -> Group:
    """The battery that the page shows: only echoed, all batteries are published always."""
    looked_at = Echo(bounds=Bounds(minimum=1, maximum=batteries, default=1))
    row = Row("/Battery/Request/Id", form.COUNT, lambda _: 1, "Battery that a page shows; only echoed", looked_at)
    return Group(rows=(row,), source=lambda _: _NOTHING_TO_READ)


# --- a bank of one string, cell by cell -----------------------------------------------------------------------------

_Cells = tuple[float | None, ...]


def _string_cells(snapshot: Snapshot) -> _Cells:
    """All cells of the one string in their order; what is not read keeps its place."""
    bank = snapshot.decision.bank
    counts = [cells_of(battery) for battery in bank.batteries]
    if bank.parallel != 1 or 0 in counts:
        return ()
    cells: list[float | None] = []
    for battery, count in zip(bank.batteries, counts, strict=True):
        read = battery.reading.cell_voltages_v if battery.reading and battery.online else ()
        cells += read if len(read) == count else (None,) * count
    return tuple(cells)


def _nth(index: int) -> Callable[[_Cells], float | None]:
    return lambda cells: cells[index] if index < len(cells) else None


def _over_all(join: Callable[[list[float]], float]) -> Callable[[_Cells], float | None]:
    def value(cells: _Cells) -> float | None:
        read = [volts for volts in cells if volts is not None]
        return join(read) if read and len(read) == len(cells) else None

    return value


def string_group(cells: int) -> Group:
    """/Voltages for a bank of one string of so many cells."""
    return Group(
        rows=(
            Row("/Voltages/Sum", form.VOLTAGE, _over_all(sum), "Sum of all cells; a bank of one string only"),
            Row("/Voltages/Diff", form.CELL_VOLTAGE, _over_all(lambda v: max(v) - min(v)), "Highest less lowest cell"),
            *(
                Row(f"/Voltages/Cell{cell}", form.CELL_VOLTAGE, _nth(cell - 1), "Cell, numbered through the string")
                for cell in range(1, cells + 1)
            ),
        ),
        source=_string_cells,
    )
