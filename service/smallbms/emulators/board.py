"""What every emulated board has in common: requests come in pieces, and what can go wrong on a wire does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from enum import Flag, auto

from smallbms.drivers.common import beginnings
from smallbms.words import Fault

NOISE = bytes((0x00, 0xDD, 0xFF))
SPOILT = -4  # which byte of a reply: in each protocol something that a checksum is over


class Mishap(Flag):
    """What can go wrong on a real wire."""

    NONE = 0
    SILENT = auto()  # answers nothing
    CORRUPT = auto()  # one byte of each reply is wrong
    TRUNCATE = auto()  # only the first half of each reply
    ECHO = auto()  # an RS485 adapter that repeats the request
    NOISE = auto()  # a few bytes before each reply


class EmulatedBoard(ABC):
    """Bytes in, bytes out. `mishaps` act until cleared; `sleep()` swallows the next request."""

    def __init__(self) -> None:
        self.mishaps = Mishap.NONE
        self._received = b""
        self._asleep = False

    def sleep(self) -> None:
        """The next request only wakes the board."""
        self._asleep = True

    def receive(self, data: bytes) -> bytes:
        """The replies to the requests that are complete now."""
        self._received += data
        replies = b""
        while request := self._next_request():
            if self._is_for_us(request):
                replies += self._reply(request)
        return replies

    @abstractmethod
    def _next_request(self) -> bytes:
        """Cut the next whole request from what was received; empty if there is none."""

    def _is_for_us(self, _request: bytes) -> bool:
        """Whether a request bears the address of this board."""
        return True

    @abstractmethod
    def _answer(self, request: bytes) -> bytes:
        """The undisturbed answer; empty if there is none."""

    def _cut(self, start: bytes, size: int) -> bytes:
        """Cut so many bytes from the first `start` on; empty if they are not all there."""
        at = next(beginnings(start, self._received), len(self._received))
        self._received = self._received[at:]
        if len(self._received) < size:
            return b""
        request, self._received = self._received[:size], self._received[size:]
        return request

    def _reply(self, request: bytes) -> bytes:
        mute = self._asleep or Mishap.SILENT in self.mishaps
        self._asleep = False
        answer = b"" if mute else self._answer(request)
        reply = self._spoil(answer) if answer else b""
        return request + reply if Mishap.ECHO in self.mishaps else reply

    def _spoil(self, reply: bytes) -> bytes:
        if Mishap.CORRUPT in self.mishaps:
            reply = reply[:SPOILT] + bytes((reply[SPOILT] ^ 0x01,)) + reply[SPOILT + 1 :]
        if Mishap.TRUNCATE in self.mishaps:
            reply = reply[: len(reply) // 2]
        return NOISE + reply if Mishap.NOISE in self.mishaps else reply


def bits_of(faults: Iterable[Fault], table: Sequence[Fault | None]) -> int:
    """The bits that say so; what the protocol has no bit for is an internal fault."""
    bits = 0
    for fault in faults:
        bits |= 1 << table.index(fault if fault in table else Fault.INTERNAL)
    return bits


class SharedLine:
    """Several boards on one line: each hears every request, and answers its own."""

    def __init__(self, boards: Sequence[EmulatedBoard]) -> None:
        self._boards = tuple(boards)

    def receive(self, data: bytes) -> bytes:
        return b"".join([board.receive(data) for board in self._boards])
