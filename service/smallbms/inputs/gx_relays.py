"""The relays of a GX as Venus OS has them set: ours only while nothing else switches or inverts them.

Which settings those are: gui-v2's page "Relay" and dbus-systemcalc-py's relaystate.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import NoReturn

from smallbms.errors import ConfigError, LinkError
from velib_python._signals import CHANGE_SIGNALS
from velib_python.connection import Connection, connect
from velib_python.errors import VelibError
from velib_python.items import BUS_ITEM, find_value, set_value
from velib_python.settingsdevice import SETTINGS_SERVICE

MANUAL, NORMALLY_OPEN, OPEN = 2, 0, 0
START_LIMIT_S = 10.0  # for localsettings, at boot; then a supervisor tries again
RETRY_S = 1.0
LOOK_S = 10.0  # at least so often, should a signal be lost

_log = logging.getLogger(__name__)


class GxRelays:
    """`faults` says by output why its relay is not ours; `relays` are numbers on the bus by output."""

    def __init__(self, bus: str, relays: Mapping[str, int], on_change: Callable[[], None]) -> None:
        self.faults: Mapping[str, str] = {}
        self._bus = bus
        self._relays = relays
        self._on_change = on_change
        self._news = asyncio.Event()
        self._failed = False

    async def start(self) -> None:
        """Return if all are ours; raise ConfigError if not, LinkError if that cannot be told in START_LIMIT_S."""
        refusal: Exception | None = None
        try:
            async with asyncio.timeout(START_LIMIT_S):
                while True:
                    try:
                        faults = await self._first_look()
                        break
                    except (OSError, VelibError) as error:
                        refusal = error
                    await asyncio.sleep(RETRY_S)
        except TimeoutError:
            raise LinkError(f"whose the relays are, localsettings does not say: {refusal or 'no answer'}") from None
        if faults:
            raise ConfigError("\n".join(faults.values()))

    async def run(self) -> NoReturn:
        """Follow the settings until cancelled; while they cannot be read, what was last read stands."""
        while True:
            try:
                await self._follow()
            except (OSError, VelibError) as error:
                level = logging.DEBUG if self._failed else logging.WARNING
                _log.log(level, "the settings of the relays cannot be read: %s", str(error) or "no answer")
                self._failed = True
            await asyncio.sleep(RETRY_S)

    async def _first_look(self) -> dict[str, str]:
        connection = await _connected(self._bus)
        try:
            return await self._look(connection)
        finally:
            await connection.close()

    async def _follow(self) -> None:
        connection = await _connected(self._bus)
        try:
            for member in CHANGE_SIGNALS:
                await connection.add_signal_handler(
                    lambda signal: self._news.set(), interface=BUS_ITEM, member=member, sender=SETTINGS_SERVICE
                )
            while True:
                self._news.clear()
                self._take(await self._look(connection))
                self._failed = False
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._news.wait()
                except TimeoutError:
                    continue
        finally:
            await connection.close()

    async def _look(self, connection: Connection) -> dict[str, str]:
        faults = await foreign(connection, self._relays)
        for relay in (number for output, number in self._relays.items() if output not in faults):
            await _keep_open(connection, relay)
        return faults

    def _take(self, faults: Mapping[str, str]) -> None:
        if faults == self.faults:
            return
        for output in faults.keys() - self.faults.keys():
            _log.error("%s is kept off: %s", output, faults[output])
        for output in self.faults.keys() - faults.keys():
            _log.info("%s: its relay is ours again; acknowledge the fault", output)
        self.faults = faults
        self._on_change()


async def foreign(connection: Connection, relays: Mapping[str, int]) -> dict[str, str]:
    """Say by output why a relay is not ours. Raises OSError, VelibError."""
    faults = {output: await _fault(connection, relay) for output, relay in relays.items()}
    return {output: f"relay {relays[output]}: {fault} (Settings → Relay)" for output, fault in faults.items() if fault}


async def _keep_open(connection: Connection, relay: int) -> None:
    """No relay may be closed by the start of a GX, before there is a BMS; a toggle in the GUI would have it so."""
    path = f"/Settings/Relay/{relay}/InitialState"
    if await _get(connection, path) in (None, OPEN):
        return
    if not await set_value(connection, SETTINGS_SERVICE, path, OPEN):
        _log.warning("localsettings does not let relay %d be open after a start of this GX", relay)


async def _fault(connection: Connection, relay: int) -> str:
    group = "/Settings/Relay" if relay == 0 else f"/Settings/Relay/{relay}"
    function = await _get(connection, f"{group}/Function")
    if function is None:
        return "this Venus OS has no function for it, so that nobody can say whose it is"
    if function != MANUAL:
        return f"its function is {function}, it must be Manual ({MANUAL})"
    if await _get(connection, f"{group}/Polarity") not in (None, NORMALLY_OPEN):
        return "its polarity must be Normally open"
    return ""


async def _get(connection: Connection, path: str) -> object:
    """A setting; None if there is no such one."""
    value: object = await find_value(connection, SETTINGS_SERVICE, path)
    return value


async def _connected(bus: str) -> Connection:
    try:
        return await connect(bus)
    except ValueError as error:
        raise ConnectionError(str(error)) from error
