"""The loop: whatever comes in wakes it, one engine step decides, the pins are told, then everyone else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from math import inf

from smallbms.changes import Acknowledge, Change
from smallbms.core import engine, history
from smallbms.core.agreement import agreed
from smallbms.core.attention import is_calm
from smallbms.core.interlock import interlock
from smallbms.core.state import EngineState, Inputs, Snapshot
from smallbms.door import Door
from smallbms.links.base import Link
from smallbms.memory import Memory
from smallbms.model import (
    BankSpec,
    BatteryReading,
    Decision,
    DeviceIdentity,
    Event,
    LinkHealth,
    Measurement,
    Reason,
    ShuntReading,
)
from smallbms.outputs.client import OutputsClient
from smallbms.readback import Follower
from smallbms.settings import Settings
from smallbms.store import Store
from smallbms.words import EventKind, UpdatePhase

_log = logging.getLogger(__name__)

GREETING_S = 1.0  # for the outputs process, before the first step
TOGETHER_S = 0.05
LINKS_S = 5.0  # from one look at their health to the next

OPEN_UPDATE = (UpdatePhase.RUNNING, UpdatePhase.EXPIRED)

_LOUD = {EventKind.TRIP, EventKind.RELEASE, EventKind.ERROR}


class Loop:
    """Owns the engine's state; `settings` and wishes come in by `door`, readings by `on_reading`.

    `publish` gets a Snapshot after each step, once the outputs process has answered it.
    """

    def __init__(
        self,
        *,
        spec: BankSpec,
        state: EngineState,
        settings: Settings,
        identity: DeviceIdentity,
        store: Store,
        memory: Memory,
        outputs_path: str,
        pins: dict[str, object],
        readable_before: frozenset[int],
        vbat_v: Callable[[float], float | None] = lambda now_s: None,
        shunt: Callable[[], ShuntReading | None] = lambda: None,
    ) -> None:
        self.door = Door(settings, self._changed)
        self.outputs = OutputsClient(outputs_path, pins, on_state=self._outputs_spoke)
        self.identity = identity
        self.publish: Callable[[Snapshot], None] = lambda snapshot: None
        self.app_connected: Callable[[], bool] = lambda: False
        self.advice: Callable[[], tuple[str, ...]] = tuple  # from outside, beside the engine's notices
        self.foreign_outputs: Callable[[], Mapping[str, str]] = dict  # which somebody else may switch, and why
        self._spec = spec
        self._state = state
        self._store = store
        self._memory = memory
        self._vbat_v = vbat_v
        self._shunt = shunt
        self._readable_before = readable_before.intersection(member.number for member in spec.members)
        self._links: tuple[Link, ...] = ()
        self._health: tuple[LinkHealth, ...] = ()
        self._looked_at_s = -inf
        self._readings: dict[int, BatteryReading] = {}
        self._previous: dict[int, BatteryReading] = {}
        self._measurement = Measurement()
        self._decision: Decision | None = None
        self._taken: tuple[Reason, ...] = ()  # away, by the interlock
        self._pins = Follower()
        self._unpublished = False
        self._timer: asyncio.Handle | None = None  # of the next step; None before `run` and after
        self._newcomer = True  # no outputs process without an open update was met yet: it is not us that it replaces
        self._greeting = True  # the outputs process answers first: a fast battery must not make a fault of its absence
        self._near_limit: frozenset[int] = frozenset()
        self._bleed: Mapping[int, frozenset[int]] = {}

    @property
    def stepped_at_s(self) -> float:
        """When the last step was, monotonic."""
        return self._state.last_s

    def attach(self, links: Iterable[Link]) -> None:
        """The links whose batteries may be asked for more."""
        self._links = tuple(links)

    def on_reading(self, number: int, reading: BatteryReading) -> None:
        """A battery was read: decide on it at once; where many are read, on calm ones that follow a step together."""
        before = self._readings.get(number)
        if before is not None and before.cells_taken_at_s != reading.cells_taken_at_s:
            self._previous = {**self._previous, number: before}
        self._readings = {**self._readings, number: reading}
        if self._timer is None or self._greeting:
            return
        together_at_s = self.stepped_at_s + TOGETHER_S
        if (
            len(self._readings) > 1
            and time.monotonic() < together_at_s
            and before is not None
            and number not in self._near_limit
            and is_calm(before, reading)
        ):
            self._step_by(together_at_s)
        else:
            self._step()

    def _step_by(self, at_s: float) -> None:
        """See to it that the next step is not later; one that is to come soon comes."""
        if isinstance(self._timer, asyncio.TimerHandle) and self._timer.when() > at_s:
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(at_s, self._step)

    def wake(self) -> None:
        """Step soon: something is new."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_soon(self._step)

    def keep_all(self) -> None:
        """Hand the newest state to the store, before the end."""
        self._memory.keep(self._state, time.time(), self._unproven(), now=True)

    async def run(self) -> None:
        """Step when something is new, at the engine's own deadline, and at least every 0.5 s, until cancelled.

        An exception in a step is one in a callback of the loop.
        """
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(0.0 if self._pins.now.reachable else GREETING_S, self._step)
        try:
            await loop.create_future()
        finally:
            self._timer.cancel()
            self._timer = None

    def _step(self) -> None:
        self._greeting = False
        if self._timer is not None:
            self._timer.cancel()
        now_s, wall_s = time.monotonic(), time.time()
        changes = self.door.take()
        self._measurement = Measurement(
            readings=self._readings, previous=self._previous, vbat_v=self._vbat_v(now_s), shunt=self._shunt()
        )
        self._state, decision = engine.step(
            self._state,
            Inputs(
                measurement=self._measurement,
                settings=self.door.settings,
                spec=self._spec,
                changes=changes,
                outputs=self._pins.now,
                wall_s=wall_s,
                app_connected=self.app_connected(),
                store_ok=self._store.ok,
            ),
            now_s,
        )
        outputs, objections = interlock(decision, self._measurement, decision.bank.thresholds, self._spec, now_s)
        decision, self._taken = agreed(decision, outputs, objections, self._taken, wall_s)
        if advice := self.advice():
            decision = replace(decision, notices=decision.notices + advice)
        self._decision = decision
        self._unpublished = True
        self.outputs.send(outputs, now_s, cell_alarm=decision.cell_alarm, starting=decision.waiting)
        if self._timer is not None:
            at_s = min(decision.wake_at_s, now_s + engine.STEP_S)
            self._timer = asyncio.get_running_loop().call_at(at_s, self._step)
        self._ask_links(decision)
        if now_s - self._looked_at_s >= LINKS_S:
            self._looked_at_s, self._health = now_s, tuple(link.health for link in self._links)
        self._remember(decision, changes, wall_s)
        if not self._pins.now.reachable:
            self._publish()

    def _ask_links(self, decision: Decision) -> None:
        for number in decision.urgent_cells:
            for link in self._links:
                if number in link.numbers:
                    link.urge(number)
        if decision.near_limit != self._near_limit:
            self._near_limit = decision.near_limit
            for link in self._links:
                link.set_near_limit(decision.near_limit & link.numbers)
        if decision.bleed != self._bleed:
            self._bleed = decision.bleed
            for link in self._links:
                link.balance({number: cells for number, cells in decision.bleed.items() if number in link.numbers})

    def _remember(self, decision: Decision, changes: tuple[Change, ...], wall_s: float) -> None:
        model = decision.bank.model
        if model is not None and self.door.know(model):
            _log.warning("settings moved into the bounds of %s", model.name)
            self._memory.keep_settings(self.door.settings)
        for event in decision.events:
            if event.kind in _LOUD:
                _log.warning("%s %s: %s", event.kind, event.code, event.text)
            self._store.log(event_record(event))
        self._memory.keep(self._state, wall_s, self._unproven())
        if any(isinstance(change, Acknowledge) for change in changes):
            self.outputs.acknowledge_soon()
        if self._newcomer and self._pins.now.update in OPEN_UPDATE and self._is_healthy(decision):
            self.outputs.healthy_soon(self.identity.version)

    def _unproven(self) -> frozenset[int]:
        """What the version of before could read counts until an update is closed, however often we are started."""
        return self._readable_before if self._newcomer else frozenset()

    def _is_healthy(self, decision: Decision) -> bool:
        """Every battery that was readable before an update has been read."""
        return not decision.waiting and self._readable_before <= {b.number for b in decision.bank.batteries if b.online}

    def _changed(self, change: Change) -> None:
        self._memory.keep_settings(self.door.settings)
        self.wake()

    def _outputs_spoke(self) -> None:
        """The outputs process answered, or is gone: now everyone may hear what it did."""
        before = self._pins.follow(self.outputs.state, self.outputs.error, self.foreign_outputs())
        after = self._pins.now
        self._newcomer = self._newcomer and not (after.reachable and after.update not in OPEN_UPDATE)
        if (after.reachable, after.remote_on, after.update) != (before.reachable, before.remote_on, before.update):
            self.wake()
        self._publish()

    def _publish(self) -> None:
        if not self._unpublished or self._decision is None or self._is_under_way(self._decision):
            return
        self._unpublished = False
        if self.identity.custom_name != self.door.settings.custom_name:
            self.identity = replace(self.identity, custom_name=self.door.settings.custom_name)
        self.publish(
            Snapshot(
                measurement=self._measurement,
                decision=self._decision,
                outputs=self._pins.now,
                history=history.page(self._state.history),
                last_errors=self._state.last_errors,
                settings=self.door.settings,
                identity=self.identity,
                wall_s=time.time(),
                links=self._health,
            )
        )

    def _is_under_way(self, decision: Decision) -> bool:
        """A permission has changed and the pins do not show it yet."""
        shown = self._pins.now.commanded
        shows_it = (shown.atc, shown.atd) == (decision.allow_to_charge, decision.allow_to_discharge)
        return self._pins.now.reachable and self.outputs.pending and not shows_it


def event_record(event: Event) -> dict[str, object]:
    """An event as the log keeps it."""
    return {name: value for name, value in asdict(event).items() if value is not None}
