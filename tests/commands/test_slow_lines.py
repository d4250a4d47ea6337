"""A line that cannot be read in time is refused before it starts, with the sum that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallbms import drivers
from smallbms.cli import main
from smallbms.commands.check import known_drivers, refuse_slow_lines
from smallbms.config import parse
from smallbms.errors import ConfigError

REFUSED = 2
OUTPUTS = '[bank]\nseries = 1\n[outputs]\nkind = "simulated"\nstate_file = "/run/pins.json"\n'


def line_of(driver: str, count: int, baud: int) -> str:
    return OUTPUTS + "".join(
        f'[[battery]]\ndriver = "{driver}"\nport = "/dev/line"\nbaud = {baud}\naddress = {address}\n'
        for address in drivers.available()[driver].INFO.addresses[:count]
    )


@pytest.mark.parametrize(
    ("driver", "count", "baud"), [("jk-pb", 5, 115200), ("jk-pb", 15, 115200), ("jk-pb", 6, 9600), ("daly", 4, 9600)]
)
def test_lines_that_are_read_in_time(driver: str, count: int, baud: int) -> None:
    refuse_slow_lines(parse(line_of(driver, count, baud), "smallbms.toml", known_drivers()))


@pytest.mark.parametrize(
    ("driver", "count", "baud", "text"),
    [
        (
            "jk-pb",
            10,
            9600,
            r"/dev/line: a full round of its batteries takes 10 × 0.50 s \+ 0.70 s for a silent one = 5.7",
        ),
        ("daly", 5, 9600, r"takes 5 × 0\.\d\d s \+ 0.00 s for a silent one = .* at most 4 s are safe: spread"),
    ],
)
def test_lines_that_are_not(driver: str, count: int, baud: int, text: str) -> None:
    config = parse(line_of(driver, count, baud), "smallbms.toml", known_drivers())
    with pytest.raises(ConfigError, match=text):
        refuse_slow_lines(config)


def test_run_refuses_to_start_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "smallbms.toml"
    file.write_text(line_of("jk-pb", 10, 9600), encoding="utf-8")
    assert main(["run", "--config", str(file), "--runtime", str(tmp_path)]) == REFUSED
    assert "10 × 0.50 s + 0.70 s for a silent one = 5.7 s, at most 4 s are safe" in capsys.readouterr().err


def test_every_addressed_driver_fits_twice_on_a_line() -> None:
    for name, driver in drivers.available().items():
        if driver.INFO.addressed:
            refuse_slow_lines(parse(line_of(name, 2, driver.INFO.baud), "smallbms.toml", known_drivers()))
