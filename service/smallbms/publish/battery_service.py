"""com.victronenergy.battery.…: the table of paths as a service on one connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from smallbms.core.state import Snapshot
from smallbms.errors import SettingsError
from smallbms.model import BatteryModel
from smallbms.paths import Row, Values
from smallbms.paths.form import Form
from smallbms.publish.feed import Door, Feed
from velib_python.connection import Connection
from velib_python.vedbus import VeDbusService

_INSTANCE = "/DeviceInstance"
MODE = "/Mode"  # On once more gives a held low-cell trip free
_ORIGIN = "D-Bus"

log = logging.getLogger(__name__)


class BatteryService:
    """Shows Snapshots: what is decided at once, what is measured once a second, each time as one ItemsChanged.

    Writes go to the door and come back with the next Snapshot; nothing else can be written.
    """

    def __init__(self, connection: Connection, name: str, snapshot: Snapshot, *, instance: int, door: Door) -> None:
        self._service = VeDbusService(name, connection)
        self._instance = instance
        self._feed = Feed(door, _ORIGIN)
        self._rows: dict[str, Row] = {}
        self._snapshot = snapshot
        self._writable: list[Row] = []
        self._bounds_of = _bank(snapshot)
        self.show(snapshot, 0.0)

    async def register(self) -> None:
        """Take the name; NameTakenError if another has it."""
        await self._service.register()

    @property
    def instance(self) -> int:
        """The device instance under which it is on the bus."""
        return self._instance

    async def move(self, instance: int) -> None:
        """Leave the bus and come back under another device instance: a GX reads it only when a service appears."""
        if instance != self._instance:
            self._instance = instance
            await self._service.unregister()
            self._service.update({_INSTANCE: instance})
            await self._service.register()

    def show(self, snapshot: Snapshot, now_s: float) -> None:
        """Publish what is new in a snapshot."""
        self._snapshot = snapshot
        values = self._feed.news(snapshot, now_s)
        if not values:
            return
        with self._service:
            self._extend()
            self._fit_bounds()
            self._tell(values)

    def _tell(self, values: Values) -> None:
        if _INSTANCE in values:
            values[_INSTANCE] = self._instance
        self._service.update(values)

    def _extend(self) -> None:
        """Add the paths of rows that have come."""
        if self._rows is not self._feed.rows:
            self._rows = self._feed.rows
            for row in self._rows.values():
                if row.path not in self._service:
                    self._add(row)

    def _fit_bounds(self) -> None:
        """Give writable paths the bounds of the batteries that were found."""
        if self._bounds_of == (found := _bank(self._snapshot)):
            return
        self._bounds_of = found
        for row in self._writable:
            value = self._service[row.path]
            self._service.remove_path(row.path)
            self._add_writable(row, value)

    def _add(self, row: Row) -> None:
        if row.writes is None:
            self._service.add_path(
                row.path, signature=row.form.signature, gettext=_gettext(row.form), description=row.note
            )
        else:
            self._writable.append(row)
            self._add_writable(row, None)

    def _add_writable(self, row: Row, value: Any) -> None:
        bounds = row.bounds(self._snapshot)
        self._service.add_path(
            row.path, value, signature=row.form.signature, gettext=_gettext(row.form), description=row.note,
            writeable=True, onchange=self._written,
            minimum=bounds.minimum, maximum=bounds.maximum, default=bounds.default,
            ask_always=row.path == MODE,
        )  # fmt: skip

    def _written(self, path: str, value: Any) -> bool:
        """Whether a SetValue is taken."""
        try:
            self._feed.write(path, value)
        except SettingsError as refusal:
            log.info("%s refused: %s", path, refusal)
            return False
        return True


def _bank(snapshot: Snapshot) -> tuple[BatteryModel | None, int | None]:
    """What the bounds depend on."""
    return snapshot.decision.bank.model, snapshot.decision.bank.series


def _gettext(form: Form) -> Callable[[str, Any], str]:
    return lambda _, value: form.text(value)
