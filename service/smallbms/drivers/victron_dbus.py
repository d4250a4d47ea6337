"""Batteries that another service already has on the D-Bus: `com.victronenergy.battery.…`, whoever publishes it.

A service sends what has changed and nothing else, so its silence may be a battery at rest, or a service that lost its
battery and goes on showing the last values. Three things together make a value one of now: the service says that it is
connected, it has just spoken or answered, and within the last QUIET_S one of its measured values moved by itself. What
is found at the first look may be of any age: it counts once something has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from smallbms.drivers.faults import BOTH_COLD, BOTH_HOT, directed
from smallbms.model import BatteryReading, Identity
from smallbms.wording import finite
from smallbms.words import Fault

QUIET_S = 60.0  # millivolts of cells flicker within seconds, and the computer itself draws a current that does, too
MOST_CELLS = 32
CONNECTED, SERIAL = "/Connected", "/Serial"
WARNING, ALARM = 1, 2

ALARMS: Mapping[str, tuple[Fault, ...]] = {
    "/Alarms/LowVoltage": (Fault.PACK_LOW,),
    "/Alarms/HighVoltage": (Fault.PACK_HIGH,),
    "/Alarms/LowCellVoltage": (Fault.CELL_LOW,),
    "/Alarms/HighCellVoltage": (Fault.CELL_HIGH,),
    "/Alarms/HighChargeCurrent": (Fault.CHARGE_OVER_CURRENT,),
    "/Alarms/HighDischargeCurrent": (Fault.DISCHARGE_OVER_CURRENT,),
    "/Alarms/HighCurrent": (Fault.CHARGE_OVER_CURRENT, Fault.DISCHARGE_OVER_CURRENT),
    "/Alarms/HighChargeTemperature": (Fault.CHARGE_HOT,),
    "/Alarms/LowChargeTemperature": (Fault.CHARGE_COLD,),
    "/Alarms/HighTemperature": BOTH_HOT,
    "/Alarms/LowTemperature": BOTH_COLD,
    "/Alarms/HighInternalTemperature": BOTH_HOT,
    "/Alarms/CellImbalance": (Fault.CELL_IMBALANCE,),
    "/Alarms/InternalFailure": (Fault.INTERNAL,),
    "/Alarms/FuseBlown": (Fault.INTERNAL,),
    "/Alarms/Contactor": (Fault.INTERNAL,),
    "/Alarms/BmsCable": (Fault.INTERNAL,),
}


def _limit_a(value: object) -> float | None:
    amps = finite(value)
    return None if amps is None else max(0.0, amps)


def _limit_v(value: object) -> float | None:
    """0 V is no voltage to charge with: the service has none to tell."""
    return finite(value) or None


def _allowed(value: object) -> bool | None:
    said = value if isinstance(value, bool) else finite(value)
    return None if said is None else bool(said)


FIELDS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "/Dc/0/Voltage": ("voltage_v", finite),
    "/Dc/0/Current": ("current_a", finite),
    "/Soc": ("soc_pct", finite),
    "/Soh": ("soh_pct", finite),
    "/Io/AllowToCharge": ("charge_switch_on", _allowed),
    "/Io/AllowToDischarge": ("discharge_switch_on", _allowed),
    "/Info/MaxChargeVoltage": ("charge_voltage_limit_v", _limit_v),
    "/Info/MaxChargeCurrent": ("charge_limit_a", _limit_a),
    "/Info/MaxDischargeCurrent": ("discharge_limit_a", _limit_a),
}
CELLS: Mapping[str, int] = {f"/Voltages/Cell{number}": number for number in range(1, MOST_CELLS + 1)}
LOWEST_CELL, HIGHEST_CELL = "/System/MinCellVoltage", "/System/MaxCellVoltage"
COLDEST, WARMEST, MEAN = "/System/MinCellTemperature", "/System/MaxCellTemperature", "/Dc/0/Temperature"
CELL_COUNT, INSTALLED, CAPACITY = "/System/NrOfCellsPerBattery", "/InstalledCapacity", "/Capacity"
MODEL, FIRMWARE = "/ProductName", "/FirmwareVersion"

MEASURED = frozenset(
    {"/Dc/0/Voltage", "/Dc/0/Current", "/Dc/0/Power", "/Soc", "/ConsumedAmphours", LOWEST_CELL, HIGHEST_CELL}
    | {COLDEST, WARMEST, MEAN, *CELLS}
)
PATHS = frozenset(
    {*FIELDS, *ALARMS, *MEASURED, CELL_COUNT, INSTALLED, CAPACITY, MODEL, SERIAL, FIRMWARE, CONNECTED}
)  # fmt: skip


class VictronBattery:
    """What one service says of its battery. No I/O, no clock: a link brings values and says when it heard of them."""

    def __init__(self, *, key: str) -> None:
        self._key = key
        self._values: dict[str, Any] = {}
        self._cell_count = 0  # the last cell that was ever read
        self._heard_at_s = -inf
        self._moved_at_s = -inf

    def find(self, path: str, value: object) -> None:
        """A value that was there at the first look: it may be of any age."""
        self._values[path] = value
        if path in CELLS and finite(value) is not None:
            self._cell_count = max(self._cell_count, CELLS[path])

    def take(self, path: str, value: object, now_s: float) -> None:
        """A value that the service has sent now, or has answered when asked."""
        if path in MEASURED and finite(value) is not None and value != self._values.get(path):
            self._moved_at_s = now_s
        self.find(path, value)
        self._heard_at_s = now_s
        if self._values.get(CONNECTED) != 1:
            self._moved_at_s = -inf

    def forget(self) -> None:
        """The service is gone."""
        self._values.clear()
        self._cell_count = 0
        self._heard_at_s = self._moved_at_s = -inf

    @property
    def heard_at_s(self) -> float:
        return self._heard_at_s

    def reading(self, now_s: float) -> BatteryReading | None:
        """What holds now; None while that cannot be known."""
        values = self._values
        if values.get(CONNECTED) != 1 or now_s - self._moved_at_s > QUIET_S:
            return None
        fields = {name: convert(values.get(path)) for path, (name, convert) in FIELDS.items()}
        cells = self._cells()
        read = [volts for volts in cells if volts is not None]
        return BatteryReading(
            taken_at_s=self._heard_at_s,
            cells_taken_at_s=self._heard_at_s,
            identity=Identity(
                key=self._key,
                serial=_text(values.get(SERIAL)),
                model=_text(values.get(MODEL)),
                firmware=_text(values.get(FIRMWARE)),
            ),
            cell_voltages_v=cells,
            cell_min_v=min(read, default=None) if cells else finite(values.get(LOWEST_CELL)),
            cell_max_v=max(read, default=None) if cells else finite(values.get(HIGHEST_CELL)),
            cell_temperatures_c=self._temperatures(),
            capacity_ah=finite(values.get(INSTALLED)) or finite(values.get(CAPACITY)) or None,
            faults=self._told(ALARM),
            warnings=self._told(WARNING),
            **fields,
        )

    def _told(self, level: int) -> frozenset[Fault]:
        values = self._values
        told = frozenset(fault for path, faults in ALARMS.items() if values.get(path) == level for fault in faults)
        return directed(told, discharging=_allowed(values.get("/Io/AllowToDischarge")))

    def _cells(self) -> tuple[float | None, ...]:
        """Every cell that there is, read or not; none where the service has no single cells."""
        values, stated = self._values, finite(self._values.get(CELL_COUNT))
        there = max((number for path, number in CELLS.items() if path in values), default=0)
        if stated and there:
            there = min(there, max(self._cell_count, int(stated)))  # some have paths for more cells than there are
        return tuple(finite(values.get(path)) for path, number in CELLS.items() if number <= there)

    def _temperatures(self) -> tuple[float | None, ...]:
        """Of the coldest and the warmest cell, where the service knows these."""
        span = finite(self._values.get(COLDEST)), finite(self._values.get(WARMEST))
        if None not in span:
            return span
        mean_c = finite(self._values.get(MEAN))
        return () if mean_c is None else (mean_c,)


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"0x{value:X}"  # a version, packed
    return value.strip() or None if isinstance(value, str) else None
