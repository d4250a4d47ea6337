"""Runs a scenario as fast as it can be reckoned; no clock, no wire, no file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from smallbms.core.engine import STEP_S
from smallbms.frozen import frozen
from smallbms.scenario import build
from smallbms.scenario.expect import Failure, watches
from smallbms.scenario.figures import Sample
from smallbms.scenario.format import Scenario
from smallbms.words import EventKind

KEPT_SAMPLES: Final = 2000
TOLD = {EventKind.TRIP, EventKind.RELEASE, EventKind.ERROR, EventKind.SYNC}
SHORTEST_S: Final = 1e-3
PINS: Final = ("atc", "atd", "pre_alarm")


@frozen
class Line:
    """A line of the timeline."""

    time_s: float
    text: str


@dataclass(slots=True, kw_only=True)
class Energy:
    """Wh: out of the chargers, into the loads, into and out of the batteries."""

    chargers_wh: float = 0.0
    loads_wh: float = 0.0
    charged_wh: float = 0.0
    discharged_wh: float = 0.0

    def add(self, sample: Sample, dt_s: float) -> None:
        flow, hours = sample.flow, dt_s / 3600
        self.chargers_wh += flow.charge_a * flow.voltage_v * hours
        self.loads_wh += flow.load_a * flow.voltage_v * hours
        self.charged_wh += max(flow.current_a, 0.0) * flow.voltage_v * hours
        self.discharged_wh += max(-flow.current_a, 0.0) * flow.voltage_v * hours


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of a run; `samples` are thinned out, but each change of an output is in them."""

    scenario: Scenario
    samples: list[Sample] = field(default_factory=list)
    timeline: list[Line] = field(default_factory=list)
    energy: Energy = field(default_factory=Energy)
    failures: tuple[Failure, ...] = ()

    @property
    def met(self) -> bool:
        """Every expectation was met."""
        return not self.failures


class _Scribe:
    """Writes down what is seen of a run."""

    def __init__(self, scenario: Scenario) -> None:
        self.result = Result(scenario=scenario)
        self._every_s = scenario.head.duration / KEPT_SAMPLES
        self._before: Sample | None = None
        self._keep_at_s = 0.0

    def say(self, time_s: float, text: str) -> None:
        self.result.timeline.append(Line(time_s=time_s, text=text))

    def see(self, sample: Sample, said: list[str]) -> None:
        before, self._before = self._before, sample
        for text in said:
            self.say(sample.time_s, text)
        decision = sample.decision
        if decision is not None and (before is None or decision is not before.decision):
            for event in decision.events:
                if event.kind in TOLD:
                    self.say(sample.time_s, f"{event.kind} {event.text}")
        moved = [pin for pin in PINS if before is None or getattr(before.pins, pin) is not getattr(sample.pins, pin)]
        if moved:
            self.say(sample.time_s, ", ".join(f"{pin} {'on' if getattr(sample.pins, pin) else 'off'}" for pin in moved))
        if before is not None:
            self.result.energy.add(sample, sample.time_s - before.time_s)
        if moved or sample.time_s >= self._keep_at_s:
            self.result.samples.append(sample)
            self._keep_at_s = sample.time_s + self._every_s


def run(scenario: Scenario, progress: Callable[[float], None] = lambda share: None) -> Result:
    """Run a scenario to its end and judge it; `progress` hears of the share that is done."""
    stage, scribe, watching = build.stage(scenario), _Scribe(scenario), watches(scenario.expectations)
    coming, end_s, step_s = deque(scenario.events), scenario.head.duration, scenario.head.step_s
    time_s, readings = 0.0, 0
    while time_s <= end_s:
        stage.move(time_s)
        while coming and coming[0].at <= time_s:
            event = coming.popleft()
            scribe.say(time_s, event.told)
            event.happen(stage)
        read = time_s >= readings * step_s
        readings += read
        sample = stage.act(read=read)
        scribe.see(sample, stage.heard())
        for watch in watching:
            watch.see(sample)
        progress(time_s / end_s)
        time_s = _next_s(sample, readings * step_s)
    for watch in watching:
        watch.close()
    scribe.result.failures = tuple(watch.failure for watch in watching if watch.failure)
    return scribe.result


def _next_s(sample: Sample, reading_s: float) -> float:
    """The next reading, or before it the moment at which a delay of the engine ends."""
    decision = sample.decision
    wait_s = decision.wake_at_s - decision.at_s if decision else STEP_S
    return min(reading_s, sample.time_s + max(wait_s, SHORTEST_S)) if wait_s < STEP_S - SHORTEST_S else reading_s
