"""A test bench: batteries that can be set to anything, and the engine run over time on what they say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from smallbms.batteries import model_named
from smallbms.changes import Change
from smallbms.core import engine, saving
from smallbms.core.agreement import agreed
from smallbms.core.interlock import interlock
from smallbms.core.state import EngineState, Inputs
from smallbms.model import (
    BankSpec,
    BatteryModel,
    BatteryReading,
    Decision,
    Event,
    Identity,
    Measurement,
    Member,
    Outputs,
    OutputsReadBack,
    Reason,
    ShuntReading,
)
from smallbms.settings import Settings
from smallbms.words import AlarmCode, AlarmLevel, Fault, ReasonCode

REST_CELL_V = 3.30
STEP_S = 0.5


def model(name: str = "12.8/100") -> BatteryModel:
    found = model_named(name)
    assert found is not None
    return found


@dataclass(kw_only=True)
class BenchBattery:
    """What one battery shows; `voltage_v` None = the sum of its cells."""

    model: BatteryModel
    key: str
    cells_v: list[float | None]
    temperatures_c: list[float | None] = field(default_factory=lambda: [25.0, 25.0])
    board_temperatures_c: list[float | None] = field(default_factory=list)
    current_a: float | None = 0.0
    voltage_v: float | None = None
    soc_pct: float | None = 50.0
    soh_pct: float | None = None
    remaining_ah: float | None = None
    charge_ah: float | None = None
    charge_time_s: float | None = None
    capacity_ah: float | None = None
    cell_min_v: float | None = None
    cell_max_v: float | None = None
    charge_switch_on: bool | None = True
    discharge_switch_on: bool | None = True
    balancing_cells: tuple[int, ...] | None = ()
    faults: set[Fault] = field(default_factory=set)
    warnings: set[Fault] = field(default_factory=set)
    charge_limit_a: float | None = None
    discharge_limit_a: float | None = None
    charge_voltage_limit_v: float | None = None
    answers: bool = True

    def set_cells(self, voltage_v: float | None) -> None:
        self.cells_v = [voltage_v] * len(self.cells_v)

    def reading(self, now_s: float) -> BatteryReading:
        read = [v for v in self.cells_v if v is not None]
        return BatteryReading(
            taken_at_s=now_s,
            cells_taken_at_s=now_s,
            identity=Identity(key=self.key),
            voltage_v=sum(read) if self.voltage_v is None else self.voltage_v,
            current_a=self.current_a,
            cell_voltages_v=tuple(self.cells_v),
            cell_min_v=self.cell_min_v,
            cell_max_v=self.cell_max_v,
            cell_temperatures_c=tuple(self.temperatures_c),
            board_temperatures_c=tuple(self.board_temperatures_c),
            charge_switch_on=self.charge_switch_on,
            discharge_switch_on=self.discharge_switch_on,
            remaining_ah=self.remaining_ah,
            charge_ah=self.charge_ah,
            charge_time_s=self.charge_time_s,
            capacity_ah=self.model.capacity_ah if self.capacity_ah is None else self.capacity_ah,
            soc_pct=self.soc_pct,
            soh_pct=self.soh_pct,
            balancing_cells=self.balancing_cells,
            faults=frozenset(self.faults),
            warnings=frozenset(self.warnings),
            charge_limit_a=self.charge_limit_a,
            discharge_limit_a=self.discharge_limit_a,
            charge_voltage_limit_v=self.charge_voltage_limit_v,
        )


class Rig:
    """Batteries, settings and pins around one engine; `advance` lets time pass."""

    def __init__(
        self,
        count: int = 1,
        *,
        type_name: str = "12.8/100",
        battery_model: BatteryModel | None = None,
        series: int | None = None,
        vbat_v: float | None = None,
        sensors: bool = True,
        soc_pct: float | None = 50.0,
        stated: bool = True,
        now_s: float = 1000.0,
        host_current_a: float | None = None,
    ) -> None:
        own = battery_model or model(type_name)
        self.batteries = {
            n: BenchBattery(model=own, key=f"cell works {n}", cells_v=[REST_CELL_V] * own.cells, soc_pct=soc_pct)
            for n in range(1, count + 1)
        }
        members = tuple(
            Member(number=n, model=own if stated else None, temperature_sensors=sensors) for n in self.batteries
        )
        self.spec = BankSpec(
            members=members, series=series or (1 if vbat_v is None else None), host_current_a=host_current_a
        )
        self.settings = Settings()
        self.vbat_v = vbat_v
        self.shunt: ShuntReading | None = None
        self.now_s = now_s
        self.wall_s = 1_800_000_000.0
        self.state: EngineState = engine.begin(now_s)
        self.decision: Decision
        self.told: Decision
        self.taken: tuple[Reason, ...] = ()  # away, by the interlock
        self.outputs = Outputs()
        self.pins = OutputsReadBack(reachable=True, remote_on=True)
        self.stuck: dict[str, bool | None] = {}  # pins that read other than commanded
        self.store_ok = True
        self.app_connected = False
        self.events: list[Event] = []
        self.notices: tuple[str, ...] = ()
        self._readings: dict[int, BatteryReading] = {}
        self._previous: dict[int, BatteryReading] = {}

    @property
    def battery(self) -> BenchBattery:
        return self.batteries[1]

    @property
    def allowed(self) -> tuple[bool, bool]:
        """To charge, to discharge."""
        return self.decision.allow_to_charge, self.decision.allow_to_discharge

    def each(self, **values: Any) -> None:
        """Set the same on every battery; `cell_v` sets every cell."""
        for battery in self.batteries.values():
            for name, value in values.items():
                if name == "cell_v":
                    battery.set_cells(value)
                else:
                    setattr(battery, name, value)

    def step(self, *changes: Change, read: bool = True) -> Decision:
        """One engine step at the present time."""
        if read:
            for number, battery in self.batteries.items():
                if battery.answers:
                    if number in self._readings:
                        self._previous[number] = self._readings[number]
                    self._readings[number] = battery.reading(self.now_s)
        measurement = Measurement(
            readings=dict(self._readings), previous=dict(self._previous), vbat_v=self.vbat_v, shunt=self.shunt
        )
        inputs = Inputs(
            measurement=measurement,
            settings=self.settings,
            spec=self.spec,
            changes=changes,
            outputs=self._read_back(),
            wall_s=self.wall_s,
            app_connected=self.app_connected,
            store_ok=self.store_ok,
        )
        self.state, self.decision = engine.step(self.state, inputs, self.now_s)
        limits = self.batteries[1].model.thresholds if self.batteries else model().thresholds
        self.outputs, objections = interlock(self.decision, measurement, limits, self.spec, self.now_s)
        self.told, self.taken = agreed(self.decision, self.outputs, objections, self.taken, self.wall_s)
        self.events.extend(self.told.events)
        return self.decision

    def advance(self, seconds: float, *, step: float = STEP_S, read: bool = True) -> Decision:
        """Let time pass in steps, those of the engine's own deadlines among them; the last is at exactly now + seconds.

        With a longer step than that of the loop it is not asked for its deadlines.
        """
        until_s = self.now_s + seconds
        while self.now_s < until_s - 1e-9:
            by_s = min(step, until_s - self.now_s)
            if step <= STEP_S and self.state.started:
                by_s = min(by_s, max(self.decision.wake_at_s - self.now_s, 1e-3))
            self.now_s += by_s
            self.wall_s += by_s
            self.step(read=read)
        return self.decision

    def start(self) -> Rig:
        """Past the start: everything read and both permissions given."""
        self.step()
        self.advance(1.0)
        assert self.decision.allow_to_charge and self.decision.allow_to_discharge, self.texts()
        return self

    def restart(self, *, off_s: float = 0.0, wall_error_s: float = 0.0, now_s: float = 100.0) -> tuple[str, ...]:
        """A new process on what the store kept; its monotonic clock has nothing to do with the old one."""
        kept = json.loads(json.dumps(saving.saved(self.state, self.wall_s), allow_nan=False))
        self.wall_s += off_s + wall_error_s
        self.now_s = now_s
        self.state, notices = saving.restored(kept, now_s, self.wall_s)
        self._readings, self._previous, self.outputs, self.taken = {}, {}, Outputs(), ()
        return notices

    def unplug(self, number: int) -> None:
        """The link gives up on a battery: not even its last reading is left."""
        self.batteries[number].answers = False
        self._readings.pop(number, None)
        self._previous.pop(number, None)

    def reasons(self, code: ReasonCode) -> list[Reason]:
        return [reason for reason in self.decision.reasons if reason.code is code]

    def reason(self, code: ReasonCode) -> Reason:
        found = self.reasons(code)
        assert len(found) == 1, self.texts()
        return found[0]

    def codes(self) -> set[ReasonCode]:
        return {reason.code for reason in self.decision.reasons}

    def texts(self) -> Sequence[str]:
        return [reason.text for reason in self.decision.reasons]

    def alarm(self, code: AlarmCode) -> AlarmLevel:
        return self.decision.alarms[code]

    def _read_back(self) -> OutputsReadBack:
        if not self.pins.reachable:
            return self.pins
        sent = self.outputs
        self.pins = replace(
            self.pins,
            sequence=self.pins.sequence + 1,
            commanded=sent,
            atc=self.stuck.get("atc", sent.atc),
            atd=self.stuck.get("atd", sent.atd),
            pre_alarm=self.stuck.get("pre_alarm", sent.pre_alarm),
        )
        return self.pins
