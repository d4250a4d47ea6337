"""The D-Bus publisher: keeps the service on the bus, whatever becomes of the bus. It never holds up a decision."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NoReturn

from smallbms.backoff import BackOff
from smallbms.config_tables import DBusTable
from smallbms.core.state import Snapshot
from smallbms.publish.battery_service import BatteryService
from smallbms.publish.feed import Door
from smallbms.publish.gx_choice import GxChoice
from smallbms.publish.localsettings import LocalSettings
from velib_python import Connection, connect
from velib_python._library import LibraryName
from velib_python.errors import VelibError

FIRST_RETRY_S = 0.25
LONGEST_RETRY_S = 1.0  # back within 2 s of the bus

log = logging.getLogger(__name__)


class DbusPublisher:
    """`publish` snapshots, the newest wins; `run` in a TaskGroup. `name` is the service's, for ever.

    `settings_kept`: the store held settings; otherwise those in localsettings are taken over, unless somebody has
    changed ours before.
    """

    def __init__(
        self,
        bus: DBusTable,
        *,
        name: str,
        door: Door,
        settings_kept: bool = True,
        library: LibraryName | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._bus = bus
        self._door = door
        self._untouched = None if settings_kept else door.settings
        self._library = library
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._begun = asyncio.Event()
        self._service: BatteryService | None = None
        self._local: LocalSettings | None = None
        self._choice: GxChoice | None = None
        self._failed = False

    def publish(self, snapshot: Snapshot) -> None:
        """Show a snapshot; returns at once, whether there is a bus or not."""
        self._snapshot = snapshot
        self._begun.set()
        if self._service is not None:
            self._service.show(snapshot, self._clock())
        if self._local is not None:
            self._local.follow()

    def advice(self) -> tuple[str, ...]:
        """What a person should know of a GX's choice of its BMS."""
        return self._choice.advice if self._choice is not None else ()

    async def run(self) -> NoReturn:
        """Be on the bus from the first snapshot on; come back when the bus does, or the name is free."""
        await self._begun.wait()
        back_off = BackOff(FIRST_RETRY_S, LONGEST_RETRY_S)
        while True:
            try:
                await self._be_on_the_bus()
                back_off.worked()
            except (OSError, VelibError) as error:
                self._report(str(error) or "no answer")
            await back_off.wait()

    async def _be_on_the_bus(self) -> None:
        """Connect and serve until the connection is gone."""
        connection = await self._connected()
        try:
            await self._offer(connection)
            lost = await connection.wait_closed()
        finally:
            self._service, self._local, self._choice = None, None, None
            await connection.close()
        self._report(f"the connection is lost: {lost or 'closed'}")

    async def _connected(self) -> Connection:
        try:
            return await connect(self._bus.bus, library=self._library)
        except ValueError as error:
            raise ConnectionError(str(error)) from error

    async def _offer(self, connection: Connection) -> None:
        """All paths first, with values, then the name."""
        snapshot = self._newest()
        instance = snapshot.identity.instance
        if self._bus.localsettings:
            unique = self.name.rpartition(".")[2]
            self._local = LocalSettings(
                connection, unique, instance=instance, untouched=self._untouched, door=self._door
            )
            await self._local.start()
            instance = self._local.instance
        service = BatteryService(connection, self.name, self._newest(), instance=instance, door=self._door)
        await service.register()
        self._service = service
        if self._local is not None:
            connection.spawn(self._keep(self._local, service))
        self._choice = GxChoice(connection, self.name, lambda: service.instance)
        connection.spawn(self._choice.run())
        service.show(self._newest(), self._clock())
        log.info("%s is on the bus, device instance %d", self.name, instance)
        self._failed = False

    async def _keep(self, local: LocalSettings, service: BatteryService) -> None:
        """Carry settings to and from localsettings; a changed device instance needs a new appearance."""
        while True:
            await local.work()
            self._untouched = local.untouched
            await service.move(local.instance)

    def _newest(self) -> Snapshot:
        assert self._snapshot is not None
        return self._snapshot

    def _report(self, text: str) -> None:
        log.log(logging.DEBUG if self._failed else logging.WARNING, "not on the bus: %s", text)
        self._failed = True
