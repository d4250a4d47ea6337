"""`smallbms check` on batteries that speak by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from configurations import OUTPUTS, config
from integration.harness import System
from integration.programs import run_command
from smallbms.commands.check_unasked import can_dangers, can_faults, service_faults

CAN = '[[battery]]\ndriver = "can-bms"\nport = "can0"\nmodel = "51.2/100"\n'
BUS = '[[battery]]\ndriver = "victron-dbus"\nservice = "com.victronenergy.battery.ttyUSB0"\n'


@pytest.mark.parametrize(("kind", "flags", "says"), [
    ("280", "0x40081", []),
    ("280", "0x40080", ["can0 is down: ip link set can0 up type can bitrate 500000 restart-ms 1000"]),
    ("1", "0x1003", ["can0 is no CAN interface"]),
    (None, "", ["can0 does not exist: is the adapter plugged in, its driver loaded?"]),
])  # fmt: skip
def test_the_interface_of_a_can_battery(tmp_path: Path, kind: str | None, flags: str, says: list[str]) -> None:
    if kind is not None:
        place = tmp_path / "can0"
        place.mkdir()
        (place / "type").write_text(f"{kind}\n", encoding="ascii")
        (place / "flags").write_text(f"{flags}\n", encoding="ascii")
    assert list(can_faults(config(CAN + OUTPUTS).batteries, tmp_path)) == says


def test_an_interface_of_a_gx_is_not_ours() -> None:
    assert list(can_dangers(config(CAN + BUS + OUTPUTS).batteries)) == []
    (danger,) = can_dangers(config(CAN.replace("can0", "vecan1") + OUTPUTS).batteries)
    assert danger.startswith("vecan1 belongs to the GX")


def test_a_service_that_is_there_is_no_fault() -> None:
    batteries = config(BUS + OUTPUTS).batteries
    assert list(service_faults(batteries, ["com.victronenergy.battery.ttyUSB0"])) == []
    assert len(list(service_faults(batteries, ["com.victronenergy.battery.ttyUSB1"]))) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_both_are_in_the_report(system: System, tmp_path: Path) -> None:
    file = tmp_path / "smallbms.toml"
    file.write_text(CAN.replace("can0", "vecan9") + BUS + OUTPUTS + f'[dbus]\nbus = "{system.daemon.address}"\n')
    result = await run_command(tmp_path, "check", "--config", str(file))
    assert result.status == 1
    assert "vecan9 does not exist: is the adapter plugged in" in result.out
    assert "vecan9 belongs to the GX" in result.out
    assert "com.victronenergy.battery.ttyUSB0 is not on the bus" in result.out
