"""The main process with a stopwatch in its event loop: python -m bench.timed_main FILE ARGUMENTS

ARGUMENTS are those of `smallbms`. At the end FILE holds [at_s, wall_s, cpu_s] of each turn of the loop: how long no
other event could be served; FILE.steps the same of each step of the engine.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import sys
import time
from pathlib import Path
from typing import Any

from smallbms.cli import main
from smallbms.core import engine

Times = tuple[float, float, float]


class TimedSelector(selectors.DefaultSelector):
    """Notes the time from one wait to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[Times] = []
        self._woke: tuple[float, float] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._woke is not None:
            now_s = time.monotonic()
            self.turns.append((now_s, now_s - self._woke[0], time.thread_time() - self._woke[1]))
        ready = super().select(timeout)
        self._woke = time.monotonic(), time.thread_time()
        return ready


class TimedPolicy(asyncio.DefaultEventLoopPolicy):
    def __init__(self, selector: TimedSelector) -> None:
        super().__init__()
        self._selector = selector

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(self._selector)


def time_steps() -> list[Times]:
    """Have each step of the engine noted in what is returned."""
    steps: list[Times] = []
    step = engine.step

    def timed(*arguments: Any) -> Any:
        begun_s, begun_cpu_s = time.monotonic(), time.thread_time()
        taken = step(*arguments)
        now_s = time.monotonic()
        steps.append((now_s, now_s - begun_s, time.thread_time() - begun_cpu_s))
        return taken

    engine.step = timed
    return steps


if __name__ == "__main__":
    stopwatch, steps = TimedSelector(), time_steps()
    asyncio.set_event_loop_policy(TimedPolicy(stopwatch))
    status = main(sys.argv[2:])
    Path(sys.argv[1]).write_text(json.dumps(stopwatch.turns), encoding="ascii")
    Path(f"{sys.argv[1]}.steps").write_text(json.dumps(steps), encoding="ascii")
    sys.exit(status)
