"""What the emulated CAN battery says is what the driver reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smallbms.drivers.can_bms import CanBms
from smallbms.emulators import CAN, play
from smallbms.emulators.can_bms import frames
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

STATE = BatteryReading(
    taken_at_s=1.0, cells_taken_at_s=1.0, identity=Identity(key=""), voltage_v=53.12, current_a=-12.5,
    cell_min_v=3.311, cell_max_v=3.325, cell_temperatures_c=(19.0, 23.0), charge_switch_on=True,
    discharge_switch_on=True, capacity_ah=100.0, soc_pct=64.0, soh_pct=99.0, charge_voltage_limit_v=56.4,
    charge_limit_a=50.0, discharge_limit_a=80.0,
)  # fmt: skip


def read_back(state: BatteryReading) -> BatteryReading:
    driver = CanBms(key="k")
    for can_id, data in frames(state, name="US5000", serial="0123456789"):
        assert driver.take(can_id, data, 1.0)
    reading = driver.reading()
    assert reading is not None
    return reading


@pytest.mark.parametrize("state", [
    STATE,
    replace(STATE, charge_switch_on=False, charge_limit_a=0.0),
    replace(STATE, discharge_switch_on=False, faults=frozenset({Fault.CELL_LOW, Fault.PACK_LOW})),
    replace(STATE, cell_temperatures_c=(-8.0, -3.0), soh_pct=None),
    replace(STATE, warnings=frozenset({Fault.CELL_HIGH, Fault.PACK_HIGH, Fault.SHORT_CIRCUIT})),
    replace(STATE, faults=frozenset({Fault.CHARGE_OVER_CURRENT, Fault.SHORT_CIRCUIT, Fault.CELL_IMBALANCE})),
])  # fmt: skip
def test_what_it_says_is_read(state: BatteryReading) -> None:
    who = Identity(key="k", serial="0123456789", model="US5000")
    assert read_back(state) == replace(state, identity=who)


async def test_without_its_interface_it_cannot_play() -> None:
    with pytest.raises(OSError, match=r"No such device|not supported|not permitted"):
        await play(CAN, Path("nocan0"), lambda: STATE)
