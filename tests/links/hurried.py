"""A loop whose time passes as soon as everybody waits, and a worker that is the loop's own thread."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class _Selector(selectors.SelectSelector):
    """Lets the time pass instead of waiting it out."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout is not None:
            self.passed_s += max(0.0, timeout)
        return ready


class HurriedLoop(asyncio.SelectorEventLoop):
    """Hours in moments; what happens at a real descriptor happens in between."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self._hurried = _Selector()
        self._start_s = start_s
        super().__init__(self._hurried)

    def time(self) -> float:
        return self._start_s + self._hurried.passed_s


class InPlace(Executor):
    """Works at once, where it is asked to."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to who waits for it
            done.set_exception(error)
        return done


def hurry(work: Callable[[], Any]) -> None:
    """Run a coroutine function to its end on a loop that hurries."""
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(work())
