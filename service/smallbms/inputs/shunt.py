"""A shunt in the cable of the bank: as its wire tells it, turned round and trusted as the configuration says."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from smallbms.core.shunt import FRESH_S
from smallbms.inputs.bus import BusValues, Values
from smallbms.model import ShuntReading
from smallbms.wording import finite

VOLTAGE, CURRENT, SOC, CONNECTED = "/Dc/0/Voltage", "/Dc/0/Current", "/Soc", "/Connected"


class Shunt:
    """Keeps the newest reading. `reversed_`: its current has the other sign; `soc`: its state of charge is wanted."""

    def __init__(self, *, soc: bool = False, reversed_: bool = False) -> None:
        self._soc = soc
        self._sign = -1.0 if reversed_ else 1.0
        self._reading = ShuntReading(taken_at_s=-inf)

    def take(self, reading: ShuntReading) -> None:
        """A newer reading, as it came."""
        current_a = reading.current_a
        self._reading = replace(
            reading,
            current_a=None if current_a is None else self._sign * current_a,
            soc_pct=reading.soc_pct if self._soc else None,
        )

    def reading(self) -> ShuntReading:
        """The newest, however old."""
        return self._reading

    def voltage_v(self, now_s: float) -> float | None:
        """Its voltage, while that is fresh."""
        reading = self._reading
        return reading.voltage_v if now_s - reading.taken_at_s <= FRESH_S else None


def bus_shunt(bus: str, service: str, shunt: Shunt) -> BusValues:
    """A battery monitor that is a service on the bus; what one shows that has lost its device is old."""

    def take(values: Values, asked_at_s: float) -> None:
        if values[CONNECTED] == 0:
            return
        shunt.take(
            ShuntReading(
                taken_at_s=asked_at_s,
                voltage_v=finite(values[VOLTAGE]),
                current_a=finite(values[CURRENT]),
                soc_pct=finite(values[SOC]),
            )
        )

    return BusValues(bus, service, (VOLTAGE, CURRENT, SOC, CONNECTED), take)
