"""Microseconds for one step of the simulated world: python bench/physics.py"""

from __future__ import annotations

from time import perf_counter

from smallbms.drivers.simulated import SimulatedBattery
from smallbms.model import BatteryModel
from smallbms.simulation.demo import demo_world

STEPS = 20_000
STEP_S = 10.0
MODEL = BatteryModel(
    name="12.8/200", cells=4, nominal_v=12.8, capacity_ah=200, charge_v=14.2, float_v=13.5, end_of_discharge_v=11.2,
    resistance_mohm=1, continuous_charge_a=200, continuous_discharge_a=200, peak_charge_a=400, peak_discharge_a=400,
)  # fmt: skip


def batteries_us() -> float:
    """Four batteries of four cells, the current given."""
    batteries = [SimulatedBattery(MODEL, seed=seed) for seed in range(4)]
    begin = perf_counter()
    for step in range(STEPS):
        current_a = 40.0 if step % 720 < 360 else -40.0
        for battery in batteries:
            battery.step(STEP_S, current_a, 20.0)
    return (perf_counter() - begin) / STEPS * 1e6


def world_us(*, read: bool) -> float:
    """The same in parallel in the demo's world, with or without reading every battery."""
    world = demo_world([MODEL] * 4)
    begin = perf_counter()
    for step in range(STEPS):
        world.step(STEP_S, atc=True, atd=True, cvl_v=14.2, ccl_a=800.0, dcl_a=800.0)
        if read:
            world.readings(step * STEP_S)
    return (perf_counter() - begin) / STEPS * 1e6


def main() -> None:
    print(f"physics of 4 x 4 cells      {batteries_us():6.1f} us per step")
    print(f"the demo's world            {world_us(read=False):6.1f} us per step")
    print(f"the demo's world, read      {world_us(read=True):6.1f} us per step")


if __name__ == "__main__":
    main()
