"""What waits to be written to one file, and when it is due."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

from .files import JsonObject

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0


class Outlet:
    """Keeps the newest `capacity` objects until `write` has taken them; pure but for what `write` does.

    `write` takes the objects, oldest first, and returns how many of them it wrote.
    """

    def __init__(self, write: Callable[[Sequence[JsonObject]], int], *, capacity: int, interval_s: float) -> None:
        self.write = write
        self.due_s = math.inf
        self.error: str | None = None
        self._interval_s = interval_s
        self._waiting: deque[tuple[int, JsonObject]] = deque(maxlen=capacity)
        self._numbers = count()
        self._begun_s = -math.inf
        self._retry_s = FIRST_RETRY_S

    def put(self, item: JsonObject, now_s: float, *, urgent: bool) -> None:
        """Add one; urgent is due at once, else `interval_s` after the last write began."""
        self._waiting.append((next(self._numbers), item))
        self.due_s = min(self.due_s, now_s if urgent else self._begun_s + self._interval_s)

    @property
    def is_waiting(self) -> bool:
        """Whether anything is still to be written."""
        return bool(self._waiting)

    def hasten(self, now_s: float) -> None:
        """What waits is due now."""
        if self._waiting:
            self.due_s = now_s

    def begin(self, now_s: float) -> tuple[tuple[int, JsonObject], ...]:
        """All that waits, numbered; it goes on waiting until `done`."""
        self.due_s = math.inf
        self._begun_s = now_s
        return tuple(self._waiting)

    def done(self, batch: Sequence[tuple[int, JsonObject]], written: int, now_s: float) -> None:
        """The first `written` of the batch are on the medium."""
        while self._waiting and self._waiting[0][0] <= batch[written - 1][0]:
            self._waiting.popleft()
        if not self._waiting:
            self.due_s = math.inf
        elif written < len(batch):
            self.due_s = now_s
        self.error = None
        self._retry_s = FIRST_RETRY_S

    def failed(self, error: str, now_s: float) -> None:
        """Nothing was written: try again later, and each time later still."""
        self.error = error
        self.due_s = min(self.due_s, now_s + self._retry_s)
        self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
