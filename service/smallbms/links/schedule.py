"""Whose turn it is on a line that several batteries share; pure, counted in slots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from smallbms.drivers.base import Want

SILENT_AFTER = 3  # failures in a row
SILENT_SLOTS = 5  # of so many slots a silent battery gets one
IDENTITY_POLLS = 120  # a minute at the usual pace


WITH_IDENTITY = Want.ALL | Want.IDENTITY


class Slot(NamedTuple):
    """One battery's turn."""

    number: int
    want: Want


@dataclass(slots=True)
class _Member:
    last_slot: int = 0  # the lower, the longer it has waited
    polls: int = 0  # answered ones since it appeared
    failures: int = 0  # in a row


class Schedule:
    """Fair turns for the batteries of a line.

    Every second slot goes to a battery near a limit, one in five to a silent one, the rest to whoever has waited
    longest. Where nobody answers, the silent ones get all.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._members = {number: _Member(last_slot=order) for order, number in enumerate(numbers)}
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

    def turn(self) -> Slot:
        """The next slot of the line."""
        self._slot += 1
        self._urged_done.clear()
        number = self._only or self._longest_waiting(self._class_of_slot())
        member = self._members[number]
        member.last_slot = self._slot
        return Slot(number, Want.ALL if member.polls % IDENTITY_POLLS else WITH_IDENTITY)

    def answered(self, number: int) -> None:
        member = self._members[number]
        member.polls += 1
        member.failures = 0

    def failed(self, number: int) -> None:
        member = self._members[number]
        member.failures += 1
        if member.failures >= SILENT_AFTER:
            member.polls = 0  # whoever comes back may be another battery

    def restart(self) -> None:
        """Forget who was silent: the port is back."""
        for member in self._members.values():
            member.polls = member.failures = 0

    def _class_of_slot(self) -> frozenset[int]:
        silent = self.silent
        awake = self.numbers - silent
        if silent and (not awake or self._slot - self._silent_slot >= SILENT_SLOTS):
            self._silent_slot = self._slot
            return silent
        just_read = self._slot - 1
        near = frozenset(n for n in self._near_limit & awake if self._members[n].last_slot != just_read)
        if near and self._slot - self._near_slot >= 2:
            self._near_slot = self._slot
            return near
        return awake

    def _longest_waiting(self, numbers: frozenset[int]) -> int:
        return min(numbers, key=lambda number: self._members[number].last_slot)
