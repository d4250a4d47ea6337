"""What everyone shows who shows the table of paths: which values are due, and how a write of one is taken. No I/O."""

from __future__ import annotations

from typing import Protocol

from smallbms.core.state import Snapshot
from smallbms.errors import SettingsError
from smallbms.paths import Echo, Row, Shape, Tracker, Values, cells_in_series, groups_for
from smallbms.setting_row import SettingRow
from smallbms.settings import Settings, from_bus

MEASURED_EVERY_S = 1.0
_EARLY_S = 0.05  # a snapshot this early is the one that is due, not half a second before it


class Door(Protocol):
    """Where wishes go in: `settings` are those in force."""

    @property
    def settings(self) -> Settings: ...

    def apply(self, name: str, value: object, origin: str) -> None:
        """Take a wish, a setting in its own unit; raise SettingsError to refuse it."""


class Feed:
    """What is decided comes at once, what is measured once a second; a write goes to the door and comes back with the
    next Snapshot. `rows` by path; more of them, in another dict, once the batteries have shown more of themselves.
    """

    def __init__(self, door: Door, origin: str) -> None:
        self.rows: dict[str, Row] = {}
        self._door = door
        self._origin = origin
        self._snapshot: Snapshot | None = None
        self._shape = Shape()
        self._tracker = Tracker(())
        self._due_s = float("-inf")

    def news(self, snapshot: Snapshot, now_s: float) -> Values:
        """Return what is to be shown of the newest Snapshot; every value at first, and when rows have come."""
        if self._snapshot is None or snapshot.decision.bank.online != self._snapshot.decision.bank.online:
            self._due_s = float("-inf")  # nobody waits a second for a battery that came, or went
        self._snapshot = snapshot
        if now_s < self._due_s - _EARLY_S:
            return self._tracker.urgent(snapshot)
        self._due_s = now_s + MEASURED_EVERY_S
        shape = self._shape.grown(snapshot)
        if shape is not self._shape:
            groups = groups_for(shape)
            self._shape, self._tracker = shape, Tracker(groups)
            self.rows = {row.path: row for group in groups for row in group.rows}
        return self._tracker.changed(snapshot)

    def write(self, path: str, value: object) -> None:
        """Take a value in the unit of its path; what somebody only wants to see again is not kept here.

        Raises SettingsError to refuse it.
        """
        row = self.rows.get(path)
        if row is None or row.writes is None or self._snapshot is None:
            raise SettingsError(f"{path} cannot be written")
        if isinstance(row.writes, Echo):
            return
        if isinstance(row.writes, SettingRow):
            model = self._snapshot.decision.bank.model
            value = from_bus(row.writes, value, model, cells_in_series(self._snapshot))
        self._door.apply(row.writes.name, value, self._origin)
        self._tracker.forget((path,))  # what the next snapshot says of it is the truth
