"""The main process decides, and wires of the kernel's simulator show it: also when it dies, stands still, or loses
the process that holds the lines."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integration.harness import System

from .gpio_sim import GpioSim

SILENCE_S = 2.5  # promised
GRACE_S = 2.0  # of a busy machine
LABEL = "main"
SWITCHES = ("charge_disconnect", "load_disconnect", "pre_alarm")
LEDS = ("red_led", "blue_led")


class OnLines(System):
    """A whole system with every output on a line of its name."""

    def __init__(self, folder: Path, sim: GpioSim) -> None:
        tables = (f'[outputs.{name}]\nkind = "gpio"\nchip = "{LABEL}"\nline = "{name}"\n' for name in SWITCHES + LEDS)
        super().__init__(folder, extra="".join(tables))
        self.pins_file.touch()
        self._sim = sim

    def shown(self) -> dict[str, Any]:
        switches = {name: self._sim.level(name) for name in SWITCHES}
        return {**switches, **{name: "on" if self._sim.level(name) else "off" for name in LEDS}}


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[OnLines]:
    with GpioSim(LABEL, SWITCHES + LEDS) as sim:
        system = OnLines(tmp_path, sim)
        try:
            await system.start()
            yield system
        finally:
            await system.stop()


async def test_the_lines_follow_what_is_decided(system: OnLines) -> None:
    system.pack.cells_v[1] = 3.76
    await system.pins(charge_disconnect=False, load_disconnect=True, pre_alarm=False)
    system.pack.cells_v[2] = 2.79
    await system.pins(charge_disconnect=False, load_disconnect=True, pre_alarm=True)


async def test_a_killed_main_process_lets_go_of_every_line(system: OnLines) -> None:
    await system.main.kill()
    assert await system.floating() < SILENCE_S + GRACE_S
    await system.start_main()
    await system.pins(charge_disconnect=True, load_disconnect=True)


async def test_a_main_process_that_stands_still_loses_every_line(system: OnLines) -> None:
    system.main.send(signal.SIGSTOP)
    assert 1.0 < await system.floating() < SILENCE_S + GRACE_S
    system.main.send(signal.SIGCONT)
    await system.pins(charge_disconnect=True, load_disconnect=True)


async def test_lines_that_nobody_holds_fall_and_come_back_with_their_holder(system: OnLines) -> None:
    await system.outputs.kill()
    await system.pins(charge_disconnect=False, load_disconnect=False, red_led="off", blue_led="off")
    await system.shows({"/ErrorCode": 36})
    await system.start_outputs()
    await system.pins(charge_disconnect=True, load_disconnect=True)
