"""What the simulated lines promise, by the client of the character device that the outputs process uses."""

from __future__ import annotations

import select
from collections.abc import Iterator

import pytest

from smallbms.errors import OutputError
from smallbms.outputs import gpio

from .gpio_sim import GpioSim

LABEL = "hwbed"


@pytest.fixture
def sim() -> Iterator[GpioSim]:
    with GpioSim(LABEL, ["out", "in"]) as sim:
        yield sim


def test_a_chip_is_found_by_label_name_and_path(sim: GpioSim) -> None:
    for name in (LABEL, sim.name, sim.path):
        with gpio.open_chip(name) as chip:
            assert (chip.label, chip.name, chip.lines) == (LABEL, sim.name, 2)
    with pytest.raises(OutputError, match=f"no GPIO chip 'other'; there are {LABEL}"):
        gpio.open_chip("other")


def test_an_output_is_off_from_the_first_moment_and_falls_to_its_pull(sim: GpioSim) -> None:
    with gpio.open_chip(LABEL) as chip:
        line = chip.request("out", gpio.Flag.OUTPUT | gpio.Flag.ACTIVE_LOW)
    assert (sim.level("out"), line.get()) == (True, False)
    line.set(True)
    assert (sim.level("out"), line.get()) == (False, True)
    line.set(False)
    line.close()
    assert not sim.level("out")


def test_a_held_line_names_its_holder(sim: GpioSim) -> None:
    with gpio.open_chip(LABEL) as chip:
        line = chip.request("out", gpio.Flag.OUTPUT)
        with pytest.raises(OutputError, match=f"line 0 of {sim.name} .{LABEL}. is held by '{gpio.CONSUMER}'"):
            chip.request(0, gpio.Flag.OUTPUT)
        line.close()
        chip.request(0, gpio.Flag.OUTPUT).close()


def test_an_edge_wakes_and_the_level_counts(sim: GpioSim) -> None:
    with gpio.open_chip(LABEL) as chip:
        line = chip.request("in", gpio.Flag.INPUT | gpio.Flag.EDGE_RISING | gpio.Flag.EDGE_FALLING)
    for up in (True, False):
        sim.pull("in", up)
        assert select.select([line], [], [], 5)[0] == [line]
        assert line.get() is up
        line.drop_events()
        assert select.select([line], [], [], 0)[0] == []
    line.close()
