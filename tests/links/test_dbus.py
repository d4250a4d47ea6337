"""The link to batteries of other services, on a real bus: they come, go, come back, fall silent, and are never us."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from private_bus import Daemon
from smallbms.drivers import victron_dbus
from smallbms.links import dbus
from smallbms.links.dbus import BusLink
from smallbms.model import BatteryReading
from smallbms.words import LinkFault
from velib_python import VeDbusService, connect
from velib_python._values import Value

from .rig import running, until

NAME, OTHER = "com.victronenergy.battery.ttyUSB0", "com.victronenergy.battery.socketcan_can0"
VALUES: dict[str, Value] = {
    "/Connected": 1, "/Serial": "B1", "/DeviceInstance": 3, "/Dc/0/Voltage": 13.2, "/Dc/0/Current": -4.5,
    "/Dc/0/Temperature": 22.0, "/Voltages/Cell1": 3.3, "/Voltages/Cell2": 3.31, "/Info/MaxChargeCurrent": 50.0,
}  # fmt: skip


@asynccontextmanager
async def service(daemon: Daemon, name: str = NAME, **changed: Value) -> AsyncIterator[VeDbusService]:
    """A battery's service that begins with these values; names in `changed` have _ for /."""
    connection = await connect(daemon.address)
    try:
        made = VeDbusService(name, connection)
        for path, value in (VALUES | {f"/{key.replace('_', '/')}": value for key, value in changed.items()}).items():
            made.add_path(path, value, signature=_signature(value))
        await made.register()
        yield made
    finally:
        await connection.close(timeout_s=0.1)


def _signature(value: Value) -> str:
    return "s" if isinstance(value, str) else "d" if isinstance(value, float) else "i"


class Rig:
    def __init__(self, address: str, *names: str) -> None:
        self.readings: list[tuple[int, BatteryReading]] = []
        self.link = BusLink(
            address,
            {name: number for number, name in enumerate(names or (NAME,), 1)},
            own_serial="SB01",
            on_reading=lambda number, reading: self.readings.append((number, reading)),
        )

    async def another(self, number: int = 1) -> BatteryReading:
        seen = len(self.readings)
        await until(lambda: any(n == number for n, _ in self.readings[seen:]))
        return next(reading for n, reading in self.readings[seen:] if n == number)

    async def moved(self, one: VeDbusService, path: str = "/Dc/0/Current", number: int = 1) -> BatteryReading:
        """Let a value of a service move until a reading comes of it."""
        seen = len(self.readings)
        async with asyncio.timeout(20):
            while not any(n == number for n, _ in self.readings[seen:]):
                one[path] = -4.5 - 0.1 * (asyncio.get_running_loop().time() % 1)
                await asyncio.sleep(0.02)
        return next(reading for n, reading in self.readings[seen:] if n == number)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TICK_S": 0.03, "ASK_AFTER_S": 0.05, "SILENT_S": 0.05, "BACK_OFF_S": (0.02, 0.1)}.items():
        monkeypatch.setattr(dbus, name, value)


pytestmark = pytest.mark.usefixtures("quick")


async def test_a_service_is_read_once_a_value_moves(daemon: Daemon) -> None:
    rig = Rig(daemon.address)
    async with service(daemon) as one, running(rig.link.run):
        await until(lambda: rig.link.health.errors.get(LinkFault.SILENCE, 0) >= 3)
        assert rig.link.health.last_error == f"{NAME}: shows no values of now"
        assert rig.readings == []
        before_s = asyncio.get_running_loop().time()
        one.update({"/Dc/0/Current": -4.4, "/Voltages/Cell1": 3.299, "/Dc/0/Voltage": 13.19})
        reading = await rig.another()
        assert before_s < reading.taken_at_s < asyncio.get_running_loop().time()
        assert (reading.voltage_v, reading.current_a) == (13.19, -4.4)
        assert reading.cell_voltages_v == (3.299, 3.31)
        assert (reading.charge_limit_a, reading.identity.serial) == (50.0, "B1")
        assert rig.link.numbers == {1}
        assert rig.link.health.open and rig.link.health.frames_ok >= 1
    assert not rig.link.health.open


async def test_a_battery_at_rest_stays_read_while_its_service_answers(daemon: Daemon) -> None:
    rig = Rig(daemon.address)
    async with service(daemon) as one, running(rig.link.run):
        first = await rig.moved(one)
        for _ in range(4):
            later = await rig.another()
        assert later.taken_at_s > first.taken_at_s


async def test_values_that_stopped_are_none_of_now(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(victron_dbus, "QUIET_S", 0.3)
    rig = Rig(daemon.address)
    async with service(daemon) as one, running(rig.link.run):
        await rig.moved(one)
        await until(lambda: rig.link.health.last_error == f"{NAME}: shows no values of now")
        newest = rig.readings[-1][1].taken_at_s
        await asyncio.sleep(3 * dbus.TICK_S)
        assert rig.readings[-1][1].taken_at_s == newest
        await rig.moved(one)


async def test_what_is_not_connected_is_silent_at_once(daemon: Daemon) -> None:
    rig = Rig(daemon.address)
    async with service(daemon) as one, running(rig.link.run):
        await rig.moved(one)
        one["/Connected"] = 0
        await until(lambda: rig.link.health.last_error.endswith("shows no values of now"))
        count = len(rig.readings)
        one["/Dc/0/Voltage"] = 13.0
        await asyncio.sleep(3 * dbus.TICK_S)
        assert len(rig.readings) == count
        one["/Connected"] = 1
        await rig.moved(one)


async def test_a_service_that_comes_later_goes_and_comes_back(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig = Rig(daemon.address)
    async with running(rig.link.run):
        await until(lambda: rig.link.health.last_error == f"{NAME}: is not on the bus")
        async with service(daemon) as one:
            assert (await rig.moved(one)).voltage_v == 13.2
        await until(lambda: caplog.messages.count(f"{NAME}: is not on the bus") == 2)
        count = len(rig.readings)
        async with service(daemon, Dc_0_Voltage=12.9) as one:
            assert (await rig.moved(one)).voltage_v == 12.9
            assert len(rig.readings) > count
    assert caplog.messages.count(f"{NAME}: works again") == 2


async def test_two_services_and_one_of_them_hangs(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbus, "ANSWER_S", 0.1)
    rig = Rig(daemon.address, NAME, OTHER)
    async with service(daemon) as one, service(daemon, OTHER) as other, running(rig.link.run):
        await rig.moved(one)
        await rig.moved(other, number=2)
        other._bus._call_handler = lambda call: None  # it takes calls and answers none
        await until(lambda: rig.link.health.last_error == f"{OTHER}: no answer")
        count = sum(number == 2 for number, _ in rig.readings)
        await rig.moved(one)
        await rig.another(1)
        assert sum(number == 2 for number, _ in rig.readings) == count


async def test_a_service_that_never_answers_is_begun_anew(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbus, "SCAN_S", 0.2)
    rig = Rig(daemon.address)
    async with service(daemon) as one:
        handler = one._bus._call_handler
        one._bus._call_handler = _refuse
        async with running(rig.link.run):
            await until(lambda: rig.link.health.errors.get(LinkFault.PORT, 0) >= 2)
            assert "is there and cannot be read" in rig.link.health.last_error
            one._bus._call_handler = handler
            await rig.moved(one)


def _refuse(call: object) -> None:
    raise dbus.DbusError("org.freedesktop.DBus.Error.Failed", "not now")


async def test_the_bus_may_die_and_come_back(daemon: Daemon) -> None:
    rig = Rig(daemon.address)
    async with running(rig.link.run):
        async with service(daemon) as one:
            await rig.moved(one)
            await daemon.kill()
            await until(lambda: rig.link.health.errors.get(LinkFault.PORT, 0) >= 2)
            assert not rig.link.health.open
        await daemon.start()
        async with service(daemon) as one:
            await rig.moved(one)


async def test_we_are_no_battery_of_ours(daemon: Daemon) -> None:
    rig = Rig(daemon.address)
    async with service(daemon, Serial="SB01") as one, running(rig.link.run):
        while rig.link.health.last_error != f"{NAME}: is this BMS itself":
            one["/Dc/0/Current"] = -4.5 - 0.1 * (asyncio.get_running_loop().time() % 1)
            await asyncio.sleep(0.02)
    assert rig.readings == []
