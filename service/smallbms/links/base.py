"""What every link offers, whatever the wire."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Protocol

from smallbms.frozen import frozen


class LinkFault(StrEnum):
    """What went wrong on a wire."""

    SILENCE = "silence"  # nothing came, also when asked again
    HALF_FRAME = "half_frame"  # something came, but no whole answer in time
    BAD_FRAME = "bad_frame"  # a whole answer that is not valid, or a refusal
    PORT = "port"  # the port could not be opened, or went away
    BUS_ERROR = "bus_error"  # a bus that works badly: what is sent or received is disturbed
    BUS_OFF = "bus_off"  # a CAN controller that has given up


@frozen
class LinkHealth:
    """How a link is doing; counts run since the start of the process."""

    open: bool = False
    frames_ok: int = 0
    errors: Mapping[LinkFault, int] = field(default_factory=dict)
    last_error: str = ""
    round_time_s: float | None = None  # time on the wire to ask every battery once


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
