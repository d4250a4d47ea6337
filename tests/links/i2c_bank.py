"""Three banks of bare cells in parallel, charged until they are level: chips, wires, link, driver and engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from smallbms.batteries import custom_model
from smallbms.core import engine
from smallbms.core.state import Inputs
from smallbms.drivers.simulated import Build, SimulatedBattery
from smallbms.model import BankSpec, BatteryReading, Decision, Measurement, Member, OutputsReadBack
from smallbms.settings import Settings

from .i2c_bench import POLL_S, Bench

MODEL = custom_model("cells", cells=16, capacity_ah=20)
CHARGE_A = 6.0
STEP_S = 0.2
OFFSETS_PCT = (0.0, 0.25, 0.3, 0.28, 0.05, 0.0, 0.1, 0.22, 0.0, 0.3, 0.0, 0.26, 0.27, 0.0, 0.02, 0.15)


class Charge:
    """A charger at the voltage limit that the engine gives, the batteries, and the engine on what the link reads."""

    def __init__(self, bleed_a: float) -> None:
        self.batteries = {
            n: SimulatedBattery(
                MODEL,
                soc_pct=98.9,
                cell_offsets_pct=OFFSETS_PCT[n:] + OFFSETS_PCT[:n],
                seed=n,
                build=Build(balance_a=0.0),
            )
            for n in (1, 2, 3)
        }
        self._truths = {number: self._truth(number) for number in self.batteries}
        self._bleed_a = bleed_a  # by switches outside of the chips, which bear no more than 0.1 A
        self.resets = 0
        self.bench = Bench(
            3,
            crc={2},
            cells=lambda number: lambda: self._truths[number],
            bleed=self._bleed,
            reset=self._reset,
            on_reading=self._decide,
        )
        self._spec = BankSpec(
            members=tuple(Member(number=n, model=MODEL, bleeds=True) for n in self.batteries), series=1
        )
        self._state = engine.begin(self.bench.clock())
        self._readings: dict[int, BatteryReading] = {}
        self._previous: dict[int, BatteryReading] = {}
        self.decision: Decision | None = None
        self.noes: list[str] = []

    @property
    def spread_v(self) -> float:
        """The widest of the three."""
        cells_v = [battery.true_cell_voltages_v for battery in self.batteries.values()]
        return max(max(volts) - min(volts) for volts in cells_v)

    async def run(self, seconds: float) -> None:
        """Let the charge go on."""
        until_s = self.bench.clock() + seconds
        while self.bench.clock() < until_s:
            limit_v = self.decision.cvl_v if self.decision and self.decision.allow_to_charge else 0.0
            for number, battery in self.batteries.items():
                emf_v, ohm = battery.thevenin(STEP_S)
                battery.step(STEP_S, min(CHARGE_A, max(0.0, (limit_v - emf_v) / ohm)), 25.0)
                self._truths[number] = self._truth(number)
            await asyncio.sleep(STEP_S)

    def _truth(self, number: int) -> BatteryReading:
        battery = self.batteries[number]
        reading = battery.reading(0.0)
        assert reading is not None
        return replace(reading, current_a=battery.current_a, cell_voltages_v=battery.true_cell_voltages_v)

    def _bleed(self, number: int, inputs: frozenset[int]) -> None:
        for cell in range(1, MODEL.cells + 1):
            self.batteries[number].leak(cell, self._bleed_a if cell in inputs else 0.0)

    def _reset(self) -> None:
        self.resets += 1
        self.bench.mux.reset()
        self.bench.bus.stuck = False

    def _decide(self, number: int, reading: BatteryReading) -> None:
        if number in self._readings:
            self._previous = {**self._previous, number: self._readings[number]}
        self._readings = {**self._readings, number: reading}
        pins = OutputsReadBack(
            reachable=True, remote_on=True, sequence=int(1000 * self.bench.clock()),
            atc=bool(self.decision and self.decision.allow_to_charge),
            atd=bool(self.decision and self.decision.allow_to_discharge),
        )  # fmt: skip
        inputs = Inputs(
            measurement=Measurement(readings=self._readings, previous=self._previous),
            settings=Settings(),
            spec=self._spec,
            outputs=replace(pins, commanded=replace(pins.commanded, atc=bool(pins.atc), atd=bool(pins.atd))),
        )
        self._state, self.decision = engine.step(self._state, inputs, self.bench.clock())
        self.noes += [reason.text for reason in self.decision.reasons if self._state.started]
        self.bench.line.balance(self.decision.bleed)


async def charged_with_troubles(charge: Charge, minutes: float) -> None:
    """A charge in which a chip is reset, the bus does not acknowledge, is stuck, and its bits turn; and then more."""
    bench = charge.bench
    async with bench.running():
        await charge.run(60.0)
        assert charge.spread_v > 0.030
        bench.chips[1].reset()
        await charge.run(10.0)
        bench.bus.naks = 12
        await charge.run(10.0)
        bench.bus.stuck = True
        await charge.run(10.0)
        bench.chips[2].wrong_crcs = 7
        await charge.run(60.0 * minutes - 90.0)
        rounds = 60.0 * minutes / POLL_S
        assert all(bench.count(number) > 0.7 * rounds for number in bench.chips)
    assert bench.wrong == []
    assert bench.chips[1].configured == 2
    assert charge.resets == 1
    assert bench.bus.naks == 0 and not bench.bus.stuck
    assert charge.spread_v < 0.010
    assert all(chip.bleeding == set() for chip in bench.chips.values())
    assert charge.noes == []
