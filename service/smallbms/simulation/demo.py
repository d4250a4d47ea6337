"""The world of the demo: a small house, off the grid, on a day with clouds."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from smallbms.drivers.simulated import Sensors, SimulatedBattery
from smallbms.model import BatteryModel
from smallbms.simulation.bank import SimulatedBank
from smallbms.simulation.bus import Charger
from smallbms.simulation.loads import Load, constant, daily, duty_cycle, surges
from smallbms.simulation.weather import HOUR_S, Weather, passing_clouds
from smallbms.simulation.world import Wiring, World

START_H = 7.0


def demo_world(
    models: Sequence[BatteryModel],
    *,
    seed: int = 0,
    series: int = 1,
    acceleration: float = 1.0,
    wiring: Wiring = Wiring.DVCC,
) -> World:
    """A bank of `models` at about 60 % at seven in the morning; sun and loads fit its size.

    Raises ValueError if the models do not fill strings of `series`.
    """
    return house(_batteries(models, seed), seed=seed, series=series, acceleration=acceleration, wiring=wiring)


def house(
    batteries: Sequence[SimulatedBattery],
    *,
    seed: int = 0,
    series: int = 1,
    acceleration: float = 1.0,
    wiring: Wiring = Wiring.DVCC,
    start_h: float = START_H,
) -> World:
    """The same house with batteries of one's own."""
    bank = SimulatedBank(list(batteries), series=series)
    energy_wh = sum(battery.model.nominal_v * battery.model.capacity_ah for battery in batteries)
    charge_v = batteries[0].model.charge_v * series
    return World(
        bank=bank,
        chargers={
            "solar": Charger(
                power_w=0.25 * energy_wh, limit_a=0.3 * energy_wh / bank.nominal_v, setpoint_v=charge_v, solar=True
            ),
            "shore": Charger(power_w=0.0, limit_a=0.2 * energy_wh / bank.nominal_v, setpoint_v=charge_v),
        },
        loads=_loads(energy_wh, seed),
        weather=Weather(clouds=passing_clouds(seed)),
        wiring=wiring,
        acceleration=acceleration,
        time_s=start_h * HOUR_S,
    )


def _batteries(models: Sequence[BatteryModel], seed: int) -> list[SimulatedBattery]:
    random = Random(seed)
    return [
        SimulatedBattery(
            model,
            soc_pct=60.0,
            temperature_c=16.0,
            cell_offsets_pct=tuple(random.gauss(0, 0.2) for _ in range(model.cells)),
            seed=1000 * seed + number,
            sensors=Sensors(current_noise_a=0.05, voltage_noise_v=0.0005),
        )
        for number, model in enumerate(models, 1)
    ]


def _loads(energy_wh: float, seed: int) -> dict[str, Load]:
    """About 60 % of the bank's energy a day."""
    return {
        "network": Load(power_w=constant(0.002 * energy_wh), wired_past=True),
        "fridge": Load(power_w=duty_cycle(0.008 * energy_wh, on_s=900, period_s=2700)),
        "house": Load(power_w=constant(0.008 * energy_wh), inverter=True),
        "evening": Load(power_w=daily(0.04 * energy_wh, from_h=18, to_h=23), inverter=True),
        "kettle": Load(power_w=surges(0.2 * energy_wh, lasting_s=240, every_s=3 * HOUR_S, seed=seed), inverter=True),
    }
