"""Vbat from a file, a channel or the bus: a voltage, or nothing; never an old one, never our own."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import pytest

from private_bus import Daemon
from smallbms.core.shunt import FRESH_S
from smallbms.iio import Channel
from smallbms.inputs import bus, vbat
from smallbms.inputs.vbat import SYSTEM, ReadVbat, Vbat, bus_vbat, of_file
from smallbms.places import SERVICE_PREFIX

from .rig import now_s, service, until, working

INVERTER = "com.victronenergy.vebus.ttyS4"


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (vbat, bus):
        monkeypatch.setattr(module, "PERIOD_S", 0.005)
    monkeypatch.setattr(bus, "BACK_OFF_S", (0.005, 0.02))
    monkeypatch.setattr(bus, "ANSWER_S", 0.2)


class Found(Vbat):
    """A Vbat that is waited for."""

    async def becomes(self, voltage_v: float | None) -> None:
        wanted = None if voltage_v is None else pytest.approx(voltage_v)
        await until(lambda: self.voltage_v(now_s()) == wanted)


def reads_file(file: Path, found: Vbat, volts_per_count: float = 1.0) -> ReadVbat:
    return ReadVbat(str(file), partial(of_file, str(file), volts_per_count), found)


def test_it_gets_old() -> None:
    found = Vbat()
    assert found.voltage_v(0.0) is None
    found.take(13.2, 10.0)
    assert (found.voltage_v(10.0 + FRESH_S), found.voltage_v(10.1 + FRESH_S)) == (13.2, None)


async def test_counts_become_volts_and_follow_the_file(tmp_path: Path) -> None:
    file, found = tmp_path / "in_voltage0_raw", Found()
    file.write_text("1660\n")
    async with working(reads_file(file, found, 0.008)):
        await found.becomes(13.28)
        file.write_text("1700")
        await found.becomes(13.6)


@pytest.mark.parametrize("content", ["", "thirteen", "nan", "inf", "-inf", "13,2"])
async def test_what_is_no_number_is_not_read(content: str, tmp_path: Path) -> None:
    file, found = tmp_path / "vbat", Found()
    file.write_text("13.2")
    async with working(reads_file(file, found)):
        await found.becomes(13.2)
        file.write_text(content)
        await found.becomes(None)


async def test_a_file_that_goes_is_said_once_and_its_return_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, found = tmp_path / "vbat", Found()
    caplog.set_level(logging.INFO)
    file.write_text("13.2")
    async with working(reads_file(file, found)):
        await found.becomes(13.2)
        file.unlink()
        await found.becomes(None)
        file.write_text("13.3")
        await found.becomes(13.3)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_channel_has_its_own_scale_and_a_divider(tmp_path: Path) -> None:
    found = Found()
    (tmp_path / "in_voltage0_raw").write_text("2048\n")
    (tmp_path / "in_voltage_scale").write_text("0.805664062\n")
    async with working(ReadVbat("adc", Channel(f"{tmp_path}/in_voltage0", 32.0).read_v, found)):
        await found.becomes(52.8)


async def test_another_device_measures_it(daemon: Daemon) -> None:
    found = Found()
    async with working(bus_vbat(daemon.address, INVERTER, found)):
        async with service(daemon.address, INVERTER, {"/Dc/0/Voltage": 26.4}) as inverter:
            await found.becomes(26.4)
            inverter.update({"/Dc/0/Voltage": 26.5})
            await found.becomes(26.5)
            inverter.update({"/Dc/0/Voltage": None})
            await found.becomes(None)
            inverter.update({"/Dc/0/Voltage": 26.6})
            await found.becomes(26.6)
        async with service(daemon.address, INVERTER, {"/Dc/0/Voltage": 26.7}):
            await found.becomes(26.7)


async def test_a_service_or_a_bus_that_goes_leaves_no_voltage_behind(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vbat, "FRESH_S", 0.05)
    found = Found()
    async with working(bus_vbat(daemon.address, INVERTER, found)):
        async with service(daemon.address, INVERTER, {"/Dc/0/Voltage": 26.4}):
            await found.becomes(26.4)
        await found.becomes(None)
        async with service(daemon.address, INVERTER, {"/Dc/0/Voltage": 26.4}):
            await found.becomes(26.4)
            daemon.stop()  # as one that hangs
            await found.becomes(None)
            daemon.resume()
            await found.becomes(26.4)
            await daemon.kill()
            await found.becomes(None)
        await daemon.start()
        async with service(daemon.address, INVERTER, {"/Dc/0/Voltage": 26.4}):
            await found.becomes(26.4)
    assert any(INVERTER in record.getMessage() for record in caplog.records if record.levelname == "WARNING")


@pytest.mark.parametrize("source", ["/Dc/Battery/VoltageService", "/Dc/Battery/BatteryService"])
async def test_the_voltage_of_the_system_is_refused_while_it_is_our_own(
    source: str, daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    found = Found()
    values: dict[str, float | str | None] = {"/Dc/Battery/Voltage": 26.4, source: INVERTER}
    async with working(bus_vbat(daemon.address, SYSTEM, found)), service(daemon.address, SYSTEM, values) as system:
        await found.becomes(26.4)
        system.update({source: SERVICE_PREFIX + "SB0123456789"})
        await found.becomes(None)
        system.update({source: INVERTER})
        await found.becomes(26.4)
    assert "it is our own" in caplog.text
