"""What every driver is: it says what to ask, knows when an answer is whole, and keeps what it has read.

A driver does no I/O and knows no clock. One instance speaks for one battery; a link sends the bytes of its
requests, waits for `missing` bytes, hands the answer to `decode` with a stamp, and fetches `reading()`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Flag, auto
from typing import ClassVar

from smallbms.frozen import frozen
from smallbms.model import BatteryReading


class Want(Flag):
    """What a link asks a driver for."""

    PACK = auto()  # voltage, current, temperatures, faults, switches
    CELLS = auto()  # the cell voltages alone
    IDENTITY = auto()  # what hardly ever changes: name, serial
    ALL = PACK | CELLS


@frozen
class Request:
    """One question and how to know its answer.

    `missing(reply)`: how many bytes to wait for after those that came; 0 = nothing more will come. With nothing
    there yet it may promise the whole reply if its length is known. Bytes before the reply are skipped.
    `decode(reply, now_s)`: takes the reply in; raises FrameError with what was wrong.
    """

    what: str
    data: bytes
    reply_size: int  # a long reply, for time-outs
    missing: Callable[[bytes], int]
    decode: Callable[[bytes, float], None]


@frozen
class DriverInfo:
    """The line that a protocol needs."""

    name: str
    baud: int
    addressed: bool  # several batteries may share a line
    turnaround_s: float  # longest pause of an awake board before its answer
    pause_s: float = 0.0  # silence that a board wants before the next request
    addresses: range = range(1, 17)  # that a board can have; the first is that of a battery that states none
    other_bauds: tuple[int, ...] = ()  # that a board may be set to
    names_question: bool = True  # an answer says which question it is of


class Driver(ABC):
    """One battery behind one protocol."""

    INFO: ClassVar[DriverInfo]

    def __init__(self, *, key: str, unit: int = 1, board_sensors: frozenset[int] = frozenset()) -> None:
        """`key` is the identity of a battery that reports no serial number."""
        self.key = key
        self.unit = unit
        self.board_sensors = board_sensors

    @abstractmethod
    def requests(self, want: Want) -> tuple[Request, ...]:
        """The questions that bring what is wanted, in order."""

    @abstractmethod
    def reading(self) -> BatteryReading | None:
        """The newest of every frame, each with its own stamp; None until pack and cells were read."""
