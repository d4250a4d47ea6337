"""The benchmarks run, in a tiny size, and tell a reached limit from one that is not."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # bench/ is not installed

from bench.__main__ import BENCHES, BY_NAME_ONLY
from bench.figure import Figure, percentile, spread, table

ROOT = Path(__file__).resolve().parents[1]
QUICK = ("cost", "dbus_wire", "engine", "physics")
DEADLINE_S = 300.0


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def figures_of(*names: str) -> list[dict[str, object]]:
    done = bench(*names, "--quick", "--json")
    assert done.returncode in (0, 1), done.stderr  # 1: a limit was not reached, as may be while tests run
    result = json.loads(done.stdout)
    assert result["machine"]["Python"] and result["machine"]["D-Bus library"] != "none"
    figures: list[dict[str, object]] = result["figures"]
    assert (done.returncode == 1) is any(figure["reached"] is False for figure in figures)
    return figures


def assert_measured(figures: list[dict[str, object]]) -> None:
    assert figures
    for figure in figures:
        assert isinstance(figure["value"], int | float), figure  # None: it never happened
        assert figure["value"] >= 0, figure


def test_the_cheap_ones_measure_something() -> None:
    assert_measured(figures_of(*QUICK))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*BENCHES, *BY_NAME_ONLY} - set(QUICK)))
def test_each_of_the_others_measures_something(name: str) -> None:
    assert_measured(figures_of(name))


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    done = bench("cots")
    assert done.returncode == 2
    assert "cots" in done.stderr and all(name in done.stderr for name in BENCHES)


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "reached"),
    [
        (1.2, 1.2, False, True),
        (1.3, 1.2, False, False),
        (math.inf, 1.2, False, False),
        (13, 13, True, True),
        (12, 13, True, False),
        (5.0, None, False, None),
    ],
)
def test_a_limit_is_reached_or_not(value: float, limit: float | None, at_least: bool, reached: bool | None) -> None:
    assert Figure(what="x", value=value, limit=limit, at_least=at_least).reached is reached


def test_the_table_says_what_was_not_reached_and_what_never_happened() -> None:
    good = Figure(what="one", value=0.5, unit="s", limit=1.0, elsewhere="another 2 s")
    lines = table([good, Figure(what="two", value=math.inf, unit="s", limit=1.0)]).splitlines()
    assert len({len(line.split("≤")[0]) for line in lines[2:]}) == 1, "columns stand below each other"
    assert lines[2].split() == ["one", "0.5", "s", "≤", "1", "s", "yes", "another", "2", "s"]
    assert "never" in lines[3] and lines[3].endswith("NO")


def test_spread_and_percentile_are_those_of_statistics() -> None:
    median, highest = spread("x", [3.0, 1.0, 2.0], "s", median=2.0, highest=2.5)
    assert (median.value, median.reached, highest.value, highest.reached) == (2.0, True, 3.0, False)
    hundred = [float(value) for value in range(100, 0, -1)]
    assert (percentile(hundred, 99), percentile(hundred, 100), percentile([7.0], 99)) == (99.0, 100.0, 7.0)
