"""A battery that is not there: it charges, heats, drifts, and fails on demand. Pure and seeded.

The physics is in `simulated_cells`, its protections are in `simulated_board`; here are its balancer, its counter, its
sensors and their faults.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from functools import cache
from random import Random
from typing import Final

from smallbms.drivers.simulated_board import Protection, Quantity, tripped
from smallbms.drivers.simulated_cells import Cells
from smallbms.frozen import frozen
from smallbms.model import BatteryModel, BatteryReading, Identity
from smallbms.words import Direction, Fault

LONGEST_STEP_S: Final = 60.0  # a longer step is cut: heat and balancing follow once a step
HOURS_A_MONTH: Final = 30 * 24
BALANCE_FROM_V: Final = 3.45
BALANCE_SPREAD_V: Final = 0.005
CHARGED_CELL_V: Final = 3.45  # above it with less than the tail current the battery calls itself full
TAIL_CURRENT_C: Final = 0.04
CURRENT_STEPS_PER_A: Final = 20  # the resolution of batteries of this kind
CELL_STEPS_PER_V: Final = 1000
PACK_STEPS_PER_V: Final = 100
TEMPERATURE_STEPS_PER_C: Final = 10
CHARGE_STEPS_PER_AH: Final = 100
SOC_STEPS_PER_PCT: Final = 10
NOISE_SLOTS: Final = 2003  # a prime, so that no cell has the noise of the one before it for long


class Datum(Enum):
    """A sensor that can fail."""

    CELL_VOLTAGE = auto()
    CELL_TEMPERATURE = auto()
    VOLTAGE = auto()
    CURRENT = auto()


@frozen
class Sensors:
    """How the battery sees itself; noise is one standard deviation."""

    temperatures: int = 2
    current_offset_a: float = 0.0
    current_noise_a: float = 0.0
    voltage_noise_v: float = 0.0


@frozen
class Build:
    """How the cells of a battery differ (one standard deviation) and what the battery does about it."""

    capacity_spread_pct: float = 0.5
    resistance_spread_pct: float = 5.0
    self_discharge_pct: float = 2.0  # a month
    balance_a: float = 0.5
    protections: tuple[Protection, ...] = ()
    trips: bool = False  # protections open its own switches; else it only reports them


@cache
def _noise() -> tuple[float, ...]:
    """Normal noise with a deviation of 1, twice the same slots: any of them may be the first of a reading."""
    random = Random(0)
    return tuple(random.gauss(0, 1) for _ in range(NOISE_SLOTS)) * 2


class SimulatedBattery:
    """A battery of LFP cells in series.

    `cell_offsets_pct`: SoC of each cell against `soc_pct`; cells not named have none. `charge_switch_open`,
    `discharge_switch_open` and `cable_pulled` may be set at any time.
    """

    def __init__(
        self,
        model: BatteryModel,
        *,
        soc_pct: float = 50.0,
        temperature_c: float = 25.0,
        cell_offsets_pct: tuple[float, ...] = (),
        seed: int = 0,
        sensors: Sensors | None = None,
        build: Build | None = None,
    ) -> None:
        self.model = model
        self.charge_switch_open = self.discharge_switch_open = self.cable_pulled = False
        self.current_a = 0.0
        self._build = build or Build()
        self._sensors = sensors or Sensors()
        self._random = Random(seed)
        self._identity = Identity(key=f"simulated-{seed}", serial=f"SIM{seed:05d}", model=model.name)
        self._cells = self._make_cells(soc_pct, temperature_c, cell_offsets_pct)
        self._leaks_a = [0.0] * model.cells
        self._balancing: tuple[int, ...] = ()
        self._faults: frozenset[Fault] = frozenset()
        self._charge_tripped = self._discharge_tripped = False
        self._broken: dict[tuple[Datum, int], float | None] = {}
        self._counted_ah = model.capacity_ah * min(max(soc_pct / 100, 0.0), 1.0)
        self._drawn_ah = 0.0
        self._noise_slot = self._random.randrange(NOISE_SLOTS)

    @property
    def true_soc_pct(self) -> float:
        """The charge of all cells against their capacity, whatever the battery itself believes."""
        return 100 * self.true_ah * self.model.cells / sum(self._cells.capacities_ah)

    @property
    def true_ah(self) -> float:
        """The mean charge of its cells."""
        pairs = zip(self._cells.socs, self._cells.capacities_ah, strict=True)
        return sum(soc * capacity_ah for soc, capacity_ah in pairs) / self.model.cells

    @property
    def true_cell_voltages_v(self) -> tuple[float, ...]:
        return tuple(self._cells.voltages_v)

    @property
    def voltage_v(self) -> float:
        return sum(self._cells.voltages_v)

    @property
    def temperature_c(self) -> float:
        return self._cells.temperature_c

    @property
    def charge_switch_on(self) -> bool:
        return not (self.charge_switch_open or self._charge_tripped)

    @property
    def discharge_switch_on(self) -> bool:
        return not (self.discharge_switch_open or self._discharge_tripped)

    def thevenin(self, dt_s: float) -> tuple[float, float]:
        """EMF (V) and resistance (Ω) over a step of `dt_s`: the voltage at its end is EMF + I × R."""
        return self._cells.thevenin(dt_s)

    def step(self, dt_s: float, current_a: float, ambient_c: float) -> None:
        """Let `current_a` flow for `dt_s`; nothing flows against an open switch."""
        while dt_s > LONGEST_STEP_S:
            self._advance(LONGEST_STEP_S, current_a, ambient_c)
            dt_s -= LONGEST_STEP_S
        self._advance(dt_s, current_a, ambient_c)

    def leak(self, cell: int, current_a: float) -> None:
        """A cell (1…n) with a soft short or a drift loses this much, beside its self-discharge; 0 heals it."""
        self._cells.drains_a[cell - 1] += current_a - self._leaks_a[cell - 1]
        self._leaks_a[cell - 1] = current_a

    def worsen(self, cell: int, factor: float) -> None:
        """Multiply the resistance of a cell (1…n): a bad cell, a loose busbar."""
        self._cells.factors[cell - 1] *= factor

    def break_sensor(self, datum: Datum, value: float | None, index: int = 1) -> None:
        """From now on a sensor (1…n) says `value`: None when open, anything absurd, or what it saw last (stuck)."""
        self._broken[datum, index] = value

    def heal_sensors(self) -> None:
        self._broken.clear()

    def reading(self, now_s: float) -> BatteryReading | None:
        """What comes over the wire, stamped `now_s`; None while the cable is pulled."""
        if self.cable_pulled:
            return None
        capacity_ah, counted_ah = self.model.capacity_ah, self._counted_ah
        cells_v, current_a = self._sensed()
        temperature_c = round(self._cells.temperature_c * TEMPERATURE_STEPS_PER_C) / TEMPERATURE_STEPS_PER_C
        reading = BatteryReading(
            taken_at_s=now_s,
            cells_taken_at_s=now_s,
            identity=self._identity,
            voltage_v=round(sum(self._cells.voltages_v) * PACK_STEPS_PER_V) / PACK_STEPS_PER_V,
            current_a=round(current_a * CURRENT_STEPS_PER_A) / CURRENT_STEPS_PER_A,
            cell_voltages_v=tuple(cells_v),
            cell_min_v=min(cells_v),
            cell_max_v=max(cells_v),
            cell_temperatures_c=(temperature_c,) * self._sensors.temperatures,
            charge_switch_on=self.charge_switch_on,
            discharge_switch_on=self.discharge_switch_on,
            remaining_ah=round(counted_ah * CHARGE_STEPS_PER_AH) / CHARGE_STEPS_PER_AH,
            capacity_ah=capacity_ah,
            soc_pct=round(100 * SOC_STEPS_PER_PCT * counted_ah / capacity_ah) / SOC_STEPS_PER_PCT,
            cycles=int(self._drawn_ah / capacity_ah),
            balancing_cells=self._balancing,
            faults=self._faults,
        )
        return self._through_broken_sensors(reading) if self._broken else reading

    def _sensed(self) -> tuple[list[float], float]:
        """The cells' voltages and the current, as the sensors of now have them."""
        sensors, voltages_v, slot = self._sensors, self._cells.voltages_v, self._noise_slot
        current_slot = slot + len(voltages_v)
        noise, deviation_v = _noise(), sensors.voltage_noise_v
        self._noise_slot = (current_slot + 1) % NOISE_SLOTS
        cells_v = [
            round((cell_v + deviation_v * share) * CELL_STEPS_PER_V) / CELL_STEPS_PER_V
            for cell_v, share in zip(voltages_v, noise[slot:current_slot], strict=True)
        ]
        return cells_v, self.current_a + sensors.current_offset_a + sensors.current_noise_a * noise[current_slot]

    def _make_cells(self, soc_pct: float, temperature_c: float, offsets_pct: tuple[float, ...]) -> Cells:
        model, build, count = self.model, self._build, self.model.cells
        offsets = [*offsets_pct, *[0.0] * count][:count]
        spread = [self._random.gauss(0, build.capacity_spread_pct) for _ in offsets]
        return Cells(
            socs=[(soc_pct + offset) / 100 for offset in offsets],
            capacities_ah=[model.capacity_ah * (1 + pct / 100) for pct in spread],
            factors=[1 + self._random.gauss(0, build.resistance_spread_pct) / 100 for _ in offsets],
            nominal_ah=model.capacity_ah,
            r0_ohm=model.resistance_mohm / 1000 / count,
            temperature_c=temperature_c,
            drain_a=model.capacity_ah * build.self_discharge_pct / 100 / HOURS_A_MONTH,
        )

    def _advance(self, dt_s: float, current_a: float, ambient_c: float) -> None:
        if (current_a > 0 and not self.charge_switch_on) or (current_a < 0 and not self.discharge_switch_on):
            current_a = 0.0
        self.current_a = current_a
        self._cells.step(dt_s, current_a, ambient_c)
        high_v = max(self._cells.voltages_v)
        if high_v > BALANCE_FROM_V or self._balancing:
            self._balance()
        if self._build.protections:
            self._protect(high_v)
        self._count(dt_s)

    def _balance(self) -> None:
        """Bleed the cells that are well above the lowest while they are nearly full."""
        threshold_v = max(BALANCE_FROM_V, min(self._cells.voltages_v) + BALANCE_SPREAD_V)
        for cell in self._balancing:
            self._cells.drains_a[cell - 1] -= self._build.balance_a
        self._balancing = tuple(i for i, cell_v in enumerate(self._cells.voltages_v, 1) if cell_v > threshold_v)
        for cell in self._balancing:
            self._cells.drains_a[cell - 1] += self._build.balance_a

    def _protect(self, high_v: float) -> None:
        values = {
            Quantity.CELL_MAX_V: high_v,
            Quantity.CELL_MIN_V: min(self._cells.voltages_v),
            Quantity.TEMPERATURE_C: self.temperature_c,
            Quantity.CURRENT_A: self.current_a,
        }
        rows = tripped(self._build.protections, self._faults, values)
        self._faults = frozenset(row.fault for row in rows)
        if self._build.trips:
            self._charge_tripped = any(row.blocks & Direction.CHARGE for row in rows)
            self._discharge_tripped = any(row.blocks & Direction.DISCHARGE for row in rows)

    def _count(self, dt_s: float) -> None:
        """The battery's own Ah counter: it drifts with the offset of its sensor, and is set right when full."""
        capacity_ah, current_a = self.model.capacity_ah, self.current_a
        counted_ah = self._counted_ah + (current_a + self._sensors.current_offset_a) * dt_s / 3600
        if current_a < 0:
            self._drawn_ah -= current_a * dt_s / 3600
        elif current_a < TAIL_CURRENT_C * capacity_ah and min(self._cells.voltages_v) > CHARGED_CELL_V:
            counted_ah = capacity_ah
        self._counted_ah = counted_ah if 0 <= counted_ah <= capacity_ah else min(max(counted_ah, 0.0), capacity_ah)

    def _through_broken_sensors(self, reading: BatteryReading) -> BatteryReading:
        def seen(datum: Datum, values: tuple[float | None, ...]) -> tuple[float | None, ...]:
            return tuple(self._broken.get((datum, index), value) for index, value in enumerate(values, 1))

        cells_v = seen(Datum.CELL_VOLTAGE, reading.cell_voltages_v)
        known_v = [cell_v for cell_v in cells_v if cell_v is not None]
        return replace(
            reading,
            voltage_v=seen(Datum.VOLTAGE, (reading.voltage_v,))[0],
            current_a=seen(Datum.CURRENT, (reading.current_a,))[0],
            cell_voltages_v=cells_v,
            cell_min_v=min(known_v, default=None),
            cell_max_v=max(known_v, default=None),
            cell_temperatures_c=seen(Datum.CELL_TEMPERATURE, reading.cell_temperatures_c),
        )
