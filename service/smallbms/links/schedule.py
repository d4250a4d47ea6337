"""Whose turn it is on a line that several batteries share; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from smallbms.drivers.base import Want

SILENT_AFTER = 3  # failures in a row
SILENT_SLOTS = 5  # of so many slots, or of a round of all that answer, the silent ones get one
RARELY_S = ((600.0, 30.0), (60.0, 10.0))  # who has been silent for so long is asked once in so long
# Of an awake one, before those near a limit get their own turn alone: with one slot more and a silent one in between
# every reading is still young enough to count as one of a row (FRESH_S in core/plausibility.py).
LONGEST_WAIT_S = 2.5
IDENTITY_POLLS = 120  # from one question about the identity to the next: a minute at the usual pace


WITH_IDENTITY = Want.ALL | Want.IDENTITY


class Slot(NamedTuple):
    """One battery's turn; `again`: with one question more, of those that it answered about its identity before."""

    number: int
    want: Want
    again: bool = False


@dataclass(slots=True)
class _Member:
    last_slot: int = 0  # the lower, the longer it has waited
    again_early: int = 0  # so many polls before every IDENTITY_POLLS, lest a round of all takes the longer
    polls: int = 0  # answered ones since it appeared
    failures: int = 0  # in a row
    asked_at_s: float = -inf
    silent_since_s: float = -inf

    def is_due(self, now_s: float) -> bool:
        """Whether a silent one may cost the others a time-out again."""
        silent_s, waited_s = now_s - self.silent_since_s, now_s - self.asked_at_s
        return waited_s >= next((every_s for after_s, every_s in RARELY_S if silent_s >= after_s), 0.0)


class Schedule:
    """Fair turns for the batteries of a line.

    Every second slot goes to a battery near a limit while nobody has waited too long for it, one in five or less to a
    silent one, ever more rarely, the rest to whoever has waited longest. Where nobody answers, nobody is kept waiting:
    the silent ones get all.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        ordered = tuple(numbers)
        self._members = {
            number: _Member(last_slot=order, again_early=order * IDENTITY_POLLS // len(ordered))
            for order, number in enumerate(ordered)
        }
        self._numbers = frozenset(self._members)
        self._only = min(self._members) if len(self._members) == 1 else None  # it has the line to itself
        self._slot = len(self._members)
        self._silent_slot = self._slot
        self._near_slot = self._slot
        self._near_limit: frozenset[int] = frozenset()
        self._urged: list[int] = []
        self._urged_done: set[int] = set()

    @property
    def numbers(self) -> frozenset[int]:
        return self._numbers

    @property
    def silent(self) -> frozenset[int]:
        """The batteries that have not answered for several turns."""
        return frozenset(n for n, member in self._members.items() if member.failures >= SILENT_AFTER)

    def set_near_limit(self, numbers: Iterable[int]) -> None:
        self._near_limit = frozenset(numbers) & self.numbers

    def urge(self, number: int) -> None:
        """Ask for the cell voltages of one battery, ahead of all turns."""
        if number in self._members and number not in self._urged:
            self._urged.append(number)

    def urgent(self) -> Slot | None:
        """The next urged battery; the same one not twice without a turn of the others in between."""
        for number in self._urged:
            if number not in self._urged_done:
                self._urged.remove(number)
                self._urged_done.add(number)
                return Slot(number, Want.CELLS)
        return None

    def turn(self, now_s: float) -> Slot:
        """The next slot of the line."""
        self._slot += 1
        self._urged_done.clear()
        number = self._only or self._longest_waiting(self._class_of_slot(now_s))
        member = self._members[number]
        member.last_slot, member.asked_at_s = self._slot, now_s
        if member.polls == 0:
            return Slot(number, WITH_IDENTITY)
        return Slot(number, Want.ALL, again=(member.polls + member.again_early) % IDENTITY_POLLS == 0)

    def answered(self, number: int) -> None:
        member = self._members[number]
        member.polls += 1
        member.failures = 0

    def failed(self, number: int) -> None:
        member = self._members[number]
        member.failures += 1
        if member.failures == SILENT_AFTER:
            member.silent_since_s = member.asked_at_s
            self._silent_slot = self._slot  # it has just cost the others its time-out
            member.polls = 0  # whoever comes back may be another battery

    def restart(self) -> None:
        """Forget who was silent: the port is back."""
        for member in self._members.values():
            member.polls = member.failures = 0

    def _class_of_slot(self, now_s: float) -> frozenset[int]:
        silent = self.silent
        awake = self.numbers - silent
        if not awake:
            return silent
        if silent and self._slot - self._silent_slot >= max(SILENT_SLOTS, len(awake) + 1):
            due = frozenset(number for number in silent if self._members[number].is_due(now_s))
            if due:
                self._silent_slot = self._slot
                return due
        just_read = self._slot - 1
        near = frozenset(n for n in self._near_limit & awake if self._members[n].last_slot != just_read)
        waited_s = now_s - self._members[self._longest_waiting(awake)].asked_at_s
        if near and self._slot - self._near_slot >= 2 and waited_s < LONGEST_WAIT_S:
            self._near_slot = self._slot
            return near
        return awake

    def _longest_waiting(self, numbers: frozenset[int]) -> int:
        return min(numbers, key=lambda number: self._members[number].last_slot)
