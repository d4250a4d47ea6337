"""A made-up protocol with addresses, long replies and pauses: what JBD does not have."""

from __future__ import annotations

from smallbms.drivers.base import Driver, DriverInfo, Request, Want
from smallbms.errors import FrameError
from smallbms.model import BatteryReading, Identity

LONG = 600  # more than a tty can be told to wait for at once


class Toy(Driver):
    """Asks unit u by the bytes 'u', then 'P' or 'C'; is answered by the same and LONG bytes of filling."""

    INFO = DriverInfo(name="toy", baud=115200, addressed=True, turnaround_s=0.05, pause_s=0.001)

    def __init__(self, *, key: str, unit: int) -> None:
        super().__init__(key=key, unit=unit)
        self.looks = 0
        self._stamps = {"P": 0.0, "C": 0.0}

    def requests(self, want: Want) -> tuple[Request, ...]:
        parts = ((Want.PACK, "P"), (Want.CELLS, "C"))
        return tuple(self._request(letter) for part, letter in parts if part in want)

    def reading(self) -> BatteryReading | None:
        return BatteryReading(
            taken_at_s=self._stamps["P"], cells_taken_at_s=self._stamps["C"], identity=Identity(key=self.key)
        )

    def _request(self, letter: str) -> Request:
        head = f"<{self.unit}{letter}".encode()

        def missing(reply: bytes) -> int:
            self.looks += 1
            return max(0, len(head) + LONG - len(reply))

        def decode(reply: bytes, now_s: float) -> None:
            if not reply.startswith(head):
                raise FrameError(f"no answer of unit {self.unit}")
            self._stamps[letter] = now_s

        return Request(what=letter, data=head.replace(b"<", b">"), reply_size=LONG, missing=missing, decode=decode)


class ToyBoards:
    """Several units on one line."""

    def __init__(self, *units: int) -> None:
        self.units = set(units)
        self.asked: list[str] = []

    def receive(self, data: bytes) -> bytes:
        request = data.decode()
        self.asked.append(request)
        return f"<{request[1:]}".encode() + bytes(LONG) if int(request[1]) in self.units else b""
