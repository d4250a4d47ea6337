"""What is expected of a run: clauses over windows of time, each watched sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf

from smallbms.frozen import frozen
from smallbms.scenario.clock import written
from smallbms.scenario.figures import Sample
from smallbms.wording import figure


@frozen
class Condition:
    """One thing that holds at a moment or does not; `was` says what it was instead."""

    text: str
    holds: Callable[[Sample], bool]
    was: Callable[[Sample], str]


@frozen
class Swing:
    """How far a figure may move within the window."""

    name: str
    value: Callable[[Sample], object]
    most: float


@frozen
class Expectation:
    """[[expect]] number `number`: a clause and its window; `since_s` = `until_s` is a single moment."""

    number: int
    clause: str
    since_s: float
    until_s: float
    conditions: tuple[Condition, ...] = ()
    swings: tuple[Swing, ...] = ()

    @property
    def text(self) -> str:
        """The clause as a person would say it."""
        if self.since_s == self.until_s:
            window = f"at {written(self.since_s)}"
        else:
            window = f"from {written(self.since_s)} to {written(self.until_s)}"
        wanted = [condition.text for condition in self.conditions]
        wanted += [f"{swing.name} within {figure(swing.most)}" for swing in self.swings]
        return f"{self.clause} {window}: {', '.join(wanted)}"


@frozen
class Failure:
    """An expectation that was not met: when, and what was instead."""

    expectation: Expectation
    at_s: float
    was: str

    @property
    def text(self) -> str:
        return f"[[expect]] {self.expectation.number}, {self.expectation.text}; at {written(self.at_s)} {self.was}"


class Watch:
    """One expectation during a run; `failure` is None while it is met."""

    def __init__(self, expectation: Expectation) -> None:
        self.failure: Failure | None = None
        self.expectation = expectation
        self._over = False
        self._seen = False

    def see(self, sample: Sample) -> None:
        """Look at the next moment; a single moment is the first that is not earlier."""
        e = self.expectation
        if self.failure is not None or self._over:
            return
        if sample.time_s < e.since_s:
            self._before(sample)
            return
        if e.since_s == e.until_s:
            self._over = True
        elif sample.time_s > e.until_s:
            self._over = True
            return
        self._seen = True
        self._look(sample)

    def close(self) -> None:
        """The run is over: what had to happen has happened or not."""
        if self.failure is None and not self._seen:
            self._fail(self.expectation.until_s, "nothing was seen")
        elif self.failure is None:
            self._end()

    def _fail(self, at_s: float, was: str) -> None:
        self.failure = Failure(expectation=self.expectation, at_s=at_s, was=was)

    def _all_hold(self, sample: Sample) -> bool:
        return all(condition.holds(sample) for condition in self.expectation.conditions)

    def _before(self, sample: Sample) -> None:
        """A moment before the window."""

    def _look(self, sample: Sample) -> None:
        """A moment within the window."""

    def _end(self) -> None:
        """The window is over."""


class _Always(Watch):
    """Every condition holds at every moment."""

    def _look(self, sample: Sample) -> None:
        broken = [condition.was(sample) for condition in self.expectation.conditions if not condition.holds(sample)]
        if broken:
            self._fail(sample.time_s, ", ".join(broken))


class _Never(Watch):
    """At no moment do all conditions hold."""

    def _look(self, sample: Sample) -> None:
        if self._all_hold(sample):
            self._fail(sample.time_s, ", ".join(condition.was(sample) for condition in self.expectation.conditions))


class _Sometime(Watch):
    """All conditions hold at one moment at least."""

    _met = False
    _last = ""

    def _look(self, sample: Sample) -> None:
        self._met = self._met or self._all_hold(sample)
        self._last = ", ".join(condition.was(sample) for condition in self.expectation.conditions)

    def _end(self) -> None:
        if not self._met:
            self._fail(self.expectation.until_s, f"it had not happened: {self._last}")


class _Once(Watch):
    """The conditions begin to hold exactly once."""

    _held = False
    _begun_s: float | None = None

    def _before(self, sample: Sample) -> None:
        self._held = self._all_hold(sample)

    def _look(self, sample: Sample) -> None:
        held, self._held = self._held, self._all_hold(sample)
        if not self._held or held:
            return
        if self._begun_s is not None:
            self._fail(sample.time_s, f"it began again, after {written(self._begun_s)}")
        self._begun_s = sample.time_s

    def _end(self) -> None:
        if self._begun_s is None:
            self._fail(self.expectation.until_s, "it had not begun")


class _Swings(Watch):
    """Highest and lowest value lie no further apart than stated."""

    def __init__(self, expectation: Expectation) -> None:
        super().__init__(expectation)
        self._spans = {swing.name: (inf, -inf) for swing in expectation.swings}

    def _look(self, sample: Sample) -> None:
        for swing in self.expectation.swings:
            value = swing.value(sample)
            if not isinstance(value, int | float):
                continue
            low, high = self._spans[swing.name]
            self._spans[swing.name] = low, high = min(low, value), max(high, value)
            if high - low > swing.most + 1e-9:
                self._fail(sample.time_s, f"{swing.name} had moved from {figure(low)} to {figure(high)}")

    def _end(self) -> None:
        unread = [name for name, (low, high) in self._spans.items() if low > high]
        if unread:
            self._fail(self.expectation.until_s, f"{', '.join(unread)} had never been read")


CLAUSES: Mapping[str, type[Watch]] = {
    "always": _Always,
    "never": _Never,
    "once": _Once,
    "sometime": _Sometime,
    "swing": _Swings,
}


def watches(expectations: Sequence[Expectation]) -> list[Watch]:
    """Return what watches over a run."""
    return [CLAUSES[expectation.clause](expectation) for expectation in expectations]
