"""A bank of three BQ76952 behind a multiplexer, read through the kernel: charged until it is level, with troubles."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from integration.harness import BOTH_ON, System
from integration.programs import wait_for
from links.hurried import hurry
from links.i2c_bank import Charge, charged_with_troubles
from links.i2c_bench import Bench
from smallbms.links.i2c_bus import I2cDevice, pulse

from .cp2112 import Cp2112
from .gpio_sim import GpioSim

TABLE = """
[[battery]]
driver = "bq76952"
model = "own"
port = "{port}"
mux = 0x70
channel = {channel}
sense_mohm = 0.5
"""


def test_a_bank_comes_level_whatever_the_bus_does() -> None:
    """Time hurries, but for what the kernel itself waits for."""

    async def run() -> None:
        charge = Charge(bleed_a=6.0)
        with Cp2112(charge.bench.bus) as bridge:
            charge.bench.transport = lambda: I2cDevice(bridge.path)
            await charged_with_troubles(charge, 3.5)

    hurry(run)


async def test_the_main_process_reads_bleeds_and_lets_go_of_a_bank(tmp_path: Path) -> None:
    """In real time: a chip is reset, a cell is bled at the end of a charge, and nothing is bled once it has ended."""
    bench = Bench(3)
    for number in bench.chips:
        bench.set(number, current_a=2.0)
    with Cp2112(bench.bus) as bridge:
        tables = [TABLE.format(port=bridge.path, channel=channel) for channel in range(3)]
        system = System(tmp_path, batteries=0, extra="".join(tables) + "[model.own]\ncells = 16\ncapacity_ah = 100\n")
        try:
            await system.start()
            await system.shows({"/Dc/0/Current": 6.0, "/System/NrOfBatteries": 3, "/System/MaxCellVoltage": 3.315})
            for number in bench.chips:
                level = [3.5] * 15 + [3.52 + number / 1000]
                bench.set(number, cell_voltages_v=tuple(level))
            await wait_for(lambda: all(chip.bleeding == {16} for chip in bench.chips.values()), "bleeding")
            bench.chips[2].reset()
            await wait_for(lambda: bench.chips[2].configured == 2, "a chip that is set up anew")
            await system.shows({**BOTH_ON, "/System/MaxCellVoltage": 3.523, "/Balancer/Status": 2})
            assert bench.chips[1].configured == 1
            system.main.send(signal.SIGTERM)
            await wait_for(lambda: not any(chip.bleeding for chip in bench.chips.values()), "the end of bleeding", 5.0)
            await wait_for(lambda: bench.mux.control == 0, "a multiplexer that is closed", 5.0)
        finally:
            await system.stop()


def test_no_descriptor_is_left_open() -> None:
    async def run() -> None:
        bench = Bench(1)
        with Cp2112(bench.bus) as bridge:
            device = I2cDevice(bridge.path)
            assert device.transfer(0x70, b"", 1) == b"\0"
            with pytest.raises(OSError):
                device.transfer(0x20, b"\0", 1)
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(5):
                device.close()
                device = I2cDevice(bridge.path)
            assert len(os.listdir("/proc/self/fd")) == before
            device.close()

    hurry(run)


def test_a_reset_line_is_pulled_low_and_left_to_its_pull_up() -> None:
    with GpioSim("hwbed", ["reset"]) as sim:
        sim.pull("reset", up=True)
        pulse([("hwbed", "reset")])
        assert sim.level("reset")
