"""A SmartShunt at a serial port of the whole system: its current is the bank's, and Vbat is found by it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.test_vedirect import SHUNT, block
from inputs.test_vedirect import Wire

from .harness import BOTH_ON, System

MONITOR = SHUNT | {"V": "13206", "I": "-11000", "SOC": "834"}


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path)


@pytest.mark.slow
async def test_its_figures_are_the_bank_s_until_it_is_pulled(tmp_path: Path, wire: Wire) -> None:
    shunt = f'[shunt]\ndriver = "ve.direct"\nport = "{wire.path}"\nsoc = true\n[vbat]\nsource = "shunt"\n'
    system = System(tmp_path, extra=shunt)
    system.pack.current_a = -10.0
    wire.says = block(MONITOR)
    speaking = asyncio.create_task(wire.run())
    try:
        await system.start()
        items = await system.shows({**BOTH_ON, "/Dc/0/Current": -11.0, "/Soc": 83.4, "/Info/SocState": 2})
        assert "the state of charge is that of the shunt" in items["/Info/Notices"]
        wire.unplug()
        items = await system.shows({**BOTH_ON, "/Dc/0/Current": -10.0})
        assert items["/Soc"] == pytest.approx(83.4, abs=0.1)
        assert "the shunt is not read" in items["/Info/Notices"]
    finally:
        await system.stop()
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        wire.unplug()
