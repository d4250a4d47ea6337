"""A bank of a battery that another service has on the bus: read, narrowed to what it asks for, lost if it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from velib_python import VeDbusService, connect
from velib_python._values import Value

from .harness import BOTH_OFF, BOTH_ON, NO_CHARGE, System, codes

NAME = "com.victronenergy.battery.ttyUSB0"
TABLE = f'[[battery]]\ndriver = "victron-dbus"\nservice = "{NAME}"\n'
VALUES: dict[str, Value] = {
    "/Connected": 1, "/DeviceInstance": 1, "/Serial": "B1", "/ProductName": "Pack", "/Dc/0/Voltage": 13.2,
    "/Dc/0/Current": -4.0, "/Dc/0/Temperature": 22.0, "/InstalledCapacity": 100.0, "/Info/MaxChargeVoltage": 14.0,
    "/Info/MaxChargeCurrent": 40.0, "/Info/MaxDischargeCurrent": 60.0, "/Alarms/HighTemperature": 0,
    **{f"/Voltages/Cell{number}": 3.3 for number in range(1, 5)},
}  # fmt: skip


@asynccontextmanager
async def member(address: str) -> AsyncIterator[VeDbusService]:
    """A battery whose current flickers."""
    connection = await connect(address)
    service = VeDbusService(NAME, connection)
    for path, value in VALUES.items():
        service.add_path(path, value, signature={str: "s", float: "d", int: "i"}[type(value)])
    await service.register()

    async def flicker() -> None:
        for tick in count():
            service["/Dc/0/Current"] = -4.0 - 0.1 * (tick % 2)
            await asyncio.sleep(0.3)

    connection.spawn(flicker())
    try:
        yield service
    finally:
        await connection.close(timeout_s=0.1)


@asynccontextmanager
async def bank(folder: Path) -> AsyncIterator[tuple[System, VeDbusService]]:
    """The whole system with both permissions given, and the service of its one battery."""
    system = System(folder, batteries=0, extra=TABLE)
    await system.daemon.start()
    try:
        async with member(system.daemon.address) as battery:
            await system.start_outputs()
            await system.start_main()
            system.client = await system.connect()
            await system.shows({**BOTH_ON, "/Dc/0/Voltage": 13.2})
            yield system, battery
    finally:
        await system.stop()


async def test_it_is_read_and_what_it_asks_for_is_obeyed(tmp_path: Path) -> None:
    async with bank(tmp_path) as (system, battery):
        items = await system.shows({"/Info/MaxChargeCurrent": 40.0, "/Info/MaxDischargeCurrent": 60.0})
        assert (items["/Mgmt/Connection"], items["/Info/MaxChargeVoltage"]) == (NAME, 14.0)
        assert (items["/Battery/1/Serial"], items["/Battery/1/Cell/4/Voltage"]) == ("B1", 3.3)
        await system.pins(charge_disconnect=True, load_disconnect=True)
        battery["/Info/MaxChargeCurrent"] = 0.0
        items = await system.shows(NO_CHARGE)
        assert "it asks for a charge current of 0 A" in items["/Info/Reasons/Charge/Text"]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/Connected", None])
async def test_it_is_lost_when_it_is_not_connected_or_its_service_goes(tmp_path: Path, path: str | None) -> None:
    async with bank(tmp_path) as (system, battery):
        if path is None:
            await battery.unregister()
        else:
            battery[path] = 0
        items = await system.shows(BOTH_OFF, seconds=20)
        assert codes(items["/Info/Reasons/Discharge"]) == codes(items["/Info/Reasons/Charge"]) == {"lost_battery"}
