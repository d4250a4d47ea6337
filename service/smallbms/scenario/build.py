"""The stage that a scenario asks for."""

from __future__ import annotations

from smallbms.drivers.simulated import Build, Sensors, SimulatedBattery
from smallbms.drivers.simulated_board import board_protections
from smallbms.model import BankSpec, Member
from smallbms.scenario.format import Scenario
from smallbms.scenario.meters import Meters
from smallbms.scenario.stage import Stage
from smallbms.scenario.tables import LoadTable
from smallbms.simulation.bank import SimulatedBank
from smallbms.simulation.bus import Charger
from smallbms.simulation.demo import demo_world
from smallbms.simulation.loads import Load, Profile, constant, daily, duty_cycle
from smallbms.simulation.weather import HOUR_S, Weather, passing_clouds
from smallbms.simulation.world import Wiring, World


def stage(scenario: Scenario) -> Stage:
    """Return the stage before the first moment."""
    bank, model = scenario.bank, scenario.model
    sensors = bank.temperature_sensors > 0
    spec = BankSpec(
        members=tuple(Member(number=n, model=model, temperature_sensors=sensors) for n in range(1, bank.batteries + 1)),
        series=None if bank.vbat else bank.series,
    )
    meters = Meters(vbat=bank.vbat, shunt=bank.shunt)
    return Stage(_world(scenario), spec, scenario.settings, reports_soc=bank.reports_soc, meters=meters)


def _world(scenario: Scenario) -> World:
    table, bank = scenario.world, scenario.bank
    simulated = SimulatedBank(
        [_battery(scenario, number) for number in range(1, bank.batteries + 1)], series=bank.series
    )
    wiring = Wiring[table.wiring.upper()]
    if table.demo:
        world = demo_world([scenario.model] * bank.batteries, seed=bank.seed, series=bank.series, wiring=wiring)
        world.bank, world.time_s = simulated, table.start
    else:
        world = World(
            bank=simulated, chargers={}, loads={}, weather=_weather(scenario), wiring=wiring, time_s=table.start
        )
    world.chargers |= _chargers(scenario)
    world.loads |= {
        name: Load(power_w=_profile(load), inverter=load.inverter, wired_past=load.wired_past)
        for name, load in scenario.loads.items()
    }
    if table.sun is not None:
        world.set_sun(table.sun)
    return world


def _weather(scenario: Scenario) -> Weather:
    table = scenario.world
    return Weather(
        sunrise_h=table.sunrise / HOUR_S,
        sunset_h=table.sunset / HOUR_S,
        mean_c=table.ambient_c,
        swing_c=table.ambient_swing_c,
        clouds=passing_clouds(scenario.bank.seed, cover=table.clouds) if table.clouds else (1.0,),
    )


def _chargers(scenario: Scenario) -> dict[str, Charger]:
    charge_v = scenario.model.charge_v * scenario.bank.series
    return {
        name: Charger(
            power_w=table.power_w,
            limit_a=table.limit_a,
            setpoint_v=charge_v if table.setpoint_v is None else table.setpoint_v,
            solar=table.solar,
            obeys_gx=table.obeys_gx,
        )
        for name, table in scenario.chargers.items()
    }


def _profile(table: LoadTable) -> Profile:
    if table.on_at is not None and table.off_at is not None:
        return daily(table.power_w, from_h=table.on_at / HOUR_S, to_h=table.off_at / HOUR_S)
    if table.on_s is not None and table.period_s is not None:
        return duty_cycle(table.power_w, on_s=table.on_s, period_s=table.period_s)
    return constant(table.power_w)


def _battery(scenario: Scenario, number: int) -> SimulatedBattery:
    bank, own = scenario.bank, scenario.batteries.get(number)
    return SimulatedBattery(
        scenario.model,
        soc_pct=bank.soc_pct if own is None or own.soc_pct is None else own.soc_pct,
        temperature_c=bank.temperature_c if own is None or own.temperature_c is None else own.temperature_c,
        cell_offsets_pct=own.cell_offsets_pct if own else (),
        seed=1000 * bank.seed + number,
        sensors=Sensors(
            temperatures=bank.temperature_sensors,
            current_offset_a=bank.current_offset_a,
            current_noise_a=bank.current_noise_a,
            voltage_noise_v=bank.voltage_noise_v,
        ),
        build=Build(
            capacity_spread_pct=bank.capacity_spread_pct,
            balance_a=bank.balance_a,
            protections=board_protections(scenario.model) if bank.protections else (),
            trips=bank.protections,
        ),
    )
