"""A run for others to look at: a table of its samples, a picture, and its verdict as JSON."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any, TextIO

from smallbms.errors import ConfigError
from smallbms.scenario.clock import written
from smallbms.scenario.figures import FIGURES, Sample
from smallbms.scenario.runner import Result

PANELS = (
    ("SoC (%)", ("soc_pct", "true_soc_pct")),
    ("cells (V)", ("min_cell_v", "max_cell_v")),
    ("bank (V)", ("voltage_v", "cvl_v")),
    ("current (A)", ("current_a", "ccl_a", "dcl_a")),
    ("permissions", ("atc", "atd", "pre_alarm")),
)
HOUR_S = 3600.0
DIGITS = 6


def write_csv(samples: Sequence[Sample], file: TextIO) -> None:
    """Write one row a sample: the time in seconds, every figure, the reasons; an empty field was not there."""
    table = csv.writer(file)
    table.writerow(["time_s", *FIGURES, "reasons"])
    for sample in samples:
        values = (figure.value(sample) for figure in FIGURES.values())
        table.writerow([round(sample.time_s, 3), *map(_field, values), " ".join(sorted(sample.reasons))])


def plot(result: Result, path: str) -> None:
    """Draw SoC, voltages, current and permissions over time.

    Raises ConfigError without matplotlib or for a kind of file that it does not know, and OSError.
    """
    try:
        figure = import_module("matplotlib.figure").Figure(figsize=(12, 12), layout="constrained")
    except ImportError:
        raise ConfigError("--plot needs matplotlib: install smallbms[plot]") from None
    axes = figure.subplots(len(PANELS), 1, sharex=True)
    for axis, (label, names) in zip(axes, PANELS, strict=True):
        _panel(axis, label, names, result.samples)
    axes[0].set_title(result.scenario.head.name)
    axes[-1].set_xlabel("time (h)")
    try:
        figure.savefig(path)
    except ValueError as error:
        raise ConfigError(f"--plot {path}: {error}") from None


def verdict(result: Result) -> dict[str, Any]:
    """Return what came of a run as a JSON object."""
    return {
        "name": result.scenario.head.name,
        "duration_s": result.scenario.head.duration,
        "met": result.met,
        "expectations": len(result.scenario.expectations),
        "failures": [
            {
                "expectation": failure.expectation.number,
                "expected": failure.expectation.text,
                "at_s": failure.at_s,
                "was": failure.was,
            }
            for failure in result.failures
        ],
        "timeline": [
            {"time_s": line.time_s, "time": written(line.time_s), "text": line.text} for line in result.timeline
        ],
        "energy": {name: round(value_wh, 1) for name, value_wh in asdict(result.energy).items()},
    }


def _panel(axis: Any, label: str, names: Sequence[str], samples: Sequence[Sample]) -> None:
    hours = [sample.time_s / HOUR_S for sample in samples]
    for offset, name in enumerate(names):
        values = [FIGURES[name].value(sample) for sample in samples]
        if any(isinstance(value, bool) for value in values):
            axis.step(hours, [offset + 0.8 * bool(value) for value in values], where="post", label=name)
        else:
            axis.plot(hours, [float("nan") if value is None else value for value in values], label=name)
    axis.set_ylabel(label)
    axis.grid(visible=True)
    axis.legend(loc="upper right")


def _field(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return round(value, DIGITS)
    return "" if value is None else value
