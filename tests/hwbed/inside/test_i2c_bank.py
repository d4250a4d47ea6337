"""A bank of three BQ76952 behind a multiplexer, read through the kernel: charged until it is level, with troubles."""

from __future__ import annotations

import os

import pytest

from links.hurried import hurry
from links.i2c_bank import Charge, charged_with_troubles
from links.i2c_bench import Bench
from smallbms.links.i2c_bus import I2cDevice, pulse

from .cp2112 import Cp2112
from .gpio_sim import GpioSim


def test_a_bank_comes_level_whatever_the_bus_does() -> None:
    """Time hurries, but for what the kernel itself waits for."""

    async def run() -> None:
        charge = Charge(bleed_a=5.0)
        with Cp2112(charge.bench.bus) as bridge:
            charge.bench.transport = lambda: I2cDevice(bridge.path)
            await charged_with_troubles(charge, 4.0)

    hurry(run)


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
