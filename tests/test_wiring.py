"""From a configuration to links that read: what a table says of its battery reaches its readings."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from configurations import OUTPUTS, SMALLEST, config, faults
from integration.harness import Battery
from smallbms.errors import ConfigError
from smallbms.model import BatteryReading
from smallbms.wiring import bluetooth, links


@pytest.mark.parametrize(("factor", "current_a"), [("-1", 2.0), ("0.1", -0.2), ("1", -2.0)])
async def test_a_current_is_corrected_as_the_table_says(tmp_path: Path, factor: str, current_a: float) -> None:
    battery = Battery(tmp_path / "port")
    battery.pack.current_a = -2.0
    await battery.start()
    table = f'[[battery]]\ndriver = "jbd"\nport = "{battery.cable.path}"\ncurrent_factor = {factor}\n'
    read: asyncio.Future[BatteryReading] = asyncio.get_running_loop().create_future()

    def on_reading(number: int, reading: BatteryReading) -> None:
        if not read.done():
            assert number == 1
            read.set_result(reading)

    (link,) = links(config(table + OUTPUTS), on_reading, None)
    polling = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(10):
            assert (await read).current_a == pytest.approx(current_a)
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        await battery.stop()


@pytest.mark.parametrize("factor", ["0", "11", "true"])
def test_a_factor_that_leaves_no_current_is_refused(factor: str) -> None:
    table = f'[[battery]]\ndriver = "jbd"\nport = "/dev/a"\ncurrent_factor = {factor}\n'
    (fault,) = faults(table + OUTPUTS)
    assert "current_factor" in fault
    assert "-10…10 without 0" in fault


def test_bluetooth_where_it_cannot_be_is_one_sentence_and_only_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "aiobmsble", None)
    assert bluetooth(config(SMALLEST)) is None
    table = '[[battery]]\ndriver = "ble"\ntype = "jbd_bms"\naddress = "A4:C1:38:00:00:01"\n'
    with pytest.raises(ConfigError, match=r'^driver = "ble" needs the package aiobmsble .* pip install aiobmsble\..*$'):
        links(config(table + OUTPUTS), lambda number, reading: None, None)
