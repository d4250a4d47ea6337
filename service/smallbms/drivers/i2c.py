"""What a driver of a chip on I²C and its link say to each other.

A conversation is a generator: it yields transfers and pauses, is sent the reply to each, and returns what it found.
It raises FrameError for an answer that is not valid; a bus that does not work is the link's to see to.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, TypeVar


class Transfer(NamedTuple):
    """Write `data` to a device, then read `size` bytes after a repeated start; either may be nothing."""

    address: int  # of 7 bits
    data: bytes
    size: int = 0


class Pause(NamedTuple):
    """Leave the bus alone for so long; its reply is empty."""

    seconds: float


class Reply(NamedTuple):
    """What was read, and when (monotonic)."""

    data: bytes
    at_s: float


Result = TypeVar("Result")
Steps = Generator[Transfer | Pause, Reply, Result]  # a conversation, or a part of one
