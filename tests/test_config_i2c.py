"""Batteries on I²C in the configuration: what is taken, what is refused and why."""

from __future__ import annotations

import pytest

from configurations import OUTPUTS, config, faults
from smallbms.config_batteries import I2cBattery
from smallbms.wiring import links

MODEL = "[model.own]\ncells = 15\ncapacity_ah = 100\n"
CHIP = '[[battery]]\ndriver = "bq76952"\nmodel = "own"\nport = "/dev/i2c-1"\nsense_mohm = 0.5\n'
BEHIND = CHIP + "mux = 0x70\nchannel = {}\n"


def test_what_is_left_out_is_the_usual_board() -> None:
    read = config(CHIP + MODEL + OUTPUTS)
    (chip,) = read.batteries
    assert isinstance(chip, I2cBattery)
    assert (chip.address, chip.mux, chip.channel, chip.crc, chip.inputs) == (0x08, None, None, False, ())
    assert (chip.thermistors, chip.board_thermistors, chip.fets, chip.watchdog_s) == (("TS1",), (), False, 10)
    assert [member.bleeds for member in read.bank_spec().members] == [True]
    assert chip.where == "bq76952 on i2c-1"


def test_a_bank_behind_a_multiplexer_with_its_reset_line() -> None:
    reset = 'mux_reset = { chip = "gpiochip0", line = 4 }\n'
    read = config("".join(BEHIND.format(channel) for channel in range(3)) + reset + MODEL + OUTPUTS)
    last = read.batteries[2]
    assert isinstance(last, I2cBattery)
    assert last.mux_reset is not None
    assert (last.mux_reset.chip, last.mux_reset.line) == ("gpiochip0", 4)
    assert last.where == "bq76952 on i2c-1 channel 2"


WRONG = [
    (CHIP.replace('model = "own"\n', ""), "model", "missing"),
    (CHIP.replace("/dev/i2c-1", "/dev/ttyUSB0"), "port", "an I²C bus"),
    (CHIP.replace("sense_mohm = 0.5\n", ""), "sense_mohm", "0.02…10 mΩ"),
    (CHIP + "mux = 0x70\n", "mux and channel", "both or none"),
    (CHIP + "channel = 1\n", "mux and channel", "both or none"),
    (CHIP + "mux = 0x6f\nchannel = 1\n", "mux", "112…119"),
    (CHIP + 'mux_reset = { chip = "gpiochip0", line = 4 }\n', "mux_reset", "needs a mux"),
    (BEHIND.format(1) + "mux_reset = 4\n", "mux_reset", "{ chip, line }"),
    (BEHIND.format(1) + "address = 0x70\n", "address", "another one than that of the mux"),
    (CHIP + "inputs = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 15]\n", "inputs", "the lowest first"),
    (CHIP + "inputs = [0, 1]\n", "inputs", "1…16"),
    (CHIP + "inputs = [1, 2, 16]\n", "inputs", "one for each of the 15 cells of own"),
    (CHIP + "thermistors = []\n", "thermistors", 'temperature = "none"'),
    (CHIP + "thermistors = ['TS4']\n", "thermistors", "TS1, TS2, TS3"),
    (CHIP + "board_thermistors = ['TS1']\n", "board_thermistors", "not in thermistors"),
    (
        CHIP.replace("0.5", "1.5"),
        "sense_mohm",
        "up to 1.24 mΩ: the chip would trip below the continuous currents of own",
    ),
    (CHIP + "watchdog_s = 1\n", "watchdog_s", "5…60 s"),
]


@pytest.mark.parametrize(("text", "key", "allowed"), WRONG)
def test_a_wrong_table_names_its_key_and_what_is_allowed(text: str, key: str, allowed: str) -> None:
    (fault,) = faults(text + MODEL + OUTPUTS)
    assert f"[[battery]] 1 {key}" in fault
    assert allowed in fault


def test_more_cells_than_the_chip_has_inputs() -> None:
    (fault,) = faults(CHIP + MODEL.replace("15", "17") + OUTPUTS)
    assert "model = 'own' is not allowed; allowed is one of up to 16 cells" in fault


@pytest.mark.parametrize("tables", [CHIP + CHIP, BEHIND.format(1) + BEHIND.format(1), BEHIND.format(1) + CHIP])
def test_two_chips_in_one_place(tables: str) -> None:
    (fault,) = faults(tables + MODEL + OUTPUTS)
    assert "[[battery]] 2 address = '0x8' is not allowed; allowed is a place of its own" in fault


@pytest.mark.parametrize(
    "tables",
    [
        BEHIND.format(1) + BEHIND.format(2),
        BEHIND.format(1) + BEHIND.format(1).replace("0x70", "0x71"),
        CHIP + CHIP.replace("i2c-1", "i2c-2"),
        CHIP + CHIP + "address = 0x09\n",
    ],
)
def test_places_of_their_own(tables: str) -> None:
    assert len(config(tables + MODEL + OUTPUTS).batteries) == 2


def test_cells_without_a_sensor_when_that_is_stated() -> None:
    read = config(CHIP + 'thermistors = []\ntemperature = "none"\n' + MODEL + OUTPUTS)
    assert any("no cell temperature" in warning for warning in read.warnings())


def test_each_bus_is_a_link_of_its_own() -> None:
    read = config(BEHIND.format(0) + BEHIND.format(1) + CHIP.replace("i2c-1", "i2c-7") + MODEL + OUTPUTS)
    wired = links(read, lambda number, reading: None, None)
    assert [link.numbers for link in wired] == [{1, 2}, {3}]
    assert not any(link.health.open for link in wired)
