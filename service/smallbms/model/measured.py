"""What was measured, as the wires gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from smallbms.frozen import frozen
from smallbms.words import Fault


@frozen
class Identity:
    """Who a battery says it is; `key` = its serial, else driver + port + unit."""

    key: str
    serial: str | None = None
    model: str | None = None
    firmware: str | None = None


@frozen
class BatteryReading:
    """One battery as read from its wire; each frame has its own stamp.

    `taken_at_s`: pack frame (voltage, current, temperatures, faults …); `cells_taken_at_s`: cell voltages.
    `charge_ah`: what its own counter has counted since that began, + = charged, and `charge_time_s` for how long by the
    battery's clock: a counter that began anew shows by it.
    `cell_voltages_v` keeps every position; a driver without single cells leaves it empty and gives `cell_min_v` and
    `cell_max_v`. `board_temperatures_c` are MOSFETs and boards, never cells. The three limits are what the
    battery asks for by itself.
    """

    taken_at_s: float
    cells_taken_at_s: float
    identity: Identity
    voltage_v: float | None = None
    current_a: float | None = None
    cell_voltages_v: tuple[float | None, ...] = ()
    cell_min_v: float | None = None
    cell_max_v: float | None = None
    cell_temperatures_c: tuple[float | None, ...] = ()
    board_temperatures_c: tuple[float | None, ...] = ()
    charge_switch_on: bool | None = None
    discharge_switch_on: bool | None = None
    remaining_ah: float | None = None
    capacity_ah: float | None = None
    soc_pct: float | None = None
    soh_pct: float | None = None
    cycles: int | None = None
    charge_ah: float | None = None
    charge_time_s: float | None = None
    balancing_cells: tuple[int, ...] | None = None
    faults: frozenset[Fault] = frozenset()
    warnings: frozenset[Fault] = frozenset()  # near to a protection
    charge_limit_a: float | None = None
    discharge_limit_a: float | None = None
    charge_voltage_limit_v: float | None = None

    @property
    def may_charge(self) -> bool | None:
        """What the battery itself says, by its switch or by a limit of 0 A; None = nothing."""
        return False if self.charge_limit_a == 0.0 else self.charge_switch_on

    @property
    def may_discharge(self) -> bool | None:
        return False if self.discharge_limit_a == 0.0 else self.discharge_switch_on


@frozen
class ShuntReading:
    """A bank-wide current sensor, where one is configured."""

    taken_at_s: float
    current_a: float | None = None
    voltage_v: float | None = None
    soc_pct: float | None = None


@frozen
class Measurement:
    """Everything the links hold now, by battery number (1…n).

    `previous`: of each battery the reading before the newest cell voltages.
    """

    readings: Mapping[int, BatteryReading] = field(default_factory=dict)
    previous: Mapping[int, BatteryReading] = field(default_factory=dict)
    vbat_v: float | None = None
    shunt: ShuntReading | None = None
