"""What is remembered of a broker over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

_EVENT, _DISCOVERED = "event", "discovered"


class Shelf(Protocol):
    """Where it is kept: the store, which writes it when it may."""

    def save(self, name: str, data: dict[str, object]) -> None: ...


class Notes:
    """`event`: the number of the newest event that the broker has; `discovered`: Home Assistant was told of us.

    `kept` is what `slot` held at the start, None for a new broker: it hears of events after `newest`.
    """

    def __init__(self, shelf: Shelf, slot: str, kept: Mapping[str, Any] | None, *, newest: int) -> None:
        self._shelf = shelf
        self._slot = slot
        event = kept.get(_EVENT) if kept else None
        self.event = event if isinstance(event, int) else newest
        self.discovered = kept is not None and kept.get(_DISCOVERED) is True

    def has_event(self, number: int) -> None:
        self.event = number
        self._save()

    def has_discovered(self, discovered: bool) -> None:
        if discovered is not self.discovered:
            self.discovered = discovered
            self._save()

    def _save(self) -> None:
        self._shelf.save(self._slot, {_EVENT: self.event, _DISCOVERED: self.discovered})
