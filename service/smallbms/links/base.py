"""What every link offers, whatever the wire."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from smallbms.model import LinkHealth


class Link(Protocol):
    """Reads the batteries with these numbers until cancelled, and hands each reading on as it comes."""

    @property
    def numbers(self) -> frozenset[int]: ...

    @property
    def health(self) -> LinkHealth: ...

    async def run(self) -> None:
        """Read until cancelled; a failing wire is retried and never raises."""

    def urge(self, number: int) -> None:
        """Read the cell voltages of one battery at once, ahead of all else."""

    def set_near_limit(self, numbers: Collection[int]) -> None:
        """Read these batteries more often, as they are near a trip limit."""

    def balance(self, cells: Mapping[int, frozenset[int]]) -> None:
        """Bleed these cells (from 1) of these batteries and no others, until told again."""


class Unasked:
    """What a link leaves alone whose batteries speak, and balance, by themselves."""

    def urge(self, _number: int) -> None:
        """Nothing to do: it comes when it comes."""

    def set_near_limit(self, _numbers: Collection[int]) -> None:
        """Nothing to do: each is heard as often as it speaks."""

    def balance(self, _cells: Mapping[int, frozenset[int]]) -> None:
        """Nothing to do: the board sees to it."""
