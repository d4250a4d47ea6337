"""What is remembered of a broker over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

HEARD_BY = "heard_by"  # in a minute that waits: the slots of the brokers that were there
_DISCOVERED = "discovered"


class Kind(StrEnum):
    """What waits for a broker, and its own topic."""

    EVENT = "event"
    MINUTE = "minute"


class Shelf(Protocol):
    """Where it is kept: the store, which writes it when it may."""

    def save(self, name: str, data: dict[str, object]) -> None: ...


class Notes:
    """The number of the newest event and minute that the broker has; `discovered`: Home Assistant was told of us.

    `kept` is what `slot` held at the start, None for a new broker: it hears of what comes after the `newest`.
    """

    def __init__(self, shelf: Shelf, slot: str, kept: Mapping[str, Any] | None, *, newest: Mapping[Kind, int]) -> None:
        self._shelf = shelf
        self.slot = slot
        new = kept is None
        kept = kept or {}
        self._marks = {kind: number if isinstance(number := kept.get(kind), int) else newest[kind] for kind in Kind}
        self.discovered = kept.get(_DISCOVERED) is True
        if new:
            self._save()  # so that it gets what comes while it is away, also after a restart

    def mark(self, kind: Kind) -> int:
        return self._marks[kind]

    def has(self, kind: Kind, number: int) -> None:
        """The broker has this one, and all before it."""
        self._marks[kind] = number
        self._save()

    def has_discovered(self, discovered: bool) -> None:
        if discovered is not self.discovered:
            self.discovered = discovered
            self._save()

    def _save(self) -> None:
        marks: dict[str, object] = {kind.value: number for kind, number in self._marks.items()}
        self._shelf.save(self.slot, {**marks, _DISCOVERED: self.discovered})
