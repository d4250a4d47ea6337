"""The DC bus of one step: chargers and loads against the bank, as a GX device lets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smallbms.frozen import frozen

BROWN_OUT: Final = 0.5  # of the nominal voltage: below it no device runs

_Offer = tuple[float, float]  # up to this voltage, this current


@frozen
class Charger:
    """Constant power up to `limit_a`, then constant voltage at `setpoint_v` or the CVL, the lower.

    A solar charger has its power times the sun, and a CCL of 0 does not stop it: it goes on feeding the loads at the
    CVL. `obeys_gx` False: a fault, or a charger that the GX does not control; neither CVL nor CCL reach it.
    """

    power_w: float
    limit_a: float
    setpoint_v: float
    solar: bool = False
    obeys_gx: bool = True


@frozen
class Limits:
    """What the BMS tells the GX."""

    cvl_v: float
    ccl_a: float
    dcl_a: float


class Bus:
    """What chargers and loads do in one step; `charge_a` and `load_a` tell what they did."""

    __slots__ = ("_brown_out_v", "_chargers", "_inverter_w", "_limits", "_load_w", "_sun", "charge_a", "load_a")

    def __init__(
        self,
        *,
        chargers: Iterable[Charger],
        sun: float,
        inverter_w: float,
        load_w: float,
        limits: Limits,
        nominal_v: float,
    ) -> None:
        """`inverter_w` keeps within the DCL, `load_w` does not."""
        self._chargers = chargers
        self._sun = sun
        self._inverter_w = inverter_w
        self._load_w = load_w
        self._limits = limits
        self._brown_out_v = BROWN_OUT * nominal_v
        self.charge_a = self.load_a = 0.0

    def net_current_a(self, emf_v: float, resistance_ohm: float) -> float:
        """The current into a bank that answers with EMF + I × R."""
        free, obedient = self._offers(max(emf_v, self._brown_out_v), resistance_ohm)
        self.load_a = self._demand_a(free + obedient, emf_v, resistance_ohm)
        if obedient and self._limits.ccl_a > 0:
            obedient = _within(obedient, self._limits.ccl_a + self.load_a - sum([offer_a for _, offer_a in free]))
        self.charge_a = _settled_a(free + obedient, emf_v, resistance_ohm, self.load_a)
        return self.charge_a - self.load_a

    def _offers(self, emf_v: float, resistance_ohm: float) -> tuple[list[_Offer], list[_Offer]]:
        """What every charger with any power would give: those without a GX, and those with."""
        free: list[_Offer] = []
        obedient: list[_Offer] = []
        for charger in self._chargers:
            power_w = charger.power_w * self._sun if charger.solar else charger.power_w
            if power_w <= 0:
                continue
            offer_a = min(power_w / (emf_v + resistance_ohm * power_w / emf_v), charger.limit_a)
            if not charger.obeys_gx:
                free.append((charger.setpoint_v, offer_a))
            elif charger.solar or self._limits.ccl_a > 0:
                obedient.append((min(charger.setpoint_v, self._limits.cvl_v), offer_a))
        return free, obedient

    def _demand_a(self, offers: list[_Offer], emf_v: float, resistance_ohm: float) -> float:
        """The current of all loads at the voltage to which they and the chargers will take the bus."""
        if emf_v < self._brown_out_v:
            return 0.0
        power_w = self._inverter_w + self._load_w
        offered_a, highest_v = 0.0, emf_v
        for setpoint_v, offer_a in offers:
            if setpoint_v > emf_v:  # the others give nothing
                offered_a += offer_a
                highest_v = max(highest_v, setpoint_v)
        voltage_v = min(emf_v + resistance_ohm * (offered_a - power_w / emf_v), highest_v)
        if voltage_v < self._brown_out_v:
            return 0.0
        load_a = self._load_w / voltage_v
        return load_a + min(self._inverter_w / voltage_v, max(self._limits.dcl_a + offered_a - load_a, 0.0))


def _within(offers: list[_Offer], limit_a: float) -> list[_Offer]:
    """The same offers, first come first served, until the limit is used up."""
    granted, left_a = [], max(limit_a, 0.0)
    for setpoint_v, offer_a in offers:
        granted.append((setpoint_v, min(offer_a, left_a)))
        left_a -= granted[-1][1]
    return granted


def _settled_a(offers: list[_Offer], emf_v: float, resistance_ohm: float, load_a: float) -> float:
    """The chargers' current once those above their voltage have throttled, the lowest voltage first."""
    total_a = sum([offer_a for _, offer_a in offers])
    for setpoint_v, offer_a in sorted(offers):
        excess_a = (emf_v - setpoint_v) / resistance_ohm + total_a - load_a
        if excess_a <= 0:
            break
        total_a -= min(excess_a, offer_a)
    return total_a
