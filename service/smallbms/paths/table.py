"""The whole table of bus paths, for a bank of a given shape."""

from __future__ import annotations

from smallbms.core.state import Snapshot
from smallbms.frozen import frozen
from smallbms.paths import bank, battery, device, history, settings, verdict
from smallbms.paths.row import Group


@frozen
class Shape:
    """What the number of paths depends on: the cells of each battery, and of the string if there is only one.

    It only grows: a path once there stays, invalid if need be.
    """

    cells: tuple[int, ...] = ()
    string_cells: int = 0

    def grown(self, snapshot: Snapshot) -> Shape:
        """The shape that also holds this snapshot; the same object if nothing is new."""
        pack = snapshot.decision.bank
        now = tuple([bank.cells_of(b) for b in pack.batteries])
        known = self.cells + (0,) * (len(now) - len(self.cells))
        cells = tuple(map(max, known, now + (0,) * (len(known) - len(now))))
        string_cells = max(self.string_cells, sum(now)) if pack.parallel == 1 else self.string_cells
        if cells == self.cells and string_cells == self.string_cells:
            return self
        return Shape(cells=cells, string_cells=string_cells)


def groups_for(shape: Shape) -> tuple[Group, ...]:
    """All rows; what is told at once comes first."""
    return (
        *verdict.GROUPS,
        settings.GROUP,
        *device.GROUPS,
        bank.GROUP,
        *history.GROUPS,
        battery.status_group(len(shape.cells)),
        battery.request_group(len(shape.cells)),
        *(group for number, cells in enumerate(shape.cells, 1) for group in battery.battery_groups(number, cells)),
        *((battery.string_group(shape.string_cells),) if shape.string_cells else ()),
    )
