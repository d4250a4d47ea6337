"""Each clause is met by what it says and by nothing else."""

from __future__ import annotations

import pytest

from .house import play

STANDBY = 'do = "set"\nsetting = "mode"\nvalue = "standby"'


@pytest.mark.parametrize(
    ("expect", "was"),
    [
        ('since = "0:00:02"\nuntil = "0:00:50"\nalways = { atc = true, atd = true }', None),
        ('since = "0:00:02"\nalways = { atc = true, running = true }', "atc was false"),
        ('since = "0:01:10"\nnever = { atc = true, running = true }', None),
        ('since = "0:00:02"\nnever = { atc = true, running = true }', "atc was true, running was true"),
        ("sometime = { atc = true, atd = true }", None),
        ("sometime = { atc = true, atd = false }", "it had not happened: atc was false, atd was false"),
        ('since = "0:00:02"\nonce = { atc = false }', None),
        ('since = "0:01:10"\nonce = { atc = false }', "it had not begun"),  # it was so before
        ("once = { atc = false }", "it began again, after 0:00:00"),
        ('at = "0:01:30"\nalways = { atc = false }', None),
        ('at = "0:00:30"\nalways = { atc = false }', "atc was true"),
        ('since = "0:00:05"\nuntil = "0:00:50"\nswing = { voltage_v = 0.5, soc_pct = 1 }', None),
        ('since = "0:00:05"\nswing = { load_a = 1 }', "load_a had moved from 0 to"),
        ("swing = { reserve_days = 1 }", "reserve_days had never been read"),
        ('since = "0:00:10.1"\nuntil = "0:00:10.2"\nalways = { atc = true }', "nothing was seen"),
        ('at = "0:02"\nalways = { soc_pct = "49 to 51", error = 0, time_to_go_s = "none" }', None),
        ('at = "0:02"\nalways = { soc_pct = "52 to 60" }', "soc_pct was 50"),
        ('at = "0:02"\nalways = { error = 36 }', "error was 0"),
        ('at = "0:02"\nalways = { soc_pct = "none" }', "soc_pct was 50"),
        ('at = "0:02"\nalways = { time_to_go_s = ">= 0" }', "time_to_go_s was none"),
        ('at = "0:02"\nalways = { reasons = ["mode_off"], no_reasons = ["floor"] }', None),
        ('at = "0:02"\nalways = { reasons = ["mode_off", "floor"] }', "the reasons were mode_off"),
        ('at = "0:02"\nalways = { no_reasons = ["mode_off"] }', "the reasons were mode_off"),
        ('at = "0:00:30"\nalways = { reasons = ["mode_off"] }', "the reasons were none"),
        ('at = "0:02"\nalways = { alarms = { LowSoc = 0 } }', None),
        ('at = "0:02"\nalways = { alarms = { LowSoc = 1 } }', "LowSoc was 0"),
    ],
)
def test_a_clause(expect: str, was: str | None) -> None:
    result = play(expect, STANDBY)
    if was is None:
        assert result.met, result.failures[0].text
    else:
        assert [was in failure.was for failure in result.failures] == [True], result.failures[0].text


def test_what_comes_and_goes_and_comes_did_not_begin_once() -> None:
    remote = 'at = "0:01:{}"\ndo = "remote"\non = {}'
    again = "\n[[event]]\n".join((remote.format("05", "true"), remote.format("10", "false")))
    result = play('since = "0:00:02"\nonce = { atc = false }', f'do = "remote"\non = false\n[[event]]\n{again}')
    assert [failure.was for failure in result.failures] == ["it began again, after 0:01:00"]
