"""Microseconds of the processor that the core takes for one step of large banks."""

from __future__ import annotations

import statistics
from dataclasses import replace
from time import process_time

from bench.figure import Figure
from smallbms.batteries import model_named
from smallbms.core import engine
from smallbms.core.state import EngineState, Inputs
from smallbms.model import (
    BankSpec,
    BatteryModel,
    BatteryReading,
    Identity,
    Measurement,
    Member,
    Outputs,
    OutputsReadBack,
)
from smallbms.settings import Settings

STEPS, QUICK_STEPS = 1500, 50
WARM_UP_S = 30.0
STEP_S = 0.5
VARIANTS = 8  # readings of each battery, made beforehand
BANKS = ((25, "51.2/100", 1, 0.4), (50, "12.8/200", 2, 0.3))  # batteries, model, in series, limit in ms


def measure(quick: bool) -> list[Figure]:
    figures = []
    for count, name, series, limit_ms in BANKS:
        model = model_named(name)
        assert model is not None
        what = f"engine step, {count} × {model.cells} cells"
        for told, fresh in (("one new reading", 1), ("all readings new", count)):
            took_ms = _steps_ms(model, count, series, fresh, QUICK_STEPS if quick else STEPS)
            figures.append(
                Figure(what=f"{what}, {told}: median", value=statistics.median(took_ms), unit="ms", limit=limit_ms)
            )
    return figures


def _steps_ms(model: BatteryModel, count: int, series: int, fresh: int, steps: int) -> list[float]:
    """What each step takes; `fresh` batteries are read before each, in turns."""
    bench = Bench(model, count, series)
    took_ms = []
    while bench.now_s < WARM_UP_S:
        bench.step(count)
    assert bench.allowed, "the bank on the bench is not healthy"
    for _ in range(steps):
        took_ms.append(bench.step(fresh) * 1e3)
    return took_ms


class Bench:
    """Batteries, and the engine on what they say; the time is that of the bench."""

    def __init__(self, model: BatteryModel, count: int, series: int) -> None:
        self.now_s = 0.0
        self.allowed = False
        self._model = model
        self._spec = BankSpec(members=tuple(Member(number=n, model=model) for n in range(1, count + 1)), series=series)
        self._state: EngineState = engine.begin(0.0)
        self._outputs = OutputsReadBack(reachable=True, remote_on=True)
        self._readings: dict[int, BatteryReading] = {}
        self._previous: dict[int, BatteryReading] = {}
        self._variants = {n: _variants(model, n) for n in range(1, count + 1)}
        self._turn = 0

    def step(self, fresh: int) -> float:
        """Read so many batteries and decide: how long the engine took, in seconds."""
        self.now_s += STEP_S * fresh / len(self._spec.members)
        for _ in range(fresh):
            self._read(self._turn % len(self._spec.members) + 1)
            self._turn += 1
        inputs = Inputs(
            measurement=Measurement(readings=dict(self._readings), previous=dict(self._previous)),
            settings=Settings(),
            spec=self._spec,
            outputs=self._outputs,
            wall_s=1_800_000_000.0 + self.now_s,
            store_ok=True,
        )
        begin_s = process_time()
        self._state, decision = engine.step(self._state, inputs, self.now_s)
        took_s = process_time() - begin_s
        self.allowed = decision.allow_to_charge and decision.allow_to_discharge
        said = Outputs(atc=decision.allow_to_charge, atd=decision.allow_to_discharge, pre_alarm=decision.pre_alarm)
        self._outputs = replace(
            self._outputs, sequence=self._outputs.sequence + 1, commanded=said,
            atc=said.atc, atd=said.atd, pre_alarm=said.pre_alarm,
        )  # fmt: skip
        return took_s

    def _read(self, number: int) -> None:
        if number in self._readings:
            self._previous[number] = self._readings[number]
        variant = self._variants[number][self._turn // len(self._spec.members) % VARIANTS]
        self._readings[number] = replace(variant, taken_at_s=self.now_s, cells_taken_at_s=self.now_s)


def _variants(model: BatteryModel, number: int) -> list[BatteryReading]:
    """Some readings that differ by millivolts, as those of a battery at rest do."""
    readings = []
    for variant in range(VARIANTS):
        cells_v = tuple(3.32 + 0.001 * ((number + cell + variant) % 5) for cell in range(model.cells))
        readings.append(
            BatteryReading(
                taken_at_s=0.0, cells_taken_at_s=0.0, identity=Identity(key=f"bench {number}"), voltage_v=sum(cells_v),
                current_a=5.0 + 0.01 * variant, cell_voltages_v=cells_v, cell_min_v=min(cells_v),
                cell_max_v=max(cells_v), cell_temperatures_c=(25.0, 25.1), charge_switch_on=True,
                discharge_switch_on=True, remaining_ah=model.capacity_ah / 2, capacity_ah=model.capacity_ah,
                soc_pct=50.0, cycles=10, balancing_cells=(),
            )
        )  # fmt: skip
    return readings
