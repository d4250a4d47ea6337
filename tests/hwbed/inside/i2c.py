"""An I²C bus in memory: chips by address, some of them behind multiplexers, and the faults of a wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import and_
from typing import Protocol


class Slave(Protocol):
    """A chip. A transfer that it does not acknowledge ends there."""

    def write(self, data: bytes) -> bool:
        """Take what was written to it; False: not acknowledged."""

    def read(self, count: int) -> bytes | None:
        """So many bytes; None: not acknowledged."""


class Bus:
    """The wire. So many transfers as `naks` says fail next; while it is `stuck`, none ends.

    Chips that share an address, behind channels open at the same time, answer together: a zero of any pulls the line
    down.
    """

    def __init__(self, slaves: Mapping[int, Slave]) -> None:
        self.slaves = dict(slaves)
        self.naks = 0
        self.stuck = False

    def write(self, address: int, data: bytes) -> bool:
        """Write to a chip; False if nobody acknowledged."""
        return any([slave.write(data) for slave in self._reached(address)])

    def read(self, address: int, count: int) -> bytes | None:
        """Read from a chip; None if nobody acknowledged."""
        answers = [answer for slave in self._reached(address) if (answer := slave.read(count)) is not None]
        return bytes(reduce(and_, together) for together in zip(*answers, strict=True)) if answers else None

    def _reached(self, address: int) -> list[Slave]:
        if self.naks:
            self.naks -= 1
            return []
        return list(self.at(address))

    def at(self, address: int) -> Iterator[Slave]:
        """The chips that have this address now."""
        if address in self.slaves:
            yield self.slaves[address]
        for slave in self.slaves.values():
            if isinstance(slave, Tca9548a):
                for channel in slave.open():
                    yield from channel.at(address)


class Tca9548a:
    """A multiplexer: bit n of its one register connects channel n (TI SCPS207)."""

    def __init__(self, channels: Mapping[int, Bus]) -> None:
        self.channels = dict(channels)
        self.control = 0

    def open(self) -> list[Bus]:
        """The buses connected now."""
        return [bus for channel, bus in self.channels.items() if self.control >> channel & 1]

    def reset(self) -> None:
        """What a pulse on its reset pin does."""
        self.control = 0

    def write(self, data: bytes) -> bool:
        if data:
            self.control = data[-1]
        return True

    def read(self, count: int) -> bytes:
        return bytes([self.control]) * count
