"""What is measured and counted of the whole bank."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from smallbms.core.state import Snapshot
from smallbms.model import Bank, Battery, Extreme
from smallbms.paths import form
from smallbms.paths.row import Group, Row

NOMINAL_STEP_V = 12  # systems are of 12, 24 or 48 V
NOMINAL_BATTERY_V = 12.8


def cells_of(battery: Battery) -> int:
    """How many cells it has; 0 while nobody knows."""
    if battery.model is not None:
        return battery.model.cells
    return len(battery.reading.cell_voltages_v) if battery.reading else 0


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of those that are read."""
    read = [value for value in values if value is not None]
    return sum(read) / len(read) if read else None


def _temperature_c(bank: Bank) -> float | None:
    return mean(t for b in bank.batteries if b.online and b.reading for t in b.reading.cell_temperatures_c)


def _lowest_soh_pct(snapshot: Snapshot) -> float | None:
    said = [b.reading.soh_pct for b in snapshot.decision.bank.batteries if b.online and b.reading]
    return min((pct for pct in said if pct is not None), default=None)


def _system_v(bank: Bank) -> int | None:
    if bank.model is None or bank.series is None:
        return None
    return round(bank.model.nominal_v * bank.series / NOMINAL_BATTERY_V) * NOMINAL_STEP_V


def _cells_per_battery(bank: Bank) -> int | None:
    counts = {cells_of(battery) for battery in bank.batteries} - {0}
    return counts.pop() if len(counts) == 1 else None


def _bank(get: Callable[[Bank], Any]) -> Callable[[Snapshot], Any]:
    return lambda s: get(s.decision.bank)


def _value(get: Callable[[Bank], Extreme | None]) -> Callable[[Snapshot], Any]:
    def value(snapshot: Snapshot) -> float | None:
        extreme = get(snapshot.decision.bank)
        return extreme.value if extreme else None

    return value


def _place(get: Callable[[Bank], Extreme | None]) -> Callable[[Snapshot], Any]:
    def place(snapshot: Snapshot) -> str | None:
        extreme = get(snapshot.decision.bank)
        if extreme is None:
            return None
        return f"B{extreme.battery} C{extreme.cell}" if extreme.cell else f"B{extreme.battery}"

    return place


_ROWS = (
    Row("/Dc/0/Voltage", form.VOLTAGE, _bank(lambda b: b.voltage_v), "Voltage of the bank"),
    Row("/Dc/0/Current", form.CURRENT, _bank(lambda b: b.current_a), "Current of the bank, positive charges"),
    Row("/Dc/0/Power", form.POWER, _bank(lambda b: b.power_w), "Power of the bank, positive charges"),
    Row("/Dc/0/Temperature", form.TEMPERATURE, _bank(_temperature_c), "Mean of all cells"),
    Row("/Soc", form.PERCENT, lambda s: s.decision.soc_pct, "State of charge"),
    Row("/Soh", form.PERCENT, _lowest_soh_pct, "Lowest state of health that a battery reports"),
    Row("/TimeToGo", form.TIME_LEFT, lambda s: s.decision.time_to_go_s, "To the discharge floor; only discharging"),
    Row("/ConsumedAmphours", form.CHARGE, lambda s: s.decision.consumed_ah, "Since the last full charge, negative"),
    Row("/Capacity", form.CAPACITY, _bank(lambda b: b.capacity_ah), "Capacity of the bank"),
    Row("/InstalledCapacity", form.CHARGE, _bank(lambda b: b.capacity_ah), "The same, which a GX reads first"),
    Row("/Settings/Battery/Capacity", form.CAPACITY, _bank(lambda b: b.capacity_ah), "The same; found, not set"),
    Row("/Settings/Battery/NominalVoltage", form.NOMINAL_VOLTAGE, _bank(_system_v), "System voltage; found, not set"),
    Row("/System/NrOfBatteries", form.COUNT, _bank(lambda b: len(b.batteries)), "Configured batteries"),
    Row("/System/BatteriesParallel", form.COUNT, _bank(lambda b: b.parallel), "Strings in parallel"),
    Row("/System/BatteriesSeries", form.COUNT, _bank(lambda b: b.series), "Batteries in series"),
    Row("/System/NrOfCellsPerBattery", form.COUNT, _bank(_cells_per_battery), "Cells of one battery"),
    Row("/System/NrOfModulesOnline", form.COUNT, _bank(lambda b: b.online), "Batteries that answer with whole data"),
    Row("/System/NrOfModulesOffline", form.COUNT, _bank(lambda b: len(b.batteries) - b.online), "The others"),
    Row("/System/MinCellVoltage", form.CELL_EXTREME, _value(lambda b: b.cell_min), "Lowest cell of the bank"),
    Row("/System/MaxCellVoltage", form.CELL_EXTREME, _value(lambda b: b.cell_max), "Highest cell of the bank"),
    Row("/System/MinCellTemperature", form.TEMPERATURE, _value(lambda b: b.temperature_min), "Coldest cell"),
    Row("/System/MaxCellTemperature", form.TEMPERATURE, _value(lambda b: b.temperature_max), "Warmest cell"),
    Row("/System/MinVoltageCellId", form.TEXT, _place(lambda b: b.cell_min), "Where: battery and cell, B2 C7"),
    Row("/System/MaxVoltageCellId", form.TEXT, _place(lambda b: b.cell_max), "Where: battery and cell"),
    Row("/System/MinTemperatureCellId", form.TEXT, _place(lambda b: b.temperature_min), "Where: battery and sensor"),
    Row("/System/MaxTemperatureCellId", form.TEXT, _place(lambda b: b.temperature_max), "Where: battery and sensor"),
    Row("/Info/ReserveDays", form.DAYS, lambda s: s.decision.reserve_days,
        "After a low-cell shutdown: days until the cells are harmed"),
)  # fmt: skip

GROUP = Group(rows=_ROWS, source=lambda s: s)
