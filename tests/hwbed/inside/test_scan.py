"""`smallbms check --scan` on a machine with all kinds of wires: chips on I²C, a battery on CAN, one on the D-Bus."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest

from drivers.chips import state
from integration.programs import run_command
from links.rig import running
from links.test_dbus import NAME, service
from private_bus import Daemon
from smallbms.commands.check import known_drivers
from smallbms.config import parse
from smallbms.emulators.bq76952 import Bq76952Chip
from smallbms.emulators.can_bms import CanBattery
from smallbms.errors import ConfigError

from .cp2112 import Cp2112
from .i2c import Bus, Tca9548a
from .test_can import STATE_ON_CAN
from .vcan import vcan

MUX, CHIP = 0x70, 0x08


@pytest.mark.timeout(90)
async def test_everything_is_found_and_what_a_person_must_state_is_asked_for(tmp_path: Path) -> None:
    chips = [Bq76952Chip(lambda: state(16), time.monotonic) for _ in range(2)]
    mux = Tca9548a({0: Bus({CHIP: chips[0]}), 7: Bus({CHIP: chips[1]})})
    daemon = Daemon(tmp_path)
    await daemon.start()
    try:
        with Cp2112(Bus({MUX: mux})) as bridge, vcan() as name, _socket(name) as bus:
            async with (
                service(daemon),
                running(lambda: asyncio.ensure_future(CanBattery(lambda: STATE_ON_CAN).run(bus))),
            ):
                result = await run_command(tmp_path, "check", "--scan", "--bus", daemon.address)
    finally:
        await daemon.kill()
    for table in (
        f'driver = "bq76952"\nport = "{bridge.path}"\nmux = {MUX}\nchannel = 0\n',
        f'driver = "bq76952"\nport = "{bridge.path}"\nmux = {MUX}\nchannel = 7\n',
        f'driver = "can-bms"\nport = "{name}"\n',
        f'driver = "victron-dbus"\nservice = "{NAME}"\n',
    ):
        assert table in result.out, result.err
    assert mux.control == 0
    with pytest.raises(ConfigError, match="sense_mohm"):
        parse(result.out, "scan", known_drivers())


def _socket(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.CAN_RAW)
    opened.bind((interface,))
    return opened
