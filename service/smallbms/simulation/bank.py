"""Simulated batteries in series and parallel: who carries how much of the current."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from smallbms.drivers.simulated import SimulatedBattery

LEAST_FLOW_A: Final = 1e-9  # below it a string counts as resting

_String = tuple[SimulatedBattery, ...]
_Path = tuple[float, float, _String]  # EMF, resistance


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
        paths = [_path(string, dt_s) for string in self.strings]
        voltage_v = current_a = 0.0
        while paths:
            conductance = emf_a = 0.0
            for emf, resistance, _ in paths:
                conductance += 1 / resistance
                emf_a += emf / resistance
            emf_v, resistance_ohm = emf_a / conductance, 1 / conductance
            current_a = net_current_a(emf_v, resistance_ohm)
            voltage_v = emf_v + current_a * resistance_ohm
            free = [path for path in paths if _conducts(path, voltage_v)]
            if len(free) == len(paths):
                break
            paths, voltage_v, current_a = free, 0.0, 0.0
        currents_a = {string: (voltage_v - emf) / resistance for emf, resistance, string in paths}
        for string in self.strings:
            string_a = currents_a.get(string, 0.0)
            for battery in string:
                battery.step(dt_s, string_a, ambient_c)
        return voltage_v, current_a


def _path(string: _String, dt_s: float) -> _Path:
    """The string as a source, over a step of `dt_s`."""
    emf_v = resistance_ohm = 0.0
    for battery in string:
        battery_v, battery_ohm = battery.thevenin(dt_s)
        emf_v += battery_v
        resistance_ohm += battery_ohm
    return emf_v, resistance_ohm, string


def _conducts(path: _Path, voltage_v: float) -> bool:
    """Whether every switch of the string is closed in the direction in which its current would flow."""
    emf_v, resistance_ohm, string = path
    string_a = (voltage_v - emf_v) / resistance_ohm
    if string_a > LEAST_FLOW_A:
        return all([battery.charge_switch_on for battery in string])
    return string_a >= -LEAST_FLOW_A or all([battery.discharge_switch_on for battery in string])
