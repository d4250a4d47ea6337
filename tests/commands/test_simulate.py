"""`smallbms simulate`: what it prints and writes, and its exit status."""

from __future__ import annotations

import csv
import io
import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from smallbms.cli import main
from smallbms.commands.simulate import ProgressBar

SCENARIO = """
name = "a lamp"
about = "for ten minutes"
duration = "0:10"
[bank]
model = "12.8/100"
[load.lamp]
power_w = 60
[[event]]
at = "0:05"
do = "remote"
on = false
[[expect]]
since = "0:01"
until = "0:04"
always = { atd = true }
[[expect]]
at = "0:06"
always = { atd = ATD }
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "lamp.toml"
    file.write_text(SCENARIO.replace("ATD", "false"), encoding="utf-8")
    return file


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    file = tmp_path / "wrong.toml"
    file.write_text(SCENARIO.replace("ATD", "true"), encoding="utf-8")
    return file


def test_a_day_that_went_as_it_should(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(scenario)]) == 0
    said = capsys.readouterr()
    assert "0:05:00  event remote on=False" in said.out
    assert "trip the remote on/off input is off" in said.out
    assert "loads took 5 Wh" in said.out
    assert said.out.splitlines()[-1] == "2 of 2 expectations met"
    assert said.err == ""  # no bar where nobody looks


def test_a_day_that_did_not(failing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(failing)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[-2] == "NOT MET: [[expect]] 2, always at 0:06:00: atd = true; at 0:06:00 atd was false"
    assert said[-1] == "1 of 2 expectations met"


def test_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(SCENARIO.replace("ATD", "false").replace("[bank]", "[bunk]"), encoding="utf-8")
    assert main(["simulate", str(file)]) == 2
    said = capsys.readouterr()
    assert "bunk is unknown" in said.err
    assert said.out == ""


def test_json(failing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(failing), "--json"]) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["name"], verdict["met"], verdict["expectations"]) == ("a lamp", False, 2)
    assert verdict["failures"] == [
        {"expectation": 2, "expected": "always at 0:06:00: atd = true", "at_s": 360.0, "was": "atd was false"}
    ]
    assert verdict["energy"]["loads_wh"] == pytest.approx(5.0, abs=0.1)
    assert {"time_s": 300.0, "time": "0:05:00", "text": "event remote on=False"} in verdict["timeline"]


def test_csv_has_every_figure_and_each_change(scenario: Path, tmp_path: Path) -> None:
    file = tmp_path / "lamp.csv"
    assert main(["simulate", str(scenario), "--csv", str(file)]) == 0
    with file.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) > 1000
    changed = [row for before, row in pairwise(rows) if before["atd"] != row["atd"]]
    assert [(row["time_s"], row["atd"]) for row in changed] == [("0.5", "1"), ("300.0", "0")]
    assert rows[0]["soc_pct"] == ""
    assert rows[-1]["reasons"] == "remote_off"


def test_plot_draws_a_picture(scenario: Path, tmp_path: Path) -> None:
    file = tmp_path / "lamp.png"
    assert main(["simulate", str(scenario), "--plot", str(file)]) == 0
    assert file.read_bytes().startswith(b"\x89PNG")


def test_plot_without_matplotlib_is_one_sentence(
    scenario: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["simulate", str(scenario), "--plot", "lamp.png"]) == 2
    assert capsys.readouterr().err == "--plot needs matplotlib: install smallbms[plot]\n"


@pytest.mark.parametrize("option", ["--csv", "--plot"])
def test_a_file_that_cannot_be_written_is_said(
    option: str, scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(scenario), option, str(tmp_path / "none" / "lamp.png")]) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_a_picture_of_an_unknown_kind_is_said(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(scenario), "--plot", str(tmp_path / "lamp.wav")]) == 2
    assert "lamp.wav" in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def test_the_bar_waits_then_shows_then_goes() -> None:
    terminal, now_s = Terminal(), 0.0
    bar = ProgressBar(terminal, clock=lambda: now_s)
    bar.show(0.1)
    assert terminal.getvalue() == ""
    now_s = 2.0
    bar.show(0.5)
    bar.show(0.6)  # too soon to draw again
    assert terminal.getvalue() == f"\r[{'#' * 20}{' ' * 20}]  50 %"
    bar.clear()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_no_bar_but_on_a_terminal() -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream, clock=lambda: 1e9)
    bar.show(0.5)
    bar.clear()
    assert stream.getvalue() == ""
