"""The world around a simulated bank: weather, chargers, loads, and the two ways to wire them to the BMS."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from math import ceil
from typing import Final

from smallbms.frozen import frozen
from smallbms.model import BatteryReading
from smallbms.simulation.bank import SimulatedBank
from smallbms.simulation.bus import Bus, Charger, Limits
from smallbms.simulation.loads import Load, constant
from smallbms.simulation.weather import Weather

LONGEST_STEP_S: Final = 10.0
GX_PERIOD_S: Final = 3.0  # the GX passes CVL, CCL and DCL on this often


class Wiring(Enum):
    """What the charge disconnect output does; the load disconnect always cuts the loads."""

    DISCONNECT = auto()  # ATC cuts the chargers from the battery
    DVCC = auto()  # nothing is cut: the chargers follow CVL and CCL through the GX


@frozen
class Flow:
    """What the bus did at the end of a step; `time_s` since midnight of the first day."""

    time_s: float
    voltage_v: float
    current_a: float
    charge_a: float
    load_a: float
    sun: float
    ambient_c: float


class World:
    """A bank with sun, chargers and loads; the same steps give the same world.

    Its time is its own: a step of 1 s is `acceleration` seconds here, and `time_s` is the clock to judge its readings
    by. `chargers`, `loads`, `weather` and the batteries of `bank` may be changed between steps.
    """

    def __init__(
        self,
        *,
        bank: SimulatedBank,
        chargers: dict[str, Charger],
        loads: dict[str, Load],
        weather: Weather,
        wiring: Wiring = Wiring.DISCONNECT,
        acceleration: float = 1.0,
        time_s: float = 0.0,
        longest_step_s: float = LONGEST_STEP_S,
    ) -> None:
        """`longest_step_s`: a longer one is cut; chargers and loads settle once in each."""
        self.bank = bank
        self.chargers = chargers
        self.loads = loads
        self.weather = weather
        self.wiring = wiring
        self.acceleration = acceleration
        self.time_s = time_s
        self.longest_step_s = longest_step_s
        self._sun: float | None = None
        self._ambient_c: float | None = None
        self._limits = Limits(cvl_v=0.0, ccl_a=0.0, dcl_a=0.0)
        self._gx_due_s = time_s

    def step(self, dt_s: float, *, atc: bool, atd: bool, cvl_v: float, ccl_a: float, dcl_a: float) -> Flow:
        """Advance by `dt_s` × acceleration, in steps of at most `longest_step_s`, under what the BMS allows."""
        told = Limits(cvl_v=cvl_v, ccl_a=ccl_a, dcl_a=dcl_a)
        world_dt_s = dt_s * self.acceleration
        steps = max(ceil(world_dt_s / self.longest_step_s), 1)
        for _ in range(steps - 1):
            self._step(world_dt_s / steps, told, atc=atc, atd=atd)
        return self._step(world_dt_s / steps, told, atc=atc, atd=atd)

    def readings(self, now_s: float) -> dict[int, BatteryReading]:
        """Every battery (1…n) whose cable is in, read at `now_s`."""
        readings = {}
        for number, battery in enumerate(self.bank.batteries, 1):
            reading = battery.reading(now_s)
            if reading is not None:
                readings[number] = reading
        return readings

    def set_load(self, name: str, power_w: float) -> None:
        """Let a load draw this from now on; a new name is a new load."""
        known = self.loads.get(name, Load(power_w=constant(0.0)))
        self.loads[name] = replace(known, power_w=constant(power_w))

    def set_charger(self, name: str, power_w: float) -> None:
        """Give a charger another power: 0 = unplugged, panels covered. Raises KeyError for an unknown name."""
        self.chargers[name] = replace(self.chargers[name], power_w=power_w)

    def disobey(self, name: str, setpoint_v: float) -> None:
        """Let a charger ignore the GX and go to its own voltage. Raises KeyError for an unknown name."""
        self.chargers[name] = replace(self.chargers[name], obeys_gx=False, setpoint_v=setpoint_v)

    def set_sun(self, share: float | None) -> None:
        """Hold the sun at 0…1; None = as the weather has it."""
        self._sun = share

    def set_ambient(self, ambient_c: float | None) -> None:
        """Hold the temperature; None = as the weather has it."""
        self._ambient_c = ambient_c

    def _step(self, dt_s: float, told: Limits, *, atc: bool, atd: bool) -> Flow:
        if self.time_s >= self._gx_due_s:
            self._limits, self._gx_due_s = told, self.time_s + GX_PERIOD_S
        sun = self.weather.sun(self.time_s) if self._sun is None else self._sun
        ambient_c = self.weather.ambient_c(self.time_s) if self._ambient_c is None else self._ambient_c
        inverter_w = load_w = 0.0
        for load in self.loads.values():
            if not (atd or load.wired_past):
                continue
            if load.inverter:
                inverter_w += load.power_w(self.time_s)
            else:
                load_w += load.power_w(self.time_s)
        bus = Bus(
            chargers=self.chargers.values() if atc or self.wiring is Wiring.DVCC else (),
            sun=sun,
            inverter_w=inverter_w,
            load_w=load_w,
            limits=self._limits,
            nominal_v=self.bank.nominal_v,
        )
        voltage_v, current_a = self.bank.step(dt_s, bus.net_current_a, ambient_c)
        self.time_s += dt_s
        connected = voltage_v > 0  # with every battery's switches open nothing runs, whatever was asked for
        return Flow(
            time_s=self.time_s,
            voltage_v=voltage_v,
            current_a=current_a,
            charge_a=bus.charge_a if connected else 0.0,
            load_a=bus.load_a if connected else 0.0,
            sun=sun,
            ambient_c=ambient_c,
        )
