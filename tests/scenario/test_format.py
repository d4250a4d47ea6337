"""A wrong scenario file is refused with its place, the value and what is allowed; all faults at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallbms import scenario
from smallbms.errors import ConfigError
from smallbms.scenario.conditions import KEYS
from smallbms.scenario.events import EVENTS
from smallbms.scenario.format import TABLES, load, parse

GOOD = """
name = "a night"
about = "nothing happens"
duration = "1:00"
[bank]
model = "12.8/100"
batteries = 2
[charger.roof]
power_w = 100
limit_a = 10
[load.lamp]
power_w = 10
on_at = "18:00"
off_at = "23:00"
[settings]
discharge_floor_pct = 20
[[event]]
at = "0:10"
do = "unplug"
battery = 1
[[expect]]
at = "0:05"
always = { atc = true }
"""


def test_a_good_file_is_read() -> None:
    read = parse(GOOD, "night.toml")
    assert (read.head.duration, read.head.step_s) == (3600.0, 0.5)
    assert read.settings.discharge_floor_pct == 20
    assert read.settings.low_soc_warning_pct == 21
    assert [event.at for event in read.events] == [600.0]
    assert read.expectations[0].text == "always at 0:05:00: atc = true"


@pytest.mark.parametrize(
    ("said", "said_instead", "fault"),
    [
        ('name = "a night"\n', "", "top name is missing"),
        ('name = "a night"', 'name = "a night"\ncolour = 1', "top colour is unknown; known are name, about"),
        ('duration = "1:00"', "duration = 3600", "top duration = 3600 is not allowed; allowed is a time as 1:30"),
        ('duration = "1:00"', 'duration = "1:00"\nstep_s = 5', "top step_s = 5 is not allowed; allowed is 0.1…1 s"),
        ('model = "12.8/100"', 'model = "13/100"', "[bank] model = '13/100' is not allowed"),
        ("batteries = 2", "batteries = 0", "[bank] batteries = 0 is not allowed; allowed is 1…50"),
        ("batteries = 2", "batteries = 3\nseries = 2", "[bank] series = 2 is not allowed; allowed is a number that"),
        ("batteries = 2", "batteries = 3\nseries = 3", "[bank] series = 3 of 12.8 V is no 12, 24 or 48 V system"),
        ("[bank]", "[[battery]]\nnumber = 3\n[bank]", "[[battery]] number = 3 is not allowed; allowed is 1…2"),
        ("[bank]", "[[battery]]\nnumber = 1\ncell_offsets_pct = [1, 2, 3, 4, 5]\n[bank]", "at most 4 figures"),
        ("[bank]", "[battery]\nnumber = 3\n[bank]", "[battery] must be written as [[battery]], in two brackets"),
        ("[bank]", '[world]\nwiring = "loose"\n[bank]', "wiring = 'loose' is not allowed; allowed is \"dvcc\" or"),
        ("[bank]", "[world]\ndemo = true\nclouds = 0.5\n[bank]", "[world] clouds comes with the demo"),
        ("limit_a = 10", 'limit_a = "10"', "[charger.roof] limit_a = '10' is not allowed"),
        ("[charger.roof]", "[charger]", "[charger.power_w] is not a table"),
        ('off_at = "23:00"\n', "", "[load.lamp] on_at and off_at need each other"),
        ('off_at = "23:00"\n', 'off_at = "23:00"\non_s = 5\nperiod_s = 9\n', "[load.lamp] has on_at and on_s"),
        ("discharge_floor_pct = 20", "discharge_floor_pct = 95", "[settings] Discharge floor"),
        ("discharge_floor_pct = 20", "floor = 20", "[settings] 'floor' is no setting"),
        ('do = "unplug"', 'do = "explode"', "[[event]] 1 do = 'explode' is not allowed; allowed is load, charger"),
        ('at = "0:10"\n', "", "[[event]] 1 at is missing"),
        ('at = "0:10"', 'at = "1:10"', "[[event]] unplug is after the end of the run"),
        ("battery = 1", "battery = 3", "[[event]] unplug battery = 3 is not allowed; allowed is 1…2"),
        ("battery = 1", "battery = 1\ncell = 1", "[[event]] 1 cell is unknown"),
        ('do = "unplug"', 'do = "leak"\ncell = 5\ncurrent_a = 1', "leak cell = 5 is not allowed; allowed is 1…4"),
        ('do = "unplug"\nbattery = 1', 'do = "charger"\nname = "wind"\npower_w = 1', "name = 'wind' is not allowed"),
        ('do = "unplug"\nbattery = 1', 'do = "set"\nsetting = "mode"\nvalue = "fast"', "[[event]] set Mode (mode)"),
        ('at = "0:05"', 'at = "2:00"', "[[expect]] 1 has a window that ends before it begins, or after the end"),
        ('at = "0:05"', 'since = "0:30"\nuntil = "0:20"', "[[expect]] 1 has a window that ends before it begins"),
        ('at = "0:05"', 'at = "0:05"\nuntil = "0:20"', "[[expect]] 1 has both at and a window"),
        ('at = "0:05"', 'at = "soon"', "[[expect]] 1 at = 'soon' is not allowed; allowed is a time as"),
        ('at = "0:05"', 'at = "0:05"\nwhen = 1', "[[expect]] 1 when is unknown; known are at, since, until, always"),
        ("always = { atc = true }", "", "[[expect]] 1 needs exactly one of always, never, once, sometime, swing"),
        ("always = { atc = true }", "always = {}", "[[expect]] 1 always = {} is not allowed"),
        ("always = { atc = true }", "always = { atp = true }", "[[expect]] 1 atp is unknown; known are reasons"),
        ("always = { atc = true }", "always = { atc = 1 }", "[[expect]] 1 atc = 1 is not allowed; allowed is true or"),
        ("always = { atc = true }", 'always = { soc_pct = "< 5" }', 'allowed is "<= 3.65", ">= 3.2", "9 to 11"'),
        ("always = { atc = true }", 'never = { soc_state = "goood" }', "allowed is unknown, uncertain, good"),
        ("always = { atc = true }", 'always = { reasons = ["cold"] }', "allowed is a list of high_cell, low_cell"),
        ("always = { atc = true }", "always = { reasons = [] }", "[[expect]] 1 reasons = [] is not allowed"),
        ("always = { atc = true }", "always = { alarms = { LowSoc = 3 } }", "allowed is a table of 0, 1 or 2 for"),
        ("always = { atc = true }", "swing = { atc = 1 }", "[[expect]] 1 swing = 'atc' is not allowed"),
        ("always = { atc = true }", "swing = { cvl_v = -1 }", "[[expect]] 1 cvl_v = -1 is not allowed"),
        ("[[expect]]", "[expect]", "[expect] must be written as [[expect]], in two brackets"),
    ],
)
def test_a_fault_is_named_with_its_place(said: str, said_instead: str, fault: str) -> None:
    assert said in GOOD
    with pytest.raises(ConfigError) as refused:
        parse(GOOD.replace(said, said_instead, 1), "night.toml")
    lines = str(refused.value).splitlines()
    assert all(line.startswith("night.toml: ") for line in lines)
    assert any(fault in line for line in lines), lines


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse(GOOD.replace("batteries = 2", "batteries = 0").replace('do = "unplug"', 'do = "x"'), "night.toml")
    assert len(str(refused.value).splitlines()) == 2


def test_a_scenario_expects_something() -> None:
    with pytest.raises(ConfigError, match=r"\[\[expect\]\] is missing"):
        parse(GOOD[: GOOD.index("[[expect]]")], "night.toml")


def test_an_expectation_is_a_table() -> None:
    with pytest.raises(ConfigError, match=r"\[\[expect\]\] 1 is not a table"):
        parse("expect = [1]\n" + GOOD[: GOOD.index("[[expect]]")], "night.toml")


def test_a_file_that_is_not_there_or_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match="not UTF-8 at byte 8"):
        load(tmp_path / "bytes.toml")


@pytest.mark.parametrize("word", [*EVENTS, *KEYS, *TABLES])
def test_every_word_of_the_format_is_explained(word: str) -> None:
    assert scenario.__doc__ is not None
    assert word in scenario.__doc__
