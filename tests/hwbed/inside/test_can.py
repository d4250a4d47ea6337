"""The CAN link on an interface of the kernel: filters, errors; it goes down, goes away and comes back."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from struct import Struct

import pytest

from integration.harness import System
from links.rig import STATE, running, until
from smallbms.drivers.can_bms import KEEP_ALIVE, CanBms
from smallbms.emulators.can_bms import CanBattery, frames, send
from smallbms.links import can
from smallbms.links.can import CanLink
from smallbms.model import BatteryReading
from smallbms.words import LinkFault

from .vcan import switch, vcan

FRAME = Struct("=IB3x8s")
STATE_ON_CAN = replace(STATE, cell_voltages_v=(), cell_min_v=3.299, cell_max_v=3.302)
ERROR, BUS_OFF = 0x20000000, 0x40


class Rig:
    def __init__(self, interface: str) -> None:
        self.readings: list[BatteryReading] = []
        self.link = CanLink(interface, 1, CanBms(key="k"), on_reading=lambda _, reading: self.readings.append(reading))

    async def another(self) -> None:
        """A reading that was not there yet."""
        count = len(self.readings)
        await until(lambda: len(self.readings) > count)


@contextmanager
def peer(interface: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.CAN_RAW) as bus:
        bus.bind((interface,))
        yield bus


@asynccontextmanager
async def speaking(interface: str) -> AsyncIterator[CanBattery]:
    battery = CanBattery(lambda: STATE_ON_CAN)
    with peer(interface) as bus:
        async with running(lambda: battery.run(bus, period_s=0.05)):
            yield battery


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(can, "BEAT_S", 0.05)
    monkeypatch.setattr(can, "BACK_OFF_S", (0.02, 0.1))


async def test_only_frames_of_the_protocol_are_heard_and_they_are_answered() -> None:
    with vcan() as name, peer(name) as other:
        rig = Rig(name)
        async with running(rig.link.run), speaking(name) as battery:
            for can_id in (0x123, 0x356 | socket.CAN_EFF_FLAG, 0x373 | socket.CAN_RTR_FLAG, 0x305):
                other.send(FRAME.pack(can_id, 1, bytes(8)))
            await until(lambda: len(rig.readings) >= 2 and battery.answers >= 3)
            assert (rig.readings[-1].voltage_v, rig.readings[-1].cell_max_v) == (13.2, 3.302)
            assert rig.link.health.errors == {}


async def test_an_interface_that_is_down_then_gone_is_heard_again_when_it_is_back() -> None:
    rig = Rig("vcan0")
    async with running(rig.link.run):
        await until(lambda: rig.link.health.errors.get(LinkFault.PORT, 0) >= 2)
        assert rig.link.health.last_error == "cannot be opened: No such device"
        with vcan():
            async with speaking("vcan0"):
                await rig.another()
                switch("vcan0", up=False)
                await until(lambda: not rig.link.health.open)
                assert "Network is down" in rig.link.health.last_error
                switch("vcan0", up=True)
                await rig.another()
        await until(lambda: not rig.link.health.open)
        with vcan():
            async with speaking("vcan0"):
                await rig.another()


async def test_bus_off_is_told_by_the_kernel_and_the_bus_is_heard_on() -> None:
    with vcan() as name, peer(name) as controller:
        rig = Rig(name)
        async with running(rig.link.run):
            await until(lambda: rig.link.health.open)
            controller.send(FRAME.pack(ERROR | BUS_OFF, 8, bytes(8)))
            await until(lambda: rig.link.health.errors.get(LinkFault.BUS_OFF) == 1)
            await until(lambda: rig.link.health.open)
            send(controller, frames(STATE_ON_CAN))
            await until(lambda: len(rig.readings) == 1)


@pytest.mark.timeout(120)
async def test_the_whole_service_publishes_an_emulated_battery(tmp_path: Path) -> None:
    with vcan() as name:
        model = "12.8/100"
        table = f'[[battery]]\ndriver = "can-bms"\nport = "{name}"\nmodel = "{model}"\n'
        system = System(tmp_path, batteries=0, extra=table)
        try:
            await system.run("smallbms", "emulate", "can-bms", "--port", name, "--model", model, "--soc", "44")
            await system.start()
            items = await system.shows({"/Soc": lambda pct: pct is not None and abs(pct - 44.0) <= 1.0})
            assert items["/Mgmt/Connection"] == f"can-bms on {name}"
            assert 3.0 < items["/System/MinCellVoltage"] <= items["/System/MaxCellVoltage"] < 3.6
            assert items["/Voltages/Cell1"] is None  # it tells no single cells
            with peer(name) as listener:
                listener.setblocking(True)
                listener.settimeout(10)
                while FRAME.unpack(listener.recv(FRAME.size))[0] != KEEP_ALIVE:
                    pass
        finally:
            await system.stop()
