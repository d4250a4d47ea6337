"""`smallbms simulate`: a day from a file, in seconds, and whether it went as it should."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import TextIO

from smallbms.errors import ConfigError
from smallbms.scenario import export
from smallbms.scenario.clock import written
from smallbms.scenario.format import load
from smallbms.scenario.runner import Result, run

MET, NOT_MET = 0, 1
SILENT_S = 2.0  # no bar for what is over at once
REDRAW_S = 0.2
WIDTH = 40
LONGEST = 60  # lines of the timeline


def simulate(arguments: Namespace) -> int:
    """Run `arguments.scenario`; 0 if every expectation was met, else 1.

    Raises ConfigError for a wrong file, for a file that cannot be written, and for --plot without matplotlib.
    """
    scenario = load(Path(arguments.scenario))
    bar = ProgressBar(sys.stderr)
    result = run(scenario, bar.show)
    bar.clear()
    try:
        if arguments.csv:
            with Path(arguments.csv).open("w", encoding="utf-8", newline="") as file:
                export.write_csv(result.samples, file)
        if arguments.plot:
            export.plot(result, arguments.plot)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from None
    if arguments.json:
        print(json.dumps(export.verdict(result), indent=2))
    else:
        print("\n".join(summary(result)))
    return MET if result.met else NOT_MET


class ProgressBar:
    """Drawn on a terminal once a run takes more than 2 s; elsewhere never."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._drawn = False
        self._due_at_s = clock() + SILENT_S if stream.isatty() else inf

    def show(self, share: float) -> None:
        now_s = self._clock()
        if now_s < self._due_at_s:
            return
        self._due_at_s = now_s + REDRAW_S
        self._drawn = True
        done = int(share * WIDTH)
        self._stream.write(f"\r[{'#' * done}{' ' * (WIDTH - done)}] {100 * share:3.0f} %")
        self._stream.flush()

    def clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def summary(result: Result) -> list[str]:
    """Return what a person wants to read of a run."""
    head, energy = result.scenario.head, result.energy
    lines = [f"{head.name}: {written(head.duration)}"]
    lines += [f"  {written(line.time_s):>10}  {line.text}" for line in result.timeline[:LONGEST]]
    if len(result.timeline) > LONGEST:
        lines.append(f"  … and {len(result.timeline) - LONGEST} more; --json has them all")
    lines += [
        f"chargers gave {energy.chargers_wh:.0f} Wh, loads took {energy.loads_wh:.0f} Wh",
        f"the batteries took {energy.charged_wh:.0f} Wh and gave {energy.discharged_wh:.0f} Wh",
    ]
    lines += [f"NOT MET: {failure.text}" for failure in result.failures]
    count = len(result.scenario.expectations)
    lines.append(f"{count - len(result.failures)} of {count} expectations met")
    return lines
