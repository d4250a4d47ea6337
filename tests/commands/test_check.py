"""`smallbms check`: what is right, what is missing, what is dangerous."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from integration.harness import System
from integration.programs import run_command

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAULTY, WRONG = 1, 2


async def test_a_good_configuration_is_valid(system: System) -> None:
    result = await run_command(system.folder, "check", "--config", str(system.config_file))
    assert result.status == 0
    assert f"{system.config_file} is valid." in result.out
    assert f"{system.battery.cable.path}: a full round takes " in result.out
    assert "[outputs] simulated, no pin is driven" in result.out


async def test_the_report_as_json(system: System) -> None:
    result = await run_command(system.folder, "check", "--config", str(system.config_file), "--json")
    report = json.loads(result.out)
    assert report["faults"] == []
    assert 0 < report["rounds_s"][str(system.battery.cable.path)] < 4


async def test_what_is_missing_is_said(system: System, tmp_path: Path) -> None:
    file = tmp_path / "smallbms.toml"
    text = system.config().replace(str(system.battery.cable.path), f"{tmp_path}/unplugged")
    text += '[[battery]]\ndriver = "ble"\ntype = "acme_bms"\nname = "x"\n'
    text += f'[shunt]\ndriver = "ve.direct"\nport = "{tmp_path}/no-shunt"\n'
    text += '[[battery]]\ndriver = "bq76952"\nport = "/dev/i2c-99"\nmodel = "12.8/100"\nsense_mohm = 0.5\n'
    file.write_text(text.replace(system.daemon.address, f"unix:path={tmp_path}/nowhere"), encoding="utf-8")
    result = await run_command(tmp_path, "check", "--config", str(file))
    assert result.status == FAULTY
    assert f"{tmp_path}/unplugged does not exist: is the adapter plugged in?" in result.out
    assert f"[shunt] {tmp_path}/no-shunt does not exist" in result.out
    assert "needs the package aiobmsble" in result.out or "type = 'acme_bms' is not allowed" in result.out
    assert "/dev/i2c-99 does not exist: is the bus switched on" in result.out
    assert f"the bus unix:path={tmp_path}/nowhere cannot be reached" in result.out
    assert "is valid" not in result.out


async def test_two_names_of_one_port_are_a_fault(system: System, tmp_path: Path) -> None:
    """Of two adapters without serial numbers, udev's name by-id leads to the one that was plugged in last."""
    port = str(system.battery.cable.path)
    (tmp_path / "by-id").symlink_to(port)
    file = tmp_path / "smallbms.toml"
    text = system.config() + f'[[battery]]\ndriver = "jbd"\nport = "{tmp_path}/by-id"\n'
    file.write_text(text + f'[shunt]\ndriver = "ve.direct"\nport = "{tmp_path}/shunt"\n', encoding="utf-8")
    (tmp_path / "shunt").symlink_to(port)
    result = await run_command(tmp_path, "check", "--config", str(file))
    assert result.status == FAULTY
    assert f"{port} and {tmp_path}/by-id and {tmp_path}/shunt are one port, /dev/pts/" in result.out


async def test_a_wrong_configuration_ends_with_its_faults(tmp_path: Path) -> None:
    file = tmp_path / "smallbms.toml"
    file.write_text("[bank]\nseries = 7\n[typo]\n", encoding="utf-8")
    result = await run_command(tmp_path, "check", "--config", str(file))
    assert (result.status, result.out) == (WRONG, "")
    faults = result.err.splitlines()
    assert all(fault.startswith(f"{file}: ") for fault in faults)
    assert len(faults) >= 3  # all of them in one go


async def test_without_a_configuration_it_says_what_is_there(system: System) -> None:
    result = await system.command("check")
    assert result.status == 0
    assert "Serial ports" in result.out
    assert "GPIO chips" in result.out


async def test_a_floor_of_0_is_called_dangerous(system: System) -> None:
    assert await system.client.set("/Settings/Battery/DischargeFloor", 0) == 0
    await system.shows({"/Settings/Battery/DischargeFloor": 0})
    assert "the discharge floor is 0" in (await system.command("check")).out
    assert await system.client.set("/Settings/Battery/DischargeFloor", 10) == 0
    await system.shows({"/Settings/Battery/DischargeFloor": 10})
    assert "the discharge floor is 0" not in (await system.command("check")).out


async def impostor(address: str, name: str, path: str, value: Variant) -> MessageBus:
    """Another service on the bus, which has one value."""
    bus = await MessageBus(bus_address=address).connect()

    def answer(call: Message) -> Message | None:
        if call.message_type is MessageType.METHOD_CALL and call.member == "GetValue" and call.path == path:
            return Message.new_method_return(call, "v", [value])
        return None

    bus.add_message_handler(answer)
    await bus.request_name(name)
    return bus


@pytest.mark.parametrize(
    ("name", "path", "value", "said"),
    [
        ("com.victronenergy.battery.ttyO2", "/Info/MaxChargeVoltage", Variant("d", 14.2), "ttyO2 is a BMS too"),
        ("com.victronenergy.settings", "/Settings/Services/Bol", Variant("i", 0), "DVCC is off"),
    ],
)
async def test_what_else_is_on_the_bus_is_looked_at(
    system: System, name: str, path: str, value: Variant, said: str
) -> None:
    other = await impostor(system.daemon.address, name, path, value)
    try:
        assert said in (await system.command("check")).out
    finally:
        other.disconnect()
        await other.wait_for_disconnect()  # type: ignore[no-untyped-call]
    async with asyncio.timeout(10):
        while name in await system.client.daemon("ListNames"):
            await asyncio.sleep(0.01)
    assert said not in (await system.command("check")).out
