"""Vbat: the voltage of the whole bank, from a file, an ADC channel of the kernel, or a service on the D-Bus."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from smallbms.core.shunt import FRESH_S
from smallbms.inputs.bus import BusValues, Values
from smallbms.places import SERVICE_PREFIX
from smallbms.trouble import TroubleLog
from smallbms.wording import finite

PERIOD_S = 1.0
SYSTEM = "com.victronenergy.system"
SYSTEM_VOLTAGE = "/Dc/Battery/Voltage"
SYSTEM_SOURCES = ("/Dc/Battery/VoltageService", "/Dc/Battery/BatteryService")
DEVICE_VOLTAGE = "/Dc/0/Voltage"

_log = logging.getLogger(__name__)


class Vbat:
    """Keeps the newest voltage and when it was measured."""

    def __init__(self) -> None:
        self._voltage_v: float | None = None
        self._taken_at_s = -math.inf

    def take(self, voltage_v: float | None, taken_at_s: float) -> None:
        """A newer measurement; None: it could not be made."""
        self._voltage_v, self._taken_at_s = voltage_v, taken_at_s

    def voltage_v(self, now_s: float) -> float | None:
        """The newest, while it is fresh."""
        return self._voltage_v if now_s - self._taken_at_s <= FRESH_S else None


class ReadVbat:
    """Reads it once a second by `read`, which may take its time and raise OSError or ValueError."""

    def __init__(self, where: str, read: Callable[[], float], vbat: Vbat) -> None:
        self._where = where
        self._read = read
        self._vbat = vbat
        self._trouble = TroubleLog(_log)

    async def run(self) -> NoReturn:
        """Read until cancelled; an ADC may take its time, so not on the loop."""
        while True:
            began_at_s = asyncio.get_running_loop().time()
            try:
                voltage_v = finite(await asyncio.to_thread(self._read))
            except (OSError, ValueError) as error:
                self._trouble.failure(f"Vbat from {self._where}", str(error))
                voltage_v = None
            else:
                self._trouble.recovery(f"Vbat from {self._where}")
            self._vbat.take(voltage_v, began_at_s)
            await asyncio.sleep(PERIOD_S)


def of_file(path: str, volts_per_count: float) -> float:
    """The number in a file times its scale; raises OSError or ValueError."""
    return float(Path(path).read_text(encoding="ascii")) * volts_per_count


def bus_vbat(bus: str, service: str, vbat: Vbat) -> BusValues:
    """The voltage that a service measures; that of the system only while it is not our own again."""
    if service != SYSTEM:
        return BusValues(
            bus, service, (DEVICE_VOLTAGE,), lambda values, at_s: _take(vbat, values[DEVICE_VOLTAGE], at_s)
        )
    trouble = TroubleLog(_log)

    def take(values: Values, asked_at_s: float) -> None:
        if any(str(values[source]).startswith(SERVICE_PREFIX) for source in SYSTEM_SOURCES):
            trouble.failure(
                "Vbat from the system", "it is our own: name the service of another device that measures it"
            )
            vbat.take(None, asked_at_s)
            return
        trouble.recovery("Vbat from the system")
        _take(vbat, values[SYSTEM_VOLTAGE], asked_at_s)

    return BusValues(bus, service, (SYSTEM_VOLTAGE, *SYSTEM_SOURCES), take)


def _take(vbat: Vbat, value: object, asked_at_s: float) -> None:
    vbat.take(finite(value), asked_at_s)
