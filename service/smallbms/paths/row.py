"""A row of the table of bus paths, and groups of rows that read the same part of a Snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smallbms.core.state import Snapshot
from smallbms.frozen import frozen
from smallbms.paths.form import Form
from smallbms.setting_row import Bounds, SettingRow
from smallbms.settings import ActionRow, bus_bounds

_PRESSED_OR_NOT = Bounds(minimum=0, maximum=1)


@frozen
class Echo:
    """A value that only comes back to whoever writes it: what a page of the GX is looking at."""

    bounds: Bounds


Writes = SettingRow | ActionRow | Echo


@dataclass(frozen=True, slots=True)
class Row:
    """One path: type, unit and text by its `form`; `get` reads its group's part of the Snapshot, None is invalid.

    `note` says for people what it is. Only a row that names what a write `writes` is writable.
    """

    path: str
    form: Form
    get: Callable[[Any], Any]
    note: str
    writes: Writes | None = None

    def bounds(self, snapshot: Snapshot) -> Bounds:
        """What may be written now, as the bus shows it."""
        match self.writes:
            case SettingRow():
                return bus_bounds(self.writes, snapshot.decision.bank.model, cells_in_series(snapshot))
            case ActionRow():
                return _PRESSED_OR_NOT
            case Echo():
                return self.writes.bounds
        return Bounds()


@frozen
class Group:
    """Rows over one part of a Snapshot: the same object, or an equal tuple or dict, as last time cannot hold a change.

    None makes all invalid.

    `at_once`: what must be told without delay when it changes; None for measured values, which may wait their turn.
    """

    rows: tuple[Row, ...]
    source: Callable[[Snapshot], Any]
    at_once: Callable[[Snapshot], object] | None = None


def cells_in_series(snapshot: Snapshot) -> int | None:
    """Cells of one string of the bank; None while that is not known."""
    bank = snapshot.decision.bank
    return bank.model.cells * bank.series if bank.model and bank.series else None
