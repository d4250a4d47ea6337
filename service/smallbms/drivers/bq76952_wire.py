"""How a BQ76952 is spoken to: registers, with or without CRC, and subcommands through its transfer buffer.

Source: TI, BQ76952 Technical Reference Manual (SLUUBY2) §4, and its I²C chapter. Everything is little-endian; a value
is always read whole, for its bytes may belong to two measurements when they are read one by one.
"""

from __future__ import annotations

from smallbms.drivers.crc8 import crc8
from smallbms.drivers.i2c import Pause, Reply, Steps, Transfer
from smallbms.errors import FrameError

SUBCOMMAND, BUFFER, CHECKSUM = 0x3E, 0x40, 0x60
BUFFER_SIZE = 32
FRAMING = 4  # what the length counts beside the data: subcommand, checksum and itself
ATTEMPTS = 3
READY_AFTER_S, READY_LOOKS = 0.001, 12  # the slowest subcommand takes 8.5 ms
EXECUTED_AFTER_S = 0.001


class Wire:
    """One chip; every method is a part of a conversation."""

    def __init__(self, address: int, *, crc: bool) -> None:
        self._address = address
        self._crc = crc

    def read(self, register: int, size: int) -> Steps[Reply]:
        """Registers in one go; raises FrameError if their CRCs stay wrong."""
        request = Transfer(self._address, bytes((register,)), 2 * size if self._crc else size)
        if not self._crc:
            return (yield request)
        for _ in range(ATTEMPTS):
            reply = yield request
            data = reply.data[::2]
            if reply.data[1::2] == self._crcs(bytes((register, self._address << 1 | 1)), data):
                return Reply(data, reply.at_s)
        raise FrameError(f"register 0x{register:02X}: wrong CRC")

    def write(self, register: int, data: bytes) -> Steps[None]:
        """Registers in one go; a chip that gets a wrong CRC does not acknowledge it."""
        if self._crc:
            crcs = self._crcs(bytes((register,)), data)
            data = bytes(byte for pair in zip(data, crcs, strict=True) for byte in pair)
        yield Transfer(self._address, bytes((register,)) + data)

    def command(self, number: int) -> Steps[None]:
        """A subcommand that neither takes nor gives data."""
        yield from self.write(SUBCOMMAND, number.to_bytes(2, "little"))

    def ask(self, number: int) -> Steps[bytes]:
        """The data of a subcommand, or of the data memory from an address on; raises FrameError."""
        wanted = number.to_bytes(2, "little")
        yield from self.write(SUBCOMMAND, wanted)
        for _ in range(READY_LOOKS):
            yield Pause(READY_AFTER_S)
            if (yield from self.read(SUBCOMMAND, 2)).data == wanted:
                break
        else:
            raise FrameError(f"subcommand 0x{number:04X}: no answer")
        checksum, length = (yield from self.read(CHECKSUM, 2)).data
        if not FRAMING <= length <= FRAMING + BUFFER_SIZE:
            raise FrameError(f"subcommand 0x{number:04X}: a length of {length}")
        data = (yield from self.read(BUFFER, max(1, length - FRAMING))).data[: length - FRAMING]
        if checksum != buffer_checksum(wanted + data):
            raise FrameError(f"subcommand 0x{number:04X}: wrong checksum")
        return data

    def tell(self, number: int, data: bytes) -> Steps[None]:
        """Data for a subcommand or the data memory; checksum and length, written together, have it executed."""
        body = number.to_bytes(2, "little") + data
        yield from self.write(SUBCOMMAND, body)
        yield from self.write(CHECKSUM, bytes((buffer_checksum(body), len(data) + FRAMING)))
        yield Pause(EXECUTED_AFTER_S)

    def _crcs(self, head: bytes, data: bytes) -> bytes:
        """The CRC after each byte: the first is over all since the start, every other over its byte alone."""
        start = bytes((self._address << 1,)) + head
        return bytes(crc8(start + data[:1] if at == 0 else data[at : at + 1]) for at in range(len(data)))


def buffer_checksum(body: bytes) -> int:
    return ~sum(body) & 0xFF
