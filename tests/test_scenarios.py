"""Every scenario goes as its file says; and one that says otherwise is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallbms.scenario.format import load, parse
from smallbms.scenario.runner import run

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.toml"))
QUICK_STEPS = 5_000


def _parameter(path: Path) -> object:
    head = load(path).head
    marks = [pytest.mark.slow] if head.duration / head.step_s > QUICK_STEPS else []
    return pytest.param(path, id=path.stem, marks=marks)


@pytest.mark.parametrize("path", [_parameter(path) for path in SCENARIOS])
def test_the_day_goes_as_it_should(path: Path) -> None:
    result = run(load(path))
    assert not result.failures, "\n".join(failure.text for failure in result.failures)


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 15


@pytest.mark.parametrize(
    ("stem", "said", "said_instead", "was"),
    [
        ("over_current", 'until = "0:00:10"\nalways', 'until = "0:00:14"\nalways', "atd was false"),
        ("over_current", "once = { atd = true }", "once = { pre_alarm = true }", "it had not begun"),
        ("over_current", 'until = "0:01:24"', 'until = "0:02:40"', "it began again, after 0:01:22"),
        ("clock_step", "swing = { soc_pct = 0.05,", "swing = { soc_pct = 0.001,", "soc_pct had moved from"),
        ("update_good", "always = { atd = true }", 'never = { atd = true, load_a = ">= 1" }', "atd was true, load_a"),
        ("update_good", 'load_a = ">= 10"', 'load_a = ">= 100"', "it had not happened"),
        ("update_good", "FirmwareUpdateFailure = 0", "FirmwareUpdateFailure = 2", "FirmwareUpdateFailure was 0"),
        ("over_current", ', reasons = ["over_current"] }', ', reasons = ["floor"] }', "the reasons were over_current"),
        ("over_current", 'no_reasons = ["low_cell", ', 'no_reasons = ["over_current", ', "reasons were over_current"),
        ("clock_step", 'days_since_full = "none"', "days_since_full = 1", "days_since_full was none"),
    ],
)
def test_a_mutilated_expectation_is_reported(stem: str, said: str, said_instead: str, was: str) -> None:
    text = next(path for path in SCENARIOS if path.stem == stem).read_text(encoding="utf-8")
    assert said in text
    result = run(parse(text.replace(said, said_instead, 1), stem))
    assert not result.met
    assert any(was in failure.text for failure in result.failures), [failure.text for failure in result.failures]
