"""Whom a GX obeys: it says so itself, and a person has to know when it is not this BMS.

A GX takes its limits from one BMS and its state of charge from one battery (`com.victronenergy.system`). Batteries that
are on the bus by themselves may be taken for either, beside this BMS that sees them as one bank.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from smallbms.trouble import TroubleLog
from velib_python.connection import Connection
from velib_python.errors import DbusError
from velib_python.items import get_value

SYSTEM = "com.victronenergy.system"
OBEYED, SHOWN = "/ActiveBmsService", "/ActiveBatteryService"
PERIOD_S = 3.0
CONFIRM_S = 1.0  # a GX needs a moment when a service appears: what it says at once is asked again
CURE = "smallbms check --select makes it this BMS"

_log = logging.getLogger(__name__)


def battery_of(instance: int) -> str:
    """A battery as a GX names it in its choices."""
    return f"com.victronenergy.battery/{instance}"


def advice(obeyed: str | None, shown: str | None, *, name: str, instance: int) -> tuple[str, ...]:
    """What is wrong with a GX's choice of the BMS it obeys, and of the battery it shows."""
    said = []
    if obeyed != name:
        said.append(f"the GX obeys {obeyed or 'no BMS'}: {CURE}")
    if shown != battery_of(instance):
        said.append(f"the GX shows the state of charge of {shown or 'no battery'}: {CURE}")
    return tuple(said)


async def ask(connection: Connection, name: str, instance: int) -> tuple[str, ...]:
    """Ask the GX on this bus, and judge its choice; nothing to say where there is none. Raises ConnectionError."""
    try:
        chosen = [await get_value(connection, SYSTEM, path) for path in (OBEYED, SHOWN)]
    except (DbusError, TimeoutError):
        return ()
    obeyed, shown = (value if isinstance(value, str) else None for value in chosen)
    return advice(obeyed, shown, name=name, instance=instance)


class GxChoice:
    """Asks from time to time; `advice` is what was so twice in a row."""

    def __init__(self, connection: Connection, name: str, instance: Callable[[], int]) -> None:
        self.advice: tuple[str, ...] = ()
        self._connection = connection
        self._name = name
        self._instance = instance
        self._trouble = TroubleLog(_log)

    async def run(self) -> NoReturn:
        """Ask until the connection is closed, which cancels this."""
        before: tuple[str, ...] = ()
        while True:
            now = await ask(self._connection, self._name, self._instance())
            self.advice = tuple(text for text in now if text in before)
            wait_s = PERIOD_S if now == before else CONFIRM_S
            before = now
            if self.advice:
                self._trouble.failure(SYSTEM, "; ".join(self.advice))
            elif not now:
                self._trouble.recovery(SYSTEM)
            await asyncio.sleep(wait_s)
