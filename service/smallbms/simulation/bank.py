"""Simulated batteries in series and parallel: who carries how much of the current."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from smallbms.drivers.simulated import SimulatedBattery

LEAST_FLOW_A: Final = 1e-9  # below it a string counts as resting

_String = tuple[float, float, int]  # EMF, resistance, index


class SimulatedBank:
    """Strings of `series` batteries, all strings in parallel; battery i is in string i // series."""

    def __init__(self, batteries: Sequence[SimulatedBattery], *, series: int = 1) -> None:
        """Raises ValueError if the batteries do not fill the strings."""
        if not batteries or series < 1 or len(batteries) % series:
            raise ValueError(f"{len(batteries)} batteries do not make strings of {series}")
        self.batteries = tuple(batteries)
        self.strings = tuple(self.batteries[first : first + series] for first in range(0, len(self.batteries), series))
        self.nominal_v = series * batteries[0].model.nominal_v

    def step(
        self, dt_s: float, net_current_a: Callable[[float, float], float], ambient_c: float
    ) -> tuple[float, float]:
        """Advance all batteries; return the bank's voltage at the end of the step, and its current.

        `net_current_a(emf_v, resistance_ohm)` says what the world pushes into a bank that answers with
        EMF + I × R. With every path open the voltage is 0 and nothing flows.
        """
        paths = [(*_thevenin(string, dt_s), index) for index, string in enumerate(self.strings)]
        currents_a = [0.0] * len(paths)
        voltage_v = current_a = 0.0
        while paths:
            conductance = sum([1 / resistance for _, resistance, _ in paths])
            emf_v = sum([emf / resistance for emf, resistance, _ in paths]) / conductance
            current_a = net_current_a(emf_v, 1 / conductance)
            voltage_v = emf_v + current_a / conductance
            free = [path for path in paths if self._conducts(path, voltage_v)]
            if len(free) == len(paths):
                break
            paths, voltage_v, current_a = free, 0.0, 0.0
        for emf, resistance, index in paths:
            currents_a[index] = (voltage_v - emf) / resistance
        for string, string_a in zip(self.strings, currents_a, strict=True):
            for battery in string:
                battery.step(dt_s, string_a, ambient_c)
        return voltage_v, current_a

    def _conducts(self, path: _String, voltage_v: float) -> bool:
        """Whether every switch of the string is closed in the direction in which its current would flow."""
        emf, resistance, index = path
        string_a = (voltage_v - emf) / resistance
        for battery in self.strings[index]:
            if string_a > LEAST_FLOW_A and not battery.charge_switch_on:
                return False
            if string_a < -LEAST_FLOW_A and not battery.discharge_switch_on:
                return False
        return True


def _thevenin(string: Sequence[SimulatedBattery], dt_s: float) -> tuple[float, float]:
    emf_v = resistance_ohm = 0.0
    for battery in string:
        battery_v, battery_ohm = battery.thevenin(dt_s)
        emf_v += battery_v
        resistance_ohm += battery_ohm
    return emf_v, resistance_ohm
