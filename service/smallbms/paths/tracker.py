"""What of the table has changed since the last look, at little cost; one tracker for each publisher."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from smallbms.core.state import Snapshot
from smallbms.paths.row import Group
from smallbms.setting_row import Value

Values = dict[str, Value | None]

_NEVER = object()  # equal to nothing a getter returns


class Tracker:
    """Values as published; what it returns counts as published."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._followed = [_Followed(group) for group in groups]
        self._urgent = [(followed, at_once) for followed in self._followed if (at_once := followed.group.at_once)]

    def urgent(self, snapshot: Snapshot) -> Values:
        """The changes of those groups that have something to tell at once; mostly none."""
        changes: Values = {}
        for followed, at_once in self._urgent:
            if followed.is_news(at_once(snapshot)):
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
            followed.forget(paths)


class _Followed:
    """One group and what was last seen of it: its part, its urgent facts, each row's raw and published value."""

    __slots__ = ("_facts", "_part", "_published", "_raw", "_rows", "group")

    def __init__(self, group: Group) -> None:
        self.group = group
        self._rows = tuple((index, row.path, row.get, row.form.take) for index, row in enumerate(group.rows))
        self._part: object = _NEVER
        self._facts: object = _NEVER
        self._raw: list[Any] = [_NEVER] * len(group.rows)
        self._published: list[Any] = [_NEVER] * len(group.rows)

    def is_news(self, facts: object) -> bool:
        if facts is self._facts or facts == self._facts:
            return False
        self._facts = facts
        return True

    def collect(self, snapshot: Snapshot, changes: Values) -> None:
        part = self.group.source(snapshot)
        if part is self._part:
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

    def forget(self, paths: Collection[str]) -> None:
        for index, row in enumerate(self.group.rows):
            if row.path in paths:
                self._part = self._facts = self._raw[index] = self._published[index] = _NEVER
