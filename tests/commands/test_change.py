"""The commands that change: what was taken is shown, what is refused is said with name, value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration.harness import System
from integration.programs import run_command

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = 2


@pytest.mark.parametrize(
    ("name", "value", "path", "shown", "said"),
    [
        ("discharge_floor_pct", "20", "/Settings/Battery/DischargeFloor", 20, "Discharge floor: 20 %"),
        ("discharge-floor", "21", "/Settings/Battery/DischargeFloor", 21, "Discharge floor: 21 %"),
        ("Tail Current", "5.5", "/Settings/Battery/TailCurrent", 5.5, "Tail current: 5.5 %"),
        ("charged_voltage", "13.9", "/Settings/Battery/ChargedVoltage", 13.9, "Charged voltage: 13.9 V"),
        ("pre_alarm_cell_v", "3", "/Settings/Battery/PreAlarmCellVoltage", 3.0, "Pre-alarm cell voltage: 3 V"),
        ("mode", "standby", "/Mode", 252, "Mode: standby"),
        ("mode", "on", "/Mode", 3, "Mode: on"),
        ("custom_name", "Škuner 2", "/CustomName", "Škuner 2", "Name: Škuner 2"),
        ("soc", "72.5", "/Soc", 72.5, "State of charge: 72.5 %"),
    ],
)
async def test_a_change_is_taken_and_shown(
    system: System, name: str, value: str, path: str, shown: Any, said: str
) -> None:
    assert await system.command("set", name, value) == (0, f"{said}\n", "")
    await system.shows({path: shown})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("tail_current_pct", "11", "Tail current (tail_current_pct) = '11' is not allowed; allowed is 0.5…10 %"),
        ("charged_voltage", "14.5", "= '14.5' is not allowed; allowed is 13.6…14 V"),
        ("discharge_floor", "ten", "= 'ten' is not allowed; allowed is a whole number, 0…90 %"),
        ("mode", "party", "Mode (mode) = 'party' is not allowed; allowed is 3 (on), 4 (off), 252 (standby)"),
        ("soc", "101", "State of charge (soc_pct) = '101' is not allowed; allowed is 0…100 %"),
        ("custom_name", "x" * 40, "allowed is a text of at most 32 characters"),
        ("low_soc_warning", "10", "is refused: it must be above the discharge floor"),
        ("colour", "blue", "'colour' is no setting; there are charged_voltage_cell_v, tail_current_pct"),
    ],
)
async def test_a_refusal_names_what_is_allowed(system: System, name: str, value: str, said: str) -> None:
    await system.client.set("/Settings/Battery/DischargeFloor", 20)
    before = await system.shows(
        {"/Settings/Battery/DischargeFloor": 20, "/Settings/Alarm/LowSoc": lambda pct: pct > 20}
    )
    result = await system.command("set", name, value)
    assert (result.status, result.out) == (REFUSED, "")
    assert said in result.err
    assert result.err.count("\n") == 1
    after = await system.client.items()
    assert {p: v for p, v in after.items() if p.startswith(("/Settings", "/Mode", "/Custom"))} == {
        p: v for p, v in before.items() if p.startswith(("/Settings", "/Mode", "/Custom"))
    }


async def test_defaults_are_restored(system: System) -> None:
    assert await system.client.set("/Settings/Battery/TailCurrent", 7.0) == 0
    assert await system.command("reset-to-defaults") == (0, "Reset to defaults: done\n", "")
    await system.shows({"/Settings/Battery/TailCurrent": 4.0, "/Settings/Battery/DischargeFloor": 10})


async def test_alarms_are_acknowledged(system: System) -> None:
    assert await system.command("acknowledge") == (0, "Acknowledge alarms: done\n", "")


async def test_two_services_on_a_bus_are_told_apart_by_nobody(system: System, tmp_path: Path) -> None:
    """A second one with another name: a change without saying for whom is refused."""
    other = System(tmp_path)
    config = other.config().replace(other.daemon.address, system.daemon.address).replace('"integration"', '"other"')
    other.config_file.write_text(config, encoding="utf-8")
    try:
        await other.battery.start()
        await other.start_outputs()
        await other.start_main()
        await other.main.said("is on the bus")
        result = await run_command(tmp_path, "set", "mode", "off", "--bus", system.daemon.address)
    finally:
        await other.stop()
    assert result.status == REFUSED
    assert "several on the bus" in result.err
    assert (await system.client.items())["/Mode"] == 3
