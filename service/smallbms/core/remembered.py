"""What is remembered of one battery from one reading to the next."""

from __future__ import annotations

from math import inf

from smallbms.frozen import frozen
from smallbms.model import Battery, BatteryReading


@frozen
class Doubts:
    """What counts up towards a loss: readings in a row with an unread cell, a wrong sum, no sensor, a strange face."""

    unread: int = 0
    unread_since_s: float = 0.0
    sum_off: int = 0
    sensorless: int = 0
    strange: int = 0


NO_DOUBT = Doubts()


@frozen
class BatteryMemory:
    """What is remembered of one battery; `key` and `cell_count` are those it was first read with.

    `cells_v`, `cells_at_s`: the last time that all cells were read, against which a jump is judged; the lowest and the
    highest where single cells are not given, for neither moves further than a cell.
    """

    raw: BatteryReading
    battery: Battery
    key: str
    cell_count: int
    cells_v: tuple[float | None, ...] = ()
    cells_at_s: float = -inf
    doubts: Doubts = NO_DOUBT
