"""Finding batteries on the wires that are no serial lines: chips on I²C, talkers on CAN, services on the D-Bus."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from drivers.chips import Time, state
from hwbed.inside.i2c import Bus, Slave, Tca9548a
from private_bus import Daemon
from smallbms.emulators.bq76952 import Bq76952Chip
from smallbms.emulators.can_bms import frames, send
from smallbms.errors import LinkError
from smallbms.links import probe_i2c
from smallbms.links.can import CanLink
from smallbms.links.found import Found
from smallbms.links.i2c_bus import I2cBus
from smallbms.links.probe_bus import probe_bus
from smallbms.links.probe_can import interfaces_up, probe_can

from .hurried import InPlace
from .i2c_bench import CHIP, Wires
from .rig import STATE
from .test_dbus import NAME, OTHER, service

PORT = "/dev/i2c-1"


def chip(cells: int = 16, *, crc: bool = False) -> Bq76952Chip:
    time = Time()
    return Bq76952Chip(lambda: state(cells), time, crc=crc)


async def on_i2c(slaves: Mapping[int, Slave]) -> tuple[Found, ...]:
    time = Time()
    bus = I2cBus(lambda: Wires(Bus(slaves)), worker=InPlace(), clock=time, sleep=lambda seconds: None)
    return await probe_i2c.probe_i2c(PORT, bus)


@pytest.mark.parametrize("crc", [False, True])
async def test_a_chip_right_on_the_bus(crc: bool) -> None:
    (found,) = await on_i2c({CHIP: chip(crc=crc)})
    assert found.table == {"driver": "bq76952", "port": PORT} | ({"crc": True} if crc else {})
    assert len(found.reading.cell_voltages_v) == 16
    assert found.reading.voltage_v == pytest.approx(16 * 3.3, abs=0.5)
    assert found.needs == ("model", "sense_mohm")


async def test_chips_behind_a_multiplexer_which_is_left_closed() -> None:
    mux = Tca9548a({2: Bus({CHIP: chip()}), 5: Bus({CHIP: chip(crc=True)})})
    mux.control = 0x04  # as a killed service leaves it
    found = await on_i2c({0x71: mux})
    assert [battery.table for battery in found] == [
        {"driver": "bq76952", "port": PORT, "mux": 0x71, "channel": 2},
        {"driver": "bq76952", "port": PORT, "mux": 0x71, "channel": 5, "crc": True},
    ]
    assert mux.control == 0


class Stranger:
    """A chip that is something else, at an address of ours."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> bool:
        self.written.append(data)
        return True

    def read(self, count: int) -> bytes:
        return b"\x5a" * count


async def test_other_chips_are_neither_batteries_nor_multiplexers() -> None:
    assert await on_i2c({CHIP: Stranger(), 0x70: Stranger()}) == ()
    assert await on_i2c({}) == ()


async def test_a_chip_of_another_number_is_no_bq76952(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_i2c, "DEVICE_NUMBER", 0x7694)
    assert await on_i2c({CHIP: chip()}) == ()


async def test_a_bus_that_cannot_be_opened_is_said() -> None:
    def refuse() -> Wires:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(LinkError, match="cannot be opened: Permission denied"):
        await probe_i2c.probe_i2c(PORT, I2cBus(refuse))


async def test_a_battery_on_can_is_heard_and_nothing_is_sent() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setblocking(False)
    far.setblocking(False)
    told = replace(STATE, cell_voltages_v=(), cell_min_v=3.299, cell_max_v=3.302)
    with far:
        send(far, frames(told))
        (found,) = await probe_can("can0", partial(CanLink, open_socket=lambda interface: near))
        assert far.recv(16) == b""  # the end, and nothing before
    assert found.table == {"driver": "can-bms", "port": "can0"}
    assert found.needs == ("model",)
    assert found.reading.cell_min_v == 3.299


async def test_an_interface_that_goes_away_has_no_battery() -> None:
    def gone(interface: str) -> socket.socket:
        raise OSError(19, "No such device")

    assert await probe_can("can0", partial(CanLink, open_socket=gone)) == ()


def test_only_can_interfaces_that_are_up_are_listened_to(tmp_path: Path) -> None:
    for name, kind, flags in (("can0", 280, "0x40081"), ("can1", 280, "0x40080"), ("eth0", 1, "0x1003")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "type").write_text(f"{kind}\n")
        (tmp_path / name / "flags").write_text(f"{flags}\n")
    (tmp_path / "bonding_masters").write_text("")
    assert list(interfaces_up(tmp_path)) == ["can0"]


async def test_batteries_of_other_services_but_neither_ours_nor_monitors(tmp_path: Path) -> None:
    daemon, said = Daemon(tmp_path), list[str]()
    await daemon.start()
    try:
        ours = "com.victronenergy.battery.smallbms_SB01"
        bare = {"Voltages_Cell1": None, "Voltages_Cell2": None}
        async with service(daemon), service(daemon, OTHER, **bare), service(daemon, ours):
            (found,) = await probe_bus(daemon.address, say=said.append)
    finally:
        await daemon.kill()
    assert found.table == {"driver": "victron-dbus", "service": NAME}
    assert found.reading.cell_voltages_v == (3.3, 3.31)
    assert said == [f"{OTHER}: shows no cells; if it measures the whole bank, name it as [shunt]"]


async def test_a_bus_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LinkError):
        await asyncio.wait_for(probe_bus(f"unix:path={tmp_path}/none", say=print), 10)
