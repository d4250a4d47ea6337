"""What the emulated boards share that speak in frames of hexadecimal text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from smallbms.drivers.ascii_hex import END, HEADER, OK, START, TRAILER, ZERO_CELSIUS, frame
from smallbms.emulators.board import EmulatedBoard
from smallbms.model import BatteryReading

OPEN_SENSOR = 0  # raw
WRONG_CHECKSUM, UNKNOWN_COMMAND = 0x02, 0x04


class AsciiHexBoard(EmulatedBoard):
    """`state()` is asked at each request; `payloads` replaces the INFO that answers a command, under good checksums."""

    def __init__(self, state: Callable[[], BatteryReading], *, address: int) -> None:
        super().__init__()
        self.payloads: dict[int, bytes] = {}
        self._state = state
        self._address = address

    @abstractmethod
    def _info(self, command: int, state: BatteryReading) -> bytes | None:
        """The INFO that answers a command; None: there is no such command."""

    def _next_request(self) -> bytes:
        at = self._received.find(START)
        end = self._received.find(END, at)
        if at < 0 or end < 0:
            return b""
        request, self._received = self._received[at : end + 1], self._received[end + 1 :]
        return request

    def _is_for_us(self, request: bytes) -> bool:
        return request[3:5] == b"%02X" % self._address

    def _answer(self, request: bytes) -> bytes:
        command = int(request[7:9], 16)
        if request != frame(self._address, command, bytes.fromhex(request[HEADER:-TRAILER].decode("ascii"))):
            return frame(self._address, WRONG_CHECKSUM)
        info = self.payloads.get(command)
        if info is None:
            info = self._info(command, self._state())
        return frame(self._address, UNKNOWN_COMMAND) if info is None else frame(self._address, OK, info)


def word(value: float) -> bytes:
    """16 bits, signed if below zero, held within their range as a converter does."""
    whole = round(value)
    return min(max(whole, -0x8000), 0xFFFF).to_bytes(2, signed=whole < 0)


def counted(fields: Sequence[bytes]) -> bytes:
    """How many there are, and they."""
    return bytes((len(fields),)) + b"".join(fields)


def sensor(temperature_c: float | None) -> bytes:
    return word(OPEN_SENSOR if temperature_c is None else temperature_c * 10 + ZERO_CELSIUS)
