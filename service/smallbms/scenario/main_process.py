"""The main process without its loop, links and store: each step decides, then commands the outputs."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from smallbms.changes import Acknowledge, Change
from smallbms.core import engine, saving
from smallbms.core.agreement import agreed
from smallbms.core.interlock import interlock
from smallbms.core.state import EngineState, Inputs
from smallbms.door import Door
from smallbms.errors import OutputError
from smallbms.memory import ENGINE, SETTINGS, Memory
from smallbms.model import BankSpec, Decision, Measurement, Outputs, Reason
from smallbms.outputs.protocol import (
    Arm,
    Code,
    Command,
    Heartbeat,
    Led,
    Order,
    Refused,
    UpdateAcknowledge,
    UpdateHealthy,
)
from smallbms.outputs.state import State
from smallbms.outputs.update import UpdatePhase
from smallbms.readback import read_back
from smallbms.scenario.outputs_process import OutputsProcess
from smallbms.settings import Settings, from_json


class Shelf:
    """What survives the main process, as the text that a store would hold."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def save(self, name: str, data: dict[str, Any], *, urgent: bool = False) -> None:
        self._texts[name] = json.dumps(data, allow_nan=False)

    def load(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = json.loads(self._texts.get(name, "null"))
        return found


class MainProcess:
    """A run of the main process, begun from what is on the shelf."""

    def __init__(
        self, spec: BankSpec, shelf: Shelf, outputs: OutputsProcess, *, version: str, now_s: float, wall_s: float
    ) -> None:
        kept, settings = shelf.load(ENGINE), shelf.load(SETTINGS)
        self._state, self.notices = saving.restored(kept, now_s, wall_s) if kept else (engine.begin(now_s), ())
        self._readable = saving.readable(kept) if kept else frozenset()
        self._memory = Memory(shelf)
        self.door = Door(from_json(settings)[0] if settings else Settings(), self._changed)
        self._spec = spec
        self._version = version
        self._outputs = outputs
        self._answer: State | None = None
        self._error: OutputError | None = None
        self._sequence = count(1)
        self._newcomer = True
        self._measurement = Measurement()
        self._taken: tuple[Reason, ...] = ()  # away, by the interlock
        self.decision: Decision | None = None

    @property
    def state(self) -> EngineState:
        return self._state

    def step(self, new: Measurement, now_s: float, wall_s: float) -> Decision:
        """Decide on what is new (the readings of a silent battery are missing), command the outputs, remember."""
        known, readings = self._measurement.readings, new.readings
        replaced = {
            number: known[number]
            for number, reading in readings.items()
            if number in known and known[number].cells_taken_at_s != reading.cells_taken_at_s
        }
        self._measurement = Measurement(
            readings={**known, **readings},
            previous={**self._measurement.previous, **replaced},
            vbat_v=new.vbat_v,
            shunt=new.shunt,
        )
        changes = self.door.take()
        inputs = Inputs(
            measurement=self._measurement,
            settings=self.door.settings,
            spec=self._spec,
            changes=changes,
            outputs=read_back(self._answer, self._error),
            wall_s=wall_s,
        )
        self._state, decision = engine.step(self._state, inputs, now_s)
        outputs, objections = interlock(decision, self._measurement, decision.bank.thresholds, self._spec, now_s)
        decision, self._taken = agreed(decision, outputs, objections, self._taken, wall_s)
        self.decision = decision
        self._command([_beat(next(self._sequence), decision, outputs), *self._errands(decision, changes)], now_s)
        if decision.bank.model is not None:
            self.door.know(decision.bank.model)
        self._memory.keep(self._state, wall_s)
        return decision

    def stop(self, wall_s: float, *, in_good_order: bool) -> None:
        """The process ends; killed, it could keep nothing more."""
        if in_good_order:
            self._memory.keep(self._state, wall_s, now=True)
        self._outputs.disconnect()

    def _changed(self, change: Change) -> None:
        self._memory.keep_settings(self.door.settings)

    def _errands(self, decision: Decision, changes: tuple[Change, ...]) -> list[Order]:
        orders: list[Order] = []
        if any(isinstance(change, Acknowledge) for change in changes):
            orders.append(UpdateAcknowledge())
        if self._answer is None:
            return orders
        updating = self._answer.update.phase in (UpdatePhase.RUNNING, UpdatePhase.EXPIRED)
        self._newcomer = self._newcomer and updating
        read = {battery.number for battery in decision.bank.batteries if battery.online}
        if self._newcomer and not decision.waiting and self._readable <= read:
            orders.append(UpdateHealthy(self._version))
        return orders

    def _command(self, orders: list[Order], now_s: float) -> None:
        """What the client of the outputs process does: connect, arm, send; a refusal does not end the connection."""
        try:
            if self._answer is None:
                self._answer = self._outputs.connect(now_s)
            self._error = None
            for order in orders:
                self._answer = self._outputs.obey(order, now_s)
        except Refused as refusal:
            self._error = refusal
            if refusal.code is Code.NOT_ARMED:
                self._outputs.obey(Arm(now_s), now_s)
            self._answer = self._outputs.state(now_s)
        except OutputError as error:
            self._answer, self._error = None, error


def _beat(sequence: int, decision: Decision, outputs: Outputs) -> Heartbeat:
    command = Command(
        atc=outputs.atc,
        atd=outputs.atd,
        pre_alarm=outputs.pre_alarm,
        red_led=Led(outputs.red_led.value),
        blue_led=Led(outputs.blue_led.value),
    )
    return Heartbeat(sequence, decision.at_s, command, cell_alarm=decision.cell_alarm, starting=decision.waiting)
