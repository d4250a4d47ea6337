"""com.victronenergy.battery.…: the table of paths as a service on one connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from smallbms.core.state import Snapshot
from smallbms.errors import SettingsError
from smallbms.model import BatteryModel
from smallbms.paths import Echo, Row, Shape, Tracker, Values, cells_in_series, groups_for
from smallbms.paths.form import Form
from smallbms.setting_row import SettingRow
from smallbms.settings import Settings, from_bus
from velib_python.connection import Connection
from velib_python.vedbus import VeDbusService

MEASURED_EVERY_S = 1.0
_EARLY_S = 0.05  # a snapshot this early is the one that is due, not half a second before it
_INSTANCE = "/DeviceInstance"
MODE = "/Mode"  # On once more gives a held low-cell trip free
_ORIGIN = "D-Bus"

log = logging.getLogger(__name__)


class Door(Protocol):
    """Where wishes go in: `settings` are those in force."""

    @property
    def settings(self) -> Settings: ...

    def apply(self, name: str, value: object, origin: str) -> None:
        """Take a wish, a setting in its own unit; raise SettingsError to refuse it."""


class BatteryService:
    """Shows Snapshots: what is decided at once, what is measured once a second, each time as one ItemsChanged.

    Writes go to the door and come back with the next Snapshot; nothing else can be written.
    """

    def __init__(self, connection: Connection, name: str, snapshot: Snapshot, *, instance: int, door: Door) -> None:
        self._service = VeDbusService(name, connection)
        self._instance = instance
        self._door = door
        self._snapshot = snapshot
        self._shape = Shape()
        self._tracker = Tracker(())
        self._writable: list[Row] = []
        self._bounds_of = _bank(snapshot)
        self._due_s = float("-inf")
        self.show(snapshot, 0.0)

    async def register(self) -> None:
        """Take the name; NameTakenError if another has it."""
        await self._service.register()

    async def move(self, instance: int) -> None:
        """Leave the bus and come back under another device instance: a GX reads it only when a service appears."""
        if instance != self._instance:
            self._instance = instance
            await self._service.unregister()
            self._service.update({_INSTANCE: instance})
            await self._service.register()

    def show(self, snapshot: Snapshot, now_s: float) -> None:
        """Publish what is new in a snapshot."""
        if snapshot.decision.bank.online != self._snapshot.decision.bank.online:
            self._due_s = float("-inf")  # nobody waits a second for a battery that came, or went
        self._snapshot = snapshot
        if now_s < self._due_s - _EARLY_S:
            self._tell(self._tracker.urgent(snapshot))
            return
        self._due_s = now_s + MEASURED_EVERY_S
        with self._service:
            shape = self._shape.grown(snapshot)
            if shape is not self._shape:
                self._extend(shape)
            self._fit_bounds()
            self._tell(self._tracker.changed(snapshot))

    def _tell(self, values: Values) -> None:
        if _INSTANCE in values:
            values[_INSTANCE] = self._instance
        if values:
            self._service.update(values)

    def _extend(self, shape: Shape) -> None:
        """Add the rows that the grown shape brings; a new tracker publishes everything anew."""
        groups = groups_for(shape)
        for group in groups:
            for row in group.rows:
                if row.path not in self._service:
                    self._add(row)
        self._shape = shape
        self._tracker = Tracker(groups)

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
            writeable=True, onchange=partial(self._written, row),
            minimum=bounds.minimum, maximum=bounds.maximum, default=bounds.default,
            ask_always=row.path == MODE,
        )  # fmt: skip

    def _written(self, row: Row, path: str, value: Any) -> bool:
        """Whether a SetValue is taken."""
        if row.writes is None or isinstance(row.writes, Echo):
            return True
        try:
            if isinstance(row.writes, SettingRow):
                model = self._snapshot.decision.bank.model
                value = from_bus(row.writes, value, model, cells_in_series(self._snapshot))
            self._door.apply(row.writes.name, value, _ORIGIN)
        except SettingsError as refusal:
            log.info("%s refused: %s", path, refusal)
            return False
        self._tracker.forget((path,))  # what the next snapshot says of it is the truth
        return True


def _bank(snapshot: Snapshot) -> tuple[BatteryModel | None, int | None]:
    """What the bounds depend on."""
    return snapshot.decision.bank.model, snapshot.decision.bank.series


def _gettext(form: Form) -> Callable[[str, Any], str]:
    return lambda _, value: form.text(value)
