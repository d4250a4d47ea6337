"""What of the table has changed since the last look, at little cost; one tracker for each publisher."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from smallbms.core.state import Snapshot
from smallbms.paths.row import Group
from smallbms.setting_row import Value

Values = dict[str, Value | None]

_COMPARED = (tuple, dict)  # where that costs less than to ask each row
_NEVER = object()  # equal to nothing a getter returns


class Tracker:
    """Values as published; what it returns counts as published."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._followed = [_Followed(group) for group in groups]
        self._facts: dict[Callable[[Snapshot], object], object] = {
            followed.group.at_once: _NEVER for followed in self._followed if followed.group.at_once
        }

    def urgent(self, snapshot: Snapshot) -> Values:
        """The changes of those groups that have something to tell at once; mostly none."""
        changes: Values = {}
        for at_once, before in self._facts.items():
            facts = at_once(snapshot)
            if facts is before or facts == before:
                continue
            self._facts[at_once] = facts
            for followed in self._followed:
                if followed.group.at_once is at_once:
                    followed.collect(snapshot, changes)
        return changes

    def changed(self, snapshot: Snapshot) -> Values:
        """All changes; at first, all values."""
        changes: Values = {}
        for followed in self._followed:
            followed.collect(snapshot, changes)
        return changes

    def forget(self, paths: Collection[str]) -> None:
        """Give these again next time, at once where their group is told so: somebody else has changed them."""
        for followed in self._followed:
            if followed.forget(paths) and followed.group.at_once:
                self._facts[followed.group.at_once] = _NEVER


class _Followed:
    """One group and what was last seen of it: its part, each row's raw and published value."""

    __slots__ = ("_part", "_published", "_raw", "_rows", "group")

    def __init__(self, group: Group) -> None:
        self.group = group
        self._rows = tuple((index, row.path, row.get, row.form.take) for index, row in enumerate(group.rows))
        self._part: object = _NEVER
        self._raw: list[Any] = [_NEVER] * len(group.rows)
        self._published: list[Any] = [_NEVER] * len(group.rows)

    def collect(self, snapshot: Snapshot, changes: Values) -> None:
        part = self.group.source(snapshot)
        if part is self._part or (type(part) in _COMPARED and part == self._part):
            return
        self._part = part
        raw_values, published = self._raw, self._published
        for index, path, get, take in self._rows:
            raw = None if part is None else get(part)
            if raw == raw_values[index]:
                continue
            raw_values[index] = raw
            value = take(raw)
            if value != published[index]:
                published[index] = value
                changes[path] = value

    def forget(self, paths: Collection[str]) -> bool:
        """Whether one of them is here."""
        found = False
        for index, row in enumerate(self.group.rows):
            if row.path in paths:
                self._part = self._raw[index] = self._published[index] = _NEVER
                found = True
        return found
