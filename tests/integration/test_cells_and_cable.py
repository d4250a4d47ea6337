"""From a cell on the wire to the pins: what is taken away, what is said, what comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .harness import BOTH_OFF, BOTH_ON, NO_CHARGE, NO_DISCHARGE, System, codes, running

LOST_S = 10.0  # promised
PRE_ALARM_S = 30.0  # promised
GRACE_S = 2.0  # of a busy machine


async def test_a_high_cell_takes_charging_away_and_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        system.pack.cells_v[1] = 3.76
        items = await system.shows({**NO_CHARGE, "/Alarms/HighCellVoltage": 2, "/Info/MaxChargeCurrent": 0})
        await system.pins(charge_disconnect=False, load_disconnect=True)
        assert codes(items["/Info/Reasons/Charge"]) == {"high_cell"}
        assert items["/Info/Reasons/Discharge"] == "[]"
        assert items["/Info/MaxDischargeCurrent"] > 0
        sentence = "battery 1 cell 2 at 3.760 V, the limit is 3.75 V"
        assert sentence in items["/Info/Reasons/Charge/Text"]
        assert f"No to charging: {sentence}" in await system.why()


@pytest.mark.slow
async def test_charging_comes_back_once_every_cell_is_low_enough(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        system.pack.cells_v[1] = 3.76
        await system.shows(NO_CHARGE)
        system.pack.cells_v[1] = 3.55
        await system.shows(BOTH_ON)
        await system.pins(charge_disconnect=True, load_disconnect=True)


async def lower_a_cell(system: System) -> None:
    """Below the pre-alarm level and the limit at once: the pre-alarm sounds, nothing is taken away yet."""
    system.pack.cells_v[2] = 2.79
    await system.pins(pre_alarm=True, seconds=2 + GRACE_S)
    assert system.shown()["load_disconnect"]
    items = await system.shows({**BOTH_ON, "/Io/PreAlarm": 1, "/Alarms/LowCellVoltage": 1})
    assert items["/Info/MaxChargeCurrent"] > 0


async def test_a_low_cell_sounds_the_pre_alarm_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await lower_a_cell(system)
        assert "Pre-alarm: discharging ends soon" in await system.why()


@pytest.mark.slow
async def test_a_low_cell_takes_discharging_away_30_s_after_the_pre_alarm(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await lower_a_cell(system)
        await system.pins(load_disconnect=False, charge_disconnect=True, seconds=PRE_ALARM_S + 10)
        warned = await system.outputs.said("pre_alarm on")
        taken = await system.outputs.said("atc on, atd off, pre_alarm off")
        assert PRE_ALARM_S - 0.5 < taken.at_s - warned.at_s < PRE_ALARM_S + GRACE_S
        items = await system.shows(
            {**NO_DISCHARGE, "/Io/PreAlarm": 0, "/Alarms/LowCellVoltage": 2, "/Info/MaxDischargeCurrent": 0}
        )
        assert codes(items["/Info/Reasons/Discharge"]) == {"low_cell"}
        assert items["/Info/ChargeRequest"] == 1
        assert "No to discharging: battery 1 cell 3 at 2.790 V" in await system.why()


@pytest.mark.slow
async def test_a_pulled_cable_takes_both_away_until_it_is_plugged_in_again(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        system.battery.cable.unplug()
        took_s = await system.pins(charge_disconnect=False, load_disconnect=False)
        assert took_s < LOST_S + GRACE_S
        items = await system.shows(
            {**BOTH_OFF, "/Info/MaxChargeCurrent": 0, "/Info/MaxDischargeCurrent": 0, "/Alarms/BmsCable": 2}
        )
        assert codes(items["/Info/Reasons/Charge"]) == codes(items["/Info/Reasons/Discharge"]) == {"lost_battery"}
        assert items["/Info/MaxChargeVoltage"] <= 14.2
        assert (items["/Dc/0/Voltage"], items["/Battery/1/Voltage"]) == (None, None)
        await system.shows({"/Info/Links": lambda links: json.loads(links)[0]["errors"].keys() & {"port", "silence"}})
        why = await system.why()
        assert "No to charging: battery 1 gives no valid data" in why
        assert "No to discharging: battery 1 gives no valid data" in why
        system.battery.cable.plug()
        await system.shows(BOTH_ON)
        await system.pins(charge_disconnect=True, load_disconnect=True)
