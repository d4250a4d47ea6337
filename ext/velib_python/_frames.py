"""Cut a stream of bytes into D-Bus messages, so that one that cannot be parsed costs itself only."""

from __future__ import annotations

from struct import Struct

_LARGEST_MESSAGE = 128 * 1024 * 1024  # D-Bus specification, "Message Format"
_HEADER_SIZE = 16
_LENGTHS = {ord("l"): Struct("<4xI4xI"), ord("B"): Struct(">4xI4xI")}


class FrameReader:
    """Bytes in, whole messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes: the messages that are whole now; ValueError if the stream is not D-Bus."""
        self._buffer += data
        frames = []
        start = 0
        while (size := self._size_at(start)) is not None and start + size <= len(self._buffer):
            frames.append(bytes(self._buffer[start : start + size]))
            start += size
        del self._buffer[:start]
        return frames

    def _size_at(self, start: int) -> int | None:
        """The size of the message that starts there, None if its header is not whole yet."""
        if len(self._buffer) < start + _HEADER_SIZE:
            return None
        lengths = _LENGTHS.get(self._buffer[start])
        if lengths is None:
            raise ValueError(f"not a D-Bus message: it starts with {self._buffer[start]:#04x}")
        body_size, fields_size = lengths.unpack_from(self._buffer, start)
        size: int = _HEADER_SIZE + fields_size + -fields_size % 8 + body_size
        if size > _LARGEST_MESSAGE:
            raise ValueError(f"a D-Bus message of {size} bytes")
        return size
