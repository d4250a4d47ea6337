"""What a person has corrected in the configuration acts on what was kept from before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smallbms.batteries import custom_model
from smallbms.model import BatteryModel
from smallbms.words import ReasonCode

from .bench_battery import Rig


def restarted_with(rig: Rig, changed: BatteryModel) -> None:
    rig.spec = replace(rig.spec, members=tuple(replace(member, model=changed) for member in rig.spec.members))
    for battery in rig.batteries.values():
        battery.model = changed
    rig.restart()
    rig.step()
    rig.advance(10.0)


@pytest.mark.parametrize("first_ah", [100.0, 560.0])
def test_a_corrected_capacity_leaves_the_state_of_charge_alone(first_ah: float) -> None:
    rig = Rig(battery_model=custom_model("mine", cells=4, capacity_ah=first_ah), soc_pct=30.0)
    rig.each(remaining_ah=84.0, capacity_ah=280.0)
    rig.start()
    restarted_with(rig, custom_model("mine", cells=4, capacity_ah=280.0))
    assert rig.decision.soc_pct == 30.0


@pytest.mark.parametrize(
    ("name", "code", "first_c", "then_c", "shown_c"),
    [
        ("charge_cold_c", ReasonCode.CHARGE_COLD, 15.0, 5.0, 10.0),
        ("discharge_cold_c", ReasonCode.DISCHARGE_COLD, 0.0, -20.0, -10.0),
        ("charge_hot_c", ReasonCode.CHARGE_HOT, 35.0, 45.0, 40.0),
        ("discharge_hot_c", ReasonCode.DISCHARGE_HOT, 35.0, 50.0, 40.0),
    ],
)
def test_a_relaxed_limit_gives_back_what_the_old_one_took(
    name: str, code: ReasonCode, first_c: float, then_c: float, shown_c: float
) -> None:
    def model(limit_c: float) -> BatteryModel:
        return custom_model("mine", cells=4, capacity_ah=100.0, **{name: limit_c})

    rig = Rig(battery_model=model(first_c)).start()
    rig.each(temperatures_c=[shown_c, shown_c])
    rig.advance(10.0)
    assert rig.reason(code).limit == first_c
    restarted_with(rig, model(then_c))
    assert code not in rig.codes()


def test_until_then_it_tells_the_limit_in_force() -> None:
    rig = Rig(battery_model=custom_model("mine", cells=4, capacity_ah=100.0, charge_cold_c=15.0)).start()
    rig.each(temperatures_c=[6.0, 6.0])
    rig.advance(10.0)
    restarted_with(rig, custom_model("mine", cells=4, capacity_ah=100.0, charge_cold_c=5.0))
    reason = rig.reason(ReasonCode.CHARGE_COLD)
    assert reason.limit == 5.0
    assert reason.text == "battery 1 at 6.0 °C, no charging below 5 °C; back: 7 °C or more"
