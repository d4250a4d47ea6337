"""Batteries that other services have on the D-Bus, on one connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from smallbms.backoff import BACK_OFF_S, BackOff
from smallbms.drivers.victron_dbus import CONNECTED, PATHS, VictronBattery
from smallbms.errors import LinkError
from smallbms.links.base import Unasked
from smallbms.links.tally import Tally
from smallbms.model import BatteryReading, LinkHealth
from smallbms.trouble import TroubleLog
from smallbms.words import LinkFault
from velib_python import Connection, DbusError, DbusMonitor, connect
from velib_python.items import get_value

TICK_S = 1.0
ASK_AFTER_S = 1.5  # of silence: a service that says nothing new is asked whether it is there
ANSWER_S = 1.5
SILENT_S = 5.0  # before silence is said
SCAN_S = 15.0  # a service that is there and cannot be read by then is begun anew, with a new connection

_log = logging.getLogger(__name__)


class BusLink(Unasked):
    """Follows the services with these numbers; one that is ourselves, by its serial, is never read.

    A service may come, go and come back with another owner at any time; so may the bus.
    """

    def __init__(
        self,
        bus: str,
        services: Mapping[str, int],
        *,
        own_serial: str,
        on_reading: Callable[[int, BatteryReading], None],
    ) -> None:
        self._bus = bus
        self._services = dict(services)
        self._batteries = {name: VictronBattery(key=f"victron-dbus:{name}") for name in services}
        self._own_serial = own_serial
        self._on_reading = on_reading
        self._trouble = TroubleLog(_log)
        self._due: dict[str, asyncio.Handle] = {}  # readings to be handed on once all of a change was taken
        self._silent_since_s: dict[str, float] = {}
        self._tally = Tally("D-Bus", _log)

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset(self._services.values())

    @property
    def health(self) -> LinkHealth:
        return self._tally.health(self.numbers)

    async def run(self) -> None:
        """Follow until cancelled; then the connection is closed."""
        back_off = BackOff(*BACK_OFF_S)
        while True:
            frames_before = self._tally.frames_ok
            try:
                await self._follow()
            except (OSError, DbusError, LinkError, ValueError) as error:
                self._failed(LinkFault.PORT, "the bus", str(error) or "no answer")
            if self._tally.frames_ok > frames_before:
                back_off.worked()
            await back_off.wait()

    async def _follow(self) -> None:
        """Be on the bus until that is lost."""
        connection = await connect(self._bus)
        try:
            monitor = DbusMonitor(
                connection,
                {name: PATHS for name in self._services},
                on_value=self._on_value,
                on_added=lambda name, _: self._find_all(monitor, name),
                on_removed=lambda name, _: self._on_removed(name),
            )
            await monitor.start()
            self._tally.open = True
            self._trouble.recovery("the bus")
            while True:
                work = [self._look_after(connection, monitor, name) for name in self._services]
                for outcome in await asyncio.gather(*work, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
                await asyncio.sleep(TICK_S)
        finally:
            self._tally.open = False
            self._silent_since_s.clear()
            for name in self._services:
                self._on_removed(name)
            await connection.close()

    async def _look_after(self, connection: Connection, monitor: DbusMonitor, name: str) -> None:
        """Ask a quiet service whether it is there, and hand on what holds; raises LinkError for one never read."""
        loop = asyncio.get_running_loop()
        if name not in monitor.get_service_list():
            (there,) = await connection.call_daemon("NameHasOwner", "s", name)
            since_s = self._silent(name, "cannot be read" if there else "is not on the bus")
            if there and loop.time() - since_s >= SCAN_S:
                raise LinkError(f"{name} is there and cannot be read")
            return
        battery = self._batteries[name]
        if loop.time() - battery.heard_at_s >= ASK_AFTER_S:
            try:
                connected = await get_value(connection, name, CONNECTED, timeout_s=ANSWER_S)
            except (DbusError, TimeoutError) as error:
                self._silent(name, str(error) or "no answer")
                return
            battery.take(CONNECTED, connected, loop.time())
        self._tell(name)

    def _find_all(self, monitor: DbusMonitor, name: str) -> None:
        for path in PATHS:
            if monitor.seen(name, path):
                self._batteries[name].find(path, monitor.get_value(name, path))

    def _on_removed(self, name: str) -> None:
        self._batteries[name].forget()
        if due := self._due.pop(name, None):
            due.cancel()

    def _on_value(self, name: str, path: str, value: Any) -> None:
        loop = asyncio.get_running_loop()
        self._batteries[name].take(path, value, loop.time())
        if name not in self._due:
            self._due[name] = loop.call_soon(self._tell, name)

    def _tell(self, name: str) -> None:
        self._due.pop(name, None)
        reading = self._batteries[name].reading(asyncio.get_running_loop().time())
        if reading is None:
            self._silent(name, "shows no values of now")
        elif reading.identity.serial == self._own_serial:
            self._silent(name, "is this BMS itself")
        else:
            self._tally.frames_ok += 1
            self._silent_since_s.pop(name, None)
            self._trouble.recovery(name)
            self._on_reading(self._services[name], reading)

    def _silent(self, name: str, why: str) -> float:
        """No reading of this service: since when (loop time); said when it lasts."""
        now_s = asyncio.get_running_loop().time()
        since_s = self._silent_since_s.setdefault(name, now_s)
        if now_s - since_s >= SILENT_S:
            self._failed(LinkFault.SILENCE, name, why)
        return since_s

    def _failed(self, fault: LinkFault, subject: str, text: str) -> None:
        self._tally.fault(fault, f"{subject}: {text}")
        self._trouble.failure(subject, text)
