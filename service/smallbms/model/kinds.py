"""A kind of battery, and the bank as configured."""

from __future__ import annotations

from dataclasses import field

from smallbms.frozen import frozen


@frozen
class Thresholds:
    """Where a cell or its temperature trips and releases (spec of the permission table)."""

    high_cell_v: float = 3.75
    low_cell_v: float = 2.80
    charge_cold_c: float = 5.0
    charge_hot_c: float = 50.0
    discharge_cold_c: float = -20.0
    discharge_hot_c: float = 50.0

    @property
    def high_cell_release_v(self) -> float:
        return self.high_cell_v - 0.15

    @property
    def low_cell_release_v(self) -> float:
        return max(3.20, self.low_cell_v + 0.20)


@frozen
class BatteryModel:
    """A row of the table of batteries; voltages of the whole battery (manual §4.1)."""

    name: str
    cells: int
    nominal_v: float
    capacity_ah: float
    charge_v: float
    float_v: float
    end_of_discharge_v: float
    resistance_mohm: float
    continuous_charge_a: float
    continuous_discharge_a: float
    peak_charge_a: float
    peak_discharge_a: float
    thresholds: Thresholds = field(default_factory=Thresholds)


@frozen
class Member:
    """One configured battery; `model` None = found from cell count and capacity; `bleeds`: cell by cell, when told."""

    number: int
    model: BatteryModel | None = None
    temperature_sensors: bool = True
    bleeds: bool = False


@frozen
class BankSpec:
    """The bank as configured: its members and what cannot be found by measuring."""

    members: tuple[Member, ...]
    series: int | None = None
    host_current_a: float | None = None
