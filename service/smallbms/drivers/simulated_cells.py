"""The cells of the simulated battery: lithium iron phosphate in series, as OCV table, R0, two RC pairs and heat.

OCV by SoC and temperature: Gotion IFP28148115A-52Ah datasheet, appendix A.4; R0: the model's row. [E] = an estimate.
Plain floats in flat lists, no object per cell: a year in steps of 10 s has to pass in minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import exp
from typing import Final

CHARGE_EFFICIENCY: Final = 0.998  # [E]

_OCV_V: Final = {  # of a rested cell: temperature → SoC in % → V
    0: {0: 3.175, 5: 3.209, 10: 3.230, 20: 3.264, 30: 3.277, 50: 3.282, 60: 3.293, 65: 3.304, 70: 3.314, 75: 3.318,
        95: 3.319, 100: 3.335},
    25: {0: 2.928, 5: 3.180, 10: 3.210, 15: 3.230, 20: 3.253, 25: 3.272, 30: 3.284, 35: 3.288, 40: 3.288, 45: 3.289,
         50: 3.290, 55: 3.294, 60: 3.310, 65: 3.324, 70: 3.327, 75: 3.328, 80: 3.328, 85: 3.328, 90: 3.328, 95: 3.329,
         100: 3.375},
    45: {0: 2.732, 5: 3.117, 10: 3.201, 20: 3.242, 30: 3.277, 50: 3.296, 60: 3.301, 75: 3.331, 95: 3.331, 100: 3.334},
}  # fmt: skip
# [E] added to it at the ends; 3 %, 1 % and 0 % become 3.00, 2.80 and 2.50 V at 25 °C
_ENDS_V: Final = {-10: -2.928, 0: -0.428, 1: -0.1784, 3: -0.0792, 5: 0.0, 100: 0.0, 110: 0.5}
_RESISTANCE: Final = {-10: 2.0, 4: 2.0, 6: 1.0, 110: 1.0}  # [E] doubled when nearly empty
_LOWEST_SOC: Final = -0.10  # a dead cell: current goes through, the SoC stays
_HIGHEST_SOC: Final = 1.10
# [E] a nearly full cell rises steeply: 0.16 V for each % above 98.5 %, squared; 30 % of what it has above sinks in
# while it rests, so that 3.55 V is reached at 99.5 % when fast, at 100 % when slow, and falls off afterwards
_FULL_FROM_SOC: Final = 0.985
_FULL_V: Final = 0.1587 * 100**2
_SINKING: Final = 0.3
_SINKING_S: Final = 600.0
# [E] 92 % of the energy comes back at 1C, self-heating included: with R0 1.4 mΩ in all at 25 °C and 100 Ah
_R1_OHM_AH: Final = 0.030
_R2_OHM_AH: Final = 0.060
_TAU1_S: Final = 25.0
_TAU2_S: Final = 600.0
# [E] metal conducts as ever, the chemistry slows down: 2.5 times the resistance at 0 °C
_METAL: Final = 0.4
_ARRHENIUS_K: Final = 4080.0
_HYSTERESIS_V: Final = 0.010
_HYSTERESIS_SOC: Final = 0.05
_HEAT_J_PER_K_AH: Final = 20.0  # 2 kg for 100 Ah, 1 kJ/kgK
_COOLING_W_PER_K: Final = 0.5  # [E] for 100 Ah, growing with Ah^⅔; 10 W/m²K, most of the surface faces other cells

# A straight piece of the curves, from a SoC to another; OCV at 25 °C, what the column adds, and the resistance factor,
# each at SoC 0 and how it rises with the SoC
_Piece = tuple[float, float, float, float, float, float, float, float]


def _at(points: Mapping[int, float], soc_pct: int) -> float:
    """The value between two points; outside, the nearest."""
    low = max((x for x in points if x <= soc_pct), default=min(points))
    high = min((x for x in points if x >= soc_pct), default=max(points))
    share = (soc_pct - low) / (high - low) if high > low else 0.0
    return points[low] + (points[high] - points[low]) * share


def _pieces(column_c: int) -> tuple[_Piece, ...]:
    """The pieces of 1 % each, from the lowest SoC to the highest."""
    points = [
        (
            soc_pct / 100,
            _at(_OCV_V[25], soc_pct) + _at(_ENDS_V, soc_pct),
            _at(_OCV_V[column_c], soc_pct) - _at(_OCV_V[25], soc_pct),
            _at(_RESISTANCE, soc_pct),
        )
        for soc_pct in range(-10, 111)
    ]
    return tuple(
        (low, high, *_line(low, ocv, ocv2), *_line(low, add, add2), *_line(low, factor, factor2))
        for (low, ocv, add, factor), (high, ocv2, add2, factor2) in pairwise(points)
    )


def _line(soc: float, begin: float, end: float) -> tuple[float, float]:
    """Where the line through two points 1 % apart is at SoC 0, and its rise."""
    rise = 100 * (end - begin)
    return begin - rise * soc, rise


_COLD_PIECES: Final = _pieces(0)
_HOT_PIECES: Final = _pieces(45)


class Cells:
    """Cells in series under one current; public attributes are true values to be read, `drains_a` and `factors` to set.

    `factors`: the resistance of each cell against the model's; `drains_a`: what each loses past its terminals.
    """

    def __init__(
        self,
        *,
        socs: list[float],
        capacities_ah: list[float],
        factors: list[float],
        nominal_ah: float,
        r0_ohm: float,
        temperature_c: float,
        drain_a: float,
    ) -> None:
        self.socs = socs
        self.capacities_ah = capacities_ah
        self.factors = factors
        self.drains_a = [drain_a] * len(socs)
        self.voltages_v = [0.0] * len(socs)
        self.temperature_c = temperature_c
        self._shares = [1 / capacity_ah for capacity_ah in capacities_ah]
        self._nominal_ah = nominal_ah
        self._r0_ohm = r0_ohm
        self._r1_ohm = _R1_OHM_AH / nominal_ah
        self._r2_ohm = _R2_OHM_AH / nominal_ah
        self._cooling_w_per_k = _COOLING_W_PER_K * (nominal_ah / 100) ** (2 / 3)
        self._v1 = self._v2 = self._hysteresis_v = 0.0
        self._sunk_socs = [0.0] * len(socs)
        self._take_dt(0.0)
        self._curves = _COLD_PIECES
        self._pieces = [_COLD_PIECES[0]] * len(socs)
        self._take_temperature(temperature_c)
        self._move(0.0, 0.0, 0.0)

    def thevenin(self, dt_s: float) -> tuple[float, float]:
        """EMF (V) and resistance (Ω): the voltage after `dt_s` at I will be EMF + I × R."""
        if dt_s != self._dt_s:
            self._take_dt(dt_s)
        emf_v = self._ocv_v + self._weight * (self._v1 * self._keep1 + self._v2 * self._keep2)
        r_ohm = self._warm * (self._r0_ohm + self._rise1_ohm + self._rise2_ohm)
        rise_ohm = self._ocv_rise_v_per_ah * dt_s / 3600  # without it parallel strings swing where the OCV is steep
        return emf_v + len(self.socs) * self._hysteresis_v, self._weight * r_ohm + rise_ohm

    def step(self, dt_s: float, current_a: float, ambient_c: float) -> None:
        """Let `current_a` flow for `dt_s`; exact but for temperature, which moves once at the end."""
        if dt_s != self._dt_s:
            self._take_dt(dt_s)
        warm, size_a = self._warm, abs(current_a)
        warm_a = warm * current_a
        v0 = warm_a * self._r0_ohm
        v1 = self._v1 = self._v1 * self._keep1 + warm_a * self._rise1_ohm
        v2 = self._v2 = self._v2 * self._keep2 + warm_a * self._rise2_ohm
        self._move(dt_s, current_a, v0 + v1 + v2)
        heat_w = current_a * v0 + (v1 * v1 / self._r1_ohm + v2 * v2 / self._r2_ohm) / warm
        heat_w = self._weight / len(self.socs) * heat_w + size_a * _HYSTERESIS_V
        rested_c = ambient_c + heat_w / self._cooling_w_per_k
        # The hysteresis follows the current, after the step: within it the cells stay linear
        target_v = _HYSTERESIS_V if current_a > 0 else -_HYSTERESIS_V
        self._hysteresis_v = target_v + (self._hysteresis_v - target_v) * exp(-size_a * self._turning)
        self._take_temperature(rested_c + (self.temperature_c - rested_c) * self._keep_heat)

    def _move(self, dt_s: float, current_a: float, polarisation_v: float) -> None:
        """Charge every cell, set its voltage, and sum what `thevenin` needs for the next step."""
        hours = dt_s / 3600
        charge_a = current_a * CHARGE_EFFICIENCY if current_a > 0 else current_a
        socs, shares, drains_a, factors = self.socs, self._shares, self.drains_a, self.factors
        pieces, blend, voltages_v, hysteresis_v = self._pieces, self._blend, self.voltages_v, self._hysteresis_v
        ocv_sum = rise_sum = weight_sum = 0.0
        for i, share in enumerate(shares):
            soc = socs[i] + (charge_a - drains_a[i]) * hours * share
            low, high, ocv_v, rise_v, column_v, column_rise_v, factor, factor_rise = pieces[i]
            if not low <= soc < high:
                soc = min(max(soc, _LOWEST_SOC), _HIGHEST_SOC)
                pieces[i] = self._piece(soc)
                _, _, ocv_v, rise_v, column_v, column_rise_v, factor, factor_rise = pieces[i]
            socs[i] = soc
            rise_v += blend * column_rise_v
            ocv_v += blend * column_v + soc * rise_v
            if soc > _FULL_FROM_SOC:
                full_v, full_rise_v = self._full(i, soc - _FULL_FROM_SOC)
                ocv_v += full_v
                rise_v += full_rise_v
            weight = (factor + soc * factor_rise) * factors[i]
            voltages_v[i] = ocv_v + hysteresis_v + weight * polarisation_v
            ocv_sum += ocv_v
            rise_sum += rise_v * share
            weight_sum += weight
        self._ocv_v, self._ocv_rise_v_per_ah, self._weight = ocv_sum, rise_sum, weight_sum

    def _full(self, index: int, above_soc: float) -> tuple[float, float]:
        """What a cell this far into its steep end has on top, and how that rises with its SoC."""
        sinking_soc, sunk_soc = _SINKING * above_soc, self._sunk_socs[index]
        if sunk_soc > sinking_soc:
            sunk_soc = sinking_soc
        self._sunk_socs[index] = sinking_soc + (sunk_soc - sinking_soc) * self._keep_sinking
        effective_soc = above_soc - sunk_soc
        full_v = _FULL_V * effective_soc
        return full_v * effective_soc, 2 * full_v

    def _take_temperature(self, temperature_c: float) -> None:
        """Outside 0…45 °C the OCV of the nearest column holds; the resistance goes on."""
        self.temperature_c = temperature_c
        self._warm = _METAL + (1 - _METAL) * exp(_ARRHENIUS_K * (1 / (temperature_c + 273.15) - 1 / 298.15))
        if temperature_c > 25:
            curves, self._blend = _HOT_PIECES, min((temperature_c - 25) / 20, 1.0)
        else:
            curves, self._blend = _COLD_PIECES, min((25 - temperature_c) / 25, 1.0)
        if curves is not self._curves:
            self._curves = curves
            self._pieces = [self._piece(soc) for soc in self.socs]

    def _piece(self, soc: float) -> _Piece:
        return self._curves[min(int((soc - _LOWEST_SOC) * 100), len(self._curves) - 1)]

    def _take_dt(self, dt_s: float) -> None:
        self._dt_s = dt_s
        self._keep1, self._keep2 = exp(-dt_s / _TAU1_S), exp(-dt_s / _TAU2_S)
        self._rise1_ohm, self._rise2_ohm = self._r1_ohm * (1 - self._keep1), self._r2_ohm * (1 - self._keep2)
        self._keep_sinking = exp(-dt_s / _SINKING_S)
        self._keep_heat = exp(-dt_s * self._cooling_w_per_k / (_HEAT_J_PER_K_AH * self._nominal_ah))
        self._turning = dt_s / (3600 * self._nominal_ah * _HYSTERESIS_SOC)
