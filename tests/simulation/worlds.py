"""Banks and worlds for the tests of this folder."""

from __future__ import annotations

from smallbms.drivers.simulated import Build, SimulatedBattery
from smallbms.model import BatteryModel
from smallbms.simulation.bank import SimulatedBank
from smallbms.simulation.bus import Charger
from smallbms.simulation.loads import Load, constant
from smallbms.simulation.weather import Weather
from smallbms.simulation.world import Wiring, World

MODEL = BatteryModel(
    name="12.8/200", cells=4, nominal_v=12.8, capacity_ah=200, charge_v=14.2, float_v=13.5, end_of_discharge_v=11.2,
    resistance_mohm=1, continuous_charge_a=200, continuous_discharge_a=200, peak_charge_a=400, peak_discharge_a=400,
)  # fmt: skip
EVEN = Build(capacity_spread_pct=0.0, resistance_spread_pct=0.0, self_discharge_pct=0.0, balance_a=0.0)
LIMITLESS = {"cvl_v": 99.0, "ccl_a": 9999.0, "dcl_a": 9999.0}


def bank(*socs_pct: float, series: int = 1) -> SimulatedBank:
    """One battery of equal cells for each SoC."""
    return SimulatedBank([SimulatedBattery(MODEL, soc_pct=soc_pct, build=EVEN) for soc_pct in socs_pct], series=series)


def shore_world(
    *socs_pct: float,
    charger: Charger | None = None,
    load_w: float = 0.0,
    inverter: bool = False,
    wiring: Wiring = Wiring.DISCONNECT,
) -> World:
    """A bank with one charger, one load, a clear sun at noon and 25 °C."""
    return World(
        bank=bank(*(socs_pct or (50.0,))),
        chargers={"charger": charger} if charger else {},
        loads={"load": Load(power_w=constant(load_w), inverter=inverter)},
        weather=Weather(mean_c=25.0, swing_c=0.0),
        wiring=wiring,
        time_s=13 * 3600.0,
    )
