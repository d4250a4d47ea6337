"""A house that lives on its batteries through the seasons, and what really happened in it, beside what the BMS says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import cos, inf, pi

from smallbms.batteries import model_named
from smallbms.core import engine
from smallbms.core.history import CYCLE_HIGH_PCT, CYCLE_LOW_PCT, FULL_DISCHARGE_BACK_PCT
from smallbms.core.state import Inputs
from smallbms.drivers.simulated import Sensors, SimulatedBattery
from smallbms.model import BankSpec, Decision, Measurement, Member, Outputs, OutputsReadBack
from smallbms.settings import Settings
from smallbms.simulation.demo import house
from smallbms.simulation.weather import DAY_S, HOUR_S, Weather, passing_clouds
from smallbms.words import EventKind, ReasonCode

RANGE_A = 200.0  # of the batteries' current sensors
OFFSET = 0.001  # of that range
LONG_S, SHORT_S = 30.0, 10.0  # the BMS bridges what is longer than 30 s instead of counting it
CALM_V = (3.15, 3.40)  # between them nothing is near
CALM_C = 0.3
GENERATOR_ON_PCT, GENERATOR_OFF_PCT = 25.0, 80.0
WALL_S = 1_800_000_000.0


@dataclass(slots=True)
class Truth:
    """What happened, reckoned beside the BMS.

    By the cells and wires: `charged_wh`, `discharged_wh`, `lowest`, `highest`; by the sensors: `seen_…`, `drawn_ah`; by
    what was published: the counts and `deepest_ah`. `worst_soc`: how far past what the offset of the sensors explains,
    and on which day.
    """

    charged_wh: float = 0.0
    discharged_wh: float = 0.0
    drawn_ah: float = 0.0
    seen_charged_wh: float = 0.0
    seen_discharged_wh: float = 0.0
    hours: float = 0.0
    cycles: int = 0
    below: bool = False
    full_discharges: int = 0
    empty: bool = False
    synchronisations: int = 0
    deepest_ah: float = 0.0
    lowest: dict[str, float] = field(default_factory=dict)
    highest: dict[str, float] = field(default_factory=dict)
    worst_soc: tuple[float, float] = (-inf, 0.0)
    synchronised_at_s: float = 0.0

    def note(self, name: str, low: float, high: float) -> None:
        self.lowest[name] = min(self.lowest.get(name, low), low)
        self.highest[name] = max(self.highest.get(name, high), high)


class Household:
    """Four batteries of 12.8 V and 200 Ah, sun, loads, and a generator for dark weeks; all of it obeys the BMS.

    `offset_sign`: every current sensor is off by OFFSET of its range in this direction. `year_days`: in so many days
    the seasons go round once.
    """

    def __init__(self, *, series: int, offset_sign: int, year_days: float, begin: float = 0.0, seed: int = 1) -> None:
        model = model_named("12.8/200")
        assert model is not None
        sensors = Sensors(current_offset_a=offset_sign * OFFSET * RANGE_A, current_noise_a=0.05, voltage_noise_v=0.0005)
        batteries = [
            SimulatedBattery(
                model, soc_pct=60.0, temperature_c=16.0, cell_offsets_pct=(0.2, -0.2, 0.1), seed=n, sensors=sensors
            )
            for n in range(1, 5)
        ]
        self.world = house(batteries, seed=seed, series=series, start_h=0.0)
        self.world.longest_step_s = LONG_S
        self.truth = Truth()
        self.state = engine.begin(0.0)
        self.capacity_ah = model.capacity_ah * len(batteries) / series
        self.offset_a = OFFSET * RANGE_A * len(batteries) / series
        self.now_s = 0.0
        self._parallel, self._series = len(batteries) // series, series
        self._spec = BankSpec(members=tuple(Member(number=n, model=model) for n in range(1, 5)), series=series)
        self._settings, self._outputs = Settings(), OutputsReadBack(reachable=True, remote_on=True)
        self._readings = self.world.readings(0.0)
        self._limits = (0.0, 0.0, 0.0)
        self._year_s, self._begin_s = year_days * DAY_S, begin * year_days * DAY_S
        self._clouds = passing_clouds(seed, cover=0.45)
        self._solar_w = self.world.chargers["solar"].power_w
        self._generator_w = 0.5 * self._solar_w

    def live(self, days: float) -> None:
        end_s = self.now_s + days * DAY_S
        while self.now_s < end_s:
            if self.now_s % DAY_S < LONG_S:
                self._turn_the_year()
            self._step()

    def _turn_the_year(self) -> None:
        """Today's sun and temperature: 0 in midwinter … 1 in midsummer."""
        summer = 0.5 - 0.5 * cos(2 * pi * (self.now_s + self._begin_s) / self._year_s)
        self.world.weather = Weather(
            sunrise_h=8.0 - 3.0 * summer, sunset_h=16.5 + 4.5 * summer, mean_c=10.0 + 14.0 * summer, swing_c=4.0,
            clouds=self._clouds,
        )  # fmt: skip
        self.world.set_charger("solar", self._solar_w * (0.25 + 0.75 * summer))

    def _step(self) -> None:
        world, outputs = self.world, self._outputs.commanded
        dt_s = self._dt_s()
        self.now_s += dt_s
        cvl_v, ccl_a, dcl_a = self._limits
        flow = world.step(dt_s, atc=outputs.atc, atd=outputs.atd, cvl_v=cvl_v, ccl_a=ccl_a, dcl_a=dcl_a)
        before, self._readings = self._readings, world.readings(self.now_s)
        inputs = Inputs(
            measurement=Measurement(readings=self._readings, previous=before),
            settings=self._settings,
            spec=self._spec,
            outputs=self._outputs,
            wall_s=WALL_S + self.now_s,
        )
        self.state, decision = engine.step(self.state, inputs, self.now_s)
        self._obey(decision)
        self._watch(decision, flow.current_a, dt_s)

    def _dt_s(self) -> float:
        """Short while a cell is near an end or the current is high."""
        low_v, high_v = CALM_V
        for battery in self.world.bank.batteries:
            cells_v = battery.true_cell_voltages_v
            if min(cells_v) < low_v or max(cells_v) > high_v or abs(battery.current_a) > CALM_C * 200.0:
                return SHORT_S
        return LONG_S

    def _obey(self, decision: Decision) -> None:
        said = Outputs(atc=decision.allow_to_charge, atd=decision.allow_to_discharge, pre_alarm=decision.pre_alarm)
        self._outputs = replace(
            self._outputs, sequence=self._outputs.sequence + 1, commanded=said,
            atc=said.atc, atd=said.atd, pre_alarm=said.pre_alarm,
        )  # fmt: skip
        self._limits = decision.cvl_v, decision.ccl_a, decision.dcl_a
        soc_pct = decision.soc_pct or 0.0
        if soc_pct < GENERATOR_ON_PCT or decision.charge_request:
            self.world.set_charger("shore", self._generator_w)
        elif soc_pct > GENERATOR_OFF_PCT:
            self.world.set_charger("shore", 0.0)

    def _watch(self, decision: Decision, current_a: float, dt_s: float) -> None:
        truth, batteries, hours = self.truth, self.world.bank.batteries, dt_s / HOUR_S
        truth.hours += hours
        voltage_v = sum([battery.voltage_v for battery in batteries]) / self._parallel
        power_w = current_a * voltage_v
        truth.charged_wh += max(power_w, 0.0) * hours
        truth.discharged_wh += max(-power_w, 0.0) * hours
        pack = decision.bank
        assert pack.voltage_v is not None and pack.current_a is not None
        truth.seen_charged_wh += max(pack.current_a, 0.0) * pack.voltage_v * hours
        truth.seen_discharged_wh += max(-pack.current_a, 0.0) * pack.voltage_v * hours
        truth.drawn_ah += max(-pack.current_a, 0.0) * hours
        for battery in batteries:
            cells_v = battery.true_cell_voltages_v
            truth.note("cell_v", min(cells_v), max(cells_v))
            truth.note("temperature_c", battery.temperature_c, battery.temperature_c)
        truth.note("voltage_v", voltage_v, voltage_v)
        self._watch_soc(decision.soc_pct)
        self._count(decision)

    def _watch_soc(self, soc_pct: float | None) -> None:
        truth, batteries = self.truth, self.world.bank.batteries
        assert soc_pct is not None
        if self.state.soc.full:
            truth.synchronised_at_s = self.now_s
        true_pct = sum([battery.true_soc_pct for battery in batteries]) / len(batteries)
        drift_pct = 100.0 * self.offset_a * (self.now_s - truth.synchronised_at_s) / HOUR_S / self.capacity_ah
        beyond = abs(soc_pct - true_pct) - drift_pct
        if beyond > truth.worst_soc[0]:
            truth.worst_soc = beyond, self.now_s / DAY_S

    def _count(self, decision: Decision) -> None:
        truth, soc_pct = self.truth, decision.soc_pct or 0.0
        truth.synchronisations += any(event.kind is EventKind.SYNC for event in decision.events)
        if soc_pct < CYCLE_LOW_PCT:
            truth.below = True
        elif soc_pct > CYCLE_HIGH_PCT and truth.below:
            truth.below = False
            truth.cycles += 1
        shut_down = any(reason.code is ReasonCode.LOW_CELL for reason in decision.reasons)
        if shut_down or soc_pct == 0.0:
            truth.full_discharges += not truth.empty
            truth.empty = True
        elif soc_pct > FULL_DISCHARGE_BACK_PCT:
            truth.empty = False
        truth.deepest_ah = min(truth.deepest_ah, decision.consumed_ah or 0.0)
