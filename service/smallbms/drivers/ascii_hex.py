"""Frames of hexadecimal text, as Pylontech, Seplos and their like speak on RS485; not a protocol by itself.

~ VER ADR CID1 CID2 LENGTH INFO CHKSUM CR, two characters a byte. LENGTH: a check digit, then the number of INFO's
characters. In an answer CID2 is a return code: nothing but its length tells which question it is of.
Source: Pylontech RS485 protocol for low voltage batteries V3.3.
"""

from __future__ import annotations

import re
from abc import ABC
from binascii import unhexlify
from collections.abc import Callable, Collection
from typing import NamedTuple

from smallbms.drivers.base import Driver, Request, Want
from smallbms.errors import FrameError

START, END = b"~", b"\r"
VERSION = 0x20
BATTERY = 0x46  # CID1
HEADER = 13  # START … LENGTH
TRAILER = 5  # CHKSUM, END
SHORTEST = HEADER + TRAILER
LONGEST = SHORTEST + 0xFFF
OK = 0x00

REFUSALS = {
    0x01: "wrong version",
    0x02: "wrong checksum",
    0x03: "wrong check digit of the length",
    0x04: "unknown command",
    0x05: "wrong format",
    0x06: "wrong data",
    0x90: "wrong address",
    0x91: "the battery asked does not answer its master",
}

ZERO_CELSIUS = 2731  # 0.1 K
SENSOR_RANGE_C = (-40.0, 120.0)  # at and beyond its ends a sensor is open or short

_HEADER = re.compile(rb"~[0-9A-Fa-f]{2}([0-9A-Fa-f]{2})46[0-9A-Fa-f]{2}([0-9A-Fa-f]{4})")


def frame(address: int, code: int, info: bytes = b"") -> bytes:
    """A frame of either direction."""
    text = f"{VERSION:02X}{address:02X}{BATTERY:02X}{code:02X}{_length(2 * len(info)):04X}{info.hex().upper()}".encode()
    return START + text + _checksum(text) + END


def temperature_c(raw: int) -> float | None:
    """A temperature of 0.1 K; None from an open or shorted sensor."""
    low_c, high_c = SENSOR_RANGE_C
    celsius = (raw - ZERO_CELSIUS) / 10
    return celsius if low_c < celsius < high_c else None


def only(values: tuple[float | None, ...], places: Collection[int]) -> tuple[float | None, ...]:
    """The values at these places, from 1."""
    return tuple([value for place, value in enumerate(values, 1) if place in places])


class Fields:
    """Reads the fields of an INFO one after the other; raises FrameError where it ends too early or too late."""

    def __init__(self, info: bytes, what: str) -> None:
        self._info = info
        self._what = what
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        field = self._info[self._at : self._at + size]
        self._at += size
        if len(field) < size:
            raise FrameError(f"{self._what} of {len(self._info)} bytes, at least {self._at} wanted")
        return field

    def unsigned(self, size: int = 2) -> int:
        return int.from_bytes(self.take(size))

    def signed(self) -> int:
        return int.from_bytes(self.take(2), signed=True)

    def words(self, *, signed: bool = False) -> tuple[int, ...]:
        """A count of one byte, and so many numbers of 16 bits."""
        return tuple([self.signed() if signed else self.unsigned() for _ in range(self.unsigned(1))])

    def states(self) -> bytes:
        """A count of one byte, and so many bytes."""
        return self.take(self.unsigned(1))

    def end(self, *, behind: int = 0) -> None:
        """Refuse more than so many bytes behind the fields: it is the answer to another question."""
        most = self._at + behind
        if len(self._info) > most:
            raise FrameError(f"{self._what} of {len(self._info)} bytes, at most {most} wanted")


class AsciiHexDriver(Driver, ABC):
    """What the drivers of such batteries share: questions that only take an answer of their own address."""

    _questions: tuple[tuple[Want, Request], ...]  # each with what it brings, in the order in which they are asked

    def __init__(self, *, key: str, unit: int, board_sensors: frozenset[int]) -> None:
        super().__init__(key=key, unit=unit, board_sensors=board_sensors)
        self._sizes: dict[int, int] = {}  # of the last good answers, so that a link can wait for all bytes at once

    def requests(self, want: Want) -> tuple[Request, ...]:
        return tuple(request for part, request in self._questions if part & want)

    def _question(
        self, what: str, command: int, info: bytes, size: int, take: Callable[[Fields, float], None]
    ) -> Request:
        """A request whose answer has about `size` bytes of INFO."""
        asked = frame(self.unit, command, info)

        def missing(reply: bytes) -> int:
            return search(reply, self.unit, asked).lacking if reply else self._sizes.get(command, SHORTEST)

        def decode(reply: bytes, now_s: float) -> None:
            self._sizes.pop(command, None)
            found = search(reply, self.unit, asked)
            take(Fields(_info(what, found), what), now_s)
            self._sizes[command] = len(found.frame)

        return Request(what=what, data=asked, reply_size=SHORTEST + 2 * size, missing=missing, decode=decode)


class Found(NamedTuple):
    """The first sound frame of a reply; without one `lacking`, as Request.missing, and what is wrong."""

    frame: bytes
    lacking: int = 0
    flaw: str = ""


def search(reply: bytes, address: int, asked: bytes) -> Found:
    """Look at every place where an answer of this address may begin; what was asked may echo before it."""
    at = reply.find(START)
    lacking, flaw = 0, ""
    if at < 0:
        lacking, flaw = SHORTEST, f"no answer among {len(reply)} bytes"
    while at >= 0:
        found = _frame_at(reply, at, address, asked)
        if found.frame:
            return found
        if found.lacking:
            lacking = min(lacking or LONGEST, found.lacking)
        flaw = found.flaw
        at = reply.find(START, at + 1)
    return Found(b"", lacking, flaw)


def _frame_at(reply: bytes, at: int, address: int, asked: bytes) -> Found:
    came = len(reply) - at
    if came < HEADER:
        return Found(b"", SHORTEST - came, f"{SHORTEST - came} bytes short")
    header = _HEADER.match(reply, at)
    if header is None:
        return Found(b"", 0, "no header")
    sender, length = (int(field, 16) for field in header.groups())
    if length != _length(length & 0xFFF):
        return Found(b"", 0, "wrong check digit of the length")
    size = HEADER + (length & 0xFFF) + TRAILER
    if came < size:
        return Found(b"", size - came, f"{size - came} bytes short")
    whole = reply[at : at + size]
    if whole[-TRAILER:].upper() != _checksum(whole[1:-TRAILER]) + END:
        return Found(b"", 0, "wrong checksum")
    if whole == asked:
        return Found(b"", SHORTEST, "only the echo of the request")
    if sender != address:
        return Found(b"", SHORTEST, f"an answer of address {sender}, not of {address}")
    return Found(whole)


def _info(what: str, found: Found) -> bytes:
    """The INFO of a frame; raises FrameError if there is none, or if the battery refuses."""
    if not found.frame:
        raise FrameError(f"{what}: {found.flaw}")
    if code := int(found.frame[7:9], 16):  # 0 is OK
        raise FrameError(f"{what} refused: {REFUSALS.get(code, f'code 0x{code:02X}')}")
    try:
        return unhexlify(found.frame[HEADER:-TRAILER])
    except ValueError:
        raise FrameError(f"{what}: not hexadecimal") from None


def _length(characters: int) -> int:
    digits = (characters >> 8) + (characters >> 4 & 0xF) + (characters & 0xF)
    return (-digits & 0xF) << 12 | characters


def _checksum(text: bytes) -> bytes:
    return b"%04X" % (-sum(text) & 0xFFFF)
