"""The CAN link against a battery at the other end of a socket: it reads, answers, says what is wrong, comes back."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from struct import Struct

import pytest

from smallbms.drivers.can_bms import CanBms
from smallbms.emulators.can_bms import CanBattery, frames, send
from smallbms.links import can
from smallbms.links.can import CanLink, open_can
from smallbms.model import BatteryReading
from smallbms.words import LinkFault

from .rig import STATE, running, until

FRAME = Struct("=IB3x8s")
STATE_ON_CAN = replace(STATE, cell_voltages_v=(), cell_min_v=3.299, cell_max_v=3.302, cell_temperatures_c=(22.0, 23.0))
ERROR = 0x20000000
CONTROLLER, NO_ACK, BUS_OFF, RESTARTED, LOST_ARBITRATION = 0x04, 0x20, 0x40, 0x100, 0x02
PASSIVE, ACTIVE, OVERFLOW, WARNING = bytes((0, 0x20)), bytes((0, 0x40)), bytes((0, 0x01)), bytes((0, 0x08))


class Bus:
    """Stands in for the kernel: each opening makes a new pair of sockets; `battery` is the far end of the newest."""

    def __init__(self) -> None:
        self.openings = 0
        self.refusals = 0
        self.battery: socket.socket
        self.readings: list[BatteryReading] = []
        self.ends: list[socket.socket] = []

    def open(self, interface: str) -> socket.socket:
        assert interface == "can0"
        self.openings += 1
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.ENODEV, "No such device")
        near, self.battery = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        near.setblocking(False)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.battery.setblocking(False)
        self.ends.append(self.battery)
        return near

    def link(self, *, answer: bool = True) -> CanLink:
        return CanLink(
            "can0", 3, CanBms(key="can-bms:can0"), answer=answer, on_reading=self._take, open_socket=self.open
        )

    def _take(self, number: int, reading: BatteryReading) -> None:
        assert number == 3
        self.readings.append(reading)

    def say(self, can_id: int, data: bytes = b"") -> None:
        self.battery.send(FRAME.pack(can_id, len(data), data))


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    monkeypatch.setattr(can, "BEAT_S", 0.02)
    monkeypatch.setattr(can, "BACK_OFF_S", (0.01, 0.05))
    made = Bus()
    yield made
    for end in made.ends:
        end.close()


@pytest.fixture
async def link(bus: Bus) -> AsyncIterator[CanLink]:
    link = bus.link()
    async with running(link.run):
        await until(lambda: link.health.open)
        yield link
    assert not link.health.open


async def test_a_battery_that_wants_answers_is_read_once_a_round(bus: Bus, link: CanLink) -> None:
    before_s = asyncio.get_running_loop().time()
    battery = CanBattery(lambda: STATE_ON_CAN, patience_s=5.0)
    async with running(lambda: battery.run(bus.battery, period_s=0.2)):
        await until(lambda: len(bus.readings) >= 2 and battery.answers >= 2)
    reading = bus.readings[0]
    assert before_s < reading.taken_at_s <= reading.cells_taken_at_s < asyncio.get_running_loop().time()
    assert (reading.voltage_v, reading.cell_min_v, reading.cell_max_v) == (13.2, 3.299, 3.302)
    assert link.numbers == {3}
    assert link.health.errors == {}
    assert link.health.frames_ok >= 2 * len(frames(STATE_ON_CAN))
    assert bus.readings[1].taken_at_s - reading.taken_at_s > 0.1  # not one a frame


async def test_a_link_that_only_listens_sends_nothing(bus: Bus) -> None:
    link = bus.link(answer=False)
    async with running(link.run):
        await until(lambda: link.health.open)
        send(bus.battery, frames(STATE_ON_CAN))
        await until(lambda: len(bus.readings) == 1)
        await asyncio.sleep(3 * can.BEAT_S)
        with pytest.raises(BlockingIOError):
            bus.battery.recv(FRAME.size)


@pytest.mark.parametrize(("kind", "data", "says"), [
    (CONTROLLER, PASSIVE, "error-passive: check cable, terminators and bit rate"),
    (CONTROLLER, OVERFLOW, "frames were lost, the controller was full"),
    (NO_ACK, b"", "errors on the wire: check cable, terminators and bit rate"),
])  # fmt: skip
async def test_a_disturbed_bus_is_told_once_and_read_on(
    bus: Bus, link: CanLink, caplog: pytest.LogCaptureFixture, kind: int, data: bytes, says: str
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        bus.say(ERROR | kind, data)
    send(bus.battery, frames(STATE_ON_CAN))
    await until(lambda: len(bus.readings) == 1)
    assert link.health.errors == {LinkFault.BUS_ERROR: 3}
    assert link.health.last_error == says
    bus.say(ERROR | CONTROLLER, ACTIVE)
    await until(lambda: "the bus at can0: works again" in caplog.messages)
    assert caplog.messages.count(f"the bus at can0: {says}") == 1
    assert bus.openings == 1


@pytest.mark.parametrize(("kind", "data"), [(CONTROLLER, WARNING), (LOST_ARBITRATION, b""), (RESTARTED, b"")])
async def test_what_is_usual_on_a_bus_is_no_error(bus: Bus, link: CanLink, kind: int, data: bytes) -> None:
    bus.say(ERROR | kind, data)
    send(bus.battery, frames(STATE_ON_CAN))
    await until(lambda: len(bus.readings) == 1)
    assert link.health.errors == {}


async def test_bus_off_is_told_and_the_bus_opened_anew(
    bus: Bus, link: CanLink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bus.say(ERROR | BUS_OFF)
    await until(lambda: bus.openings == 2 and link.health.open)
    assert link.health.errors == {LinkFault.BUS_OFF: 1}
    send(bus.battery, frames(STATE_ON_CAN))
    await until(lambda: len(bus.readings) == 1)
    assert "can0: bus-off: check cable, terminators and bit rate" in caplog.messages
    assert "can0: works again" in caplog.messages


async def test_an_interface_that_goes_and_comes_back(bus: Bus, link: CanLink) -> None:
    bus.refusals = 3
    bus.battery.close()
    await until(lambda: bus.openings == 5 and link.health.open)
    assert link.health.errors[LinkFault.PORT] >= 4
    assert link.health.last_error == "cannot be opened: No such device"
    send(bus.battery, frames(STATE_ON_CAN))
    await until(lambda: len(bus.readings) == 1)


async def test_silence_is_counted_and_said(
    bus: Bus, link: CanLink, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(can, "SILENT_S", 0.05)
    caplog.set_level(logging.INFO)
    await until(lambda: link.health.errors.get(LinkFault.SILENCE, 0) >= 2)
    assert caplog.messages.count("battery 3: silent on can0") == 1
    send(bus.battery, frames(STATE_ON_CAN))
    await until(lambda: "battery 3: works again" in caplog.messages)


async def test_a_bus_that_takes_nothing_is_said_and_still_heard(bus: Bus, link: CanLink) -> None:
    await until(lambda: LinkFault.BUS_ERROR in link.health.errors)  # nobody takes the keep-alives
    assert link.health.last_error.startswith("nobody takes what is sent")
    send(bus.battery, frames(STATE_ON_CAN))
    await until(lambda: len(bus.readings) == 1)


async def test_a_frame_that_is_none_is_counted(bus: Bus, link: CanLink) -> None:
    bus.say(0x356, b"\x00")
    await until(lambda: link.health.errors == {LinkFault.BAD_FRAME: 1})
    assert link.health.last_error == "frame 0x356 of 1 bytes"


async def test_ending_with_a_reading_on_its_way_is_clean(bus: Bus) -> None:
    link = bus.link()
    async with running(link.run):
        await until(lambda: link.health.open)
        send(bus.battery, frames(STATE_ON_CAN))
        await until(lambda: link.health.frames_ok > 0)
    await asyncio.sleep(2 * can.GATHER_S)
    assert not link.health.open


def test_an_interface_that_is_not_there_cannot_be_opened() -> None:
    with pytest.raises(OSError, match=r"No such device|not supported|not permitted"):
        open_can("nocan0")
