"""How long a serial line takes; used by the line itself and by the check before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from smallbms.drivers.base import Driver, DriverInfo, Request, Want

BITS_PER_BYTE = 10  # 8N1
ADAPTER_S = 0.1  # latency of a USB adapter (16 ms in an FTDI) and of a busy GX
ATTEMPTS = 2  # a sleeping board does not answer the first request


def exchange_s(request: Request, info: DriverInfo, baud: int) -> float:
    """A request that is answered, at its slowest."""
    return (len(request.data) + request.reply_size) * BITS_PER_BYTE / baud + info.turnaround_s


def time_out_s(request: Request, info: DriverInfo, baud: int) -> float:
    """When to stop waiting for an answer."""
    return exchange_s(request, info, baud) + ADAPTER_S


class Round(NamedTuple):
    """One slot for each driver of a line."""

    answered_s: tuple[float, ...]
    silent_s: float  # what the one adds whose silence costs most

    @property
    def total_s(self) -> float:
        return sum(self.answered_s) + self.silent_s

    def __str__(self) -> str:
        """The sum, as a person would write it."""
        slots = [f"{self.answered_s.count(own_s)} × {own_s:.2f} s" for own_s in dict.fromkeys(self.answered_s)]
        return " + ".join([*slots, f"{self.silent_s:.2f} s for a silent one = {self.total_s:.1f} s"])


def full_round(drivers: Sequence[Driver], baud: int) -> Round:
    """Of a line, with the one silent that costs most."""
    answered_s = tuple([_answered_s(driver, baud) for driver in drivers])
    extra_s = [silent_s(driver, baud) - own_s for driver, own_s in zip(drivers, answered_s, strict=True)]
    return Round(answered_s, max(0.0, *extra_s))


def _answered_s(driver: Driver, baud: int) -> float:
    info = driver.INFO
    return sum(exchange_s(request, info, baud) + info.pause_s for request in driver.requests(Want.ALL))


def silent_s(driver: Driver, baud: int) -> float:
    """A slot of one that does not answer."""
    info = driver.INFO
    return ATTEMPTS * (time_out_s(driver.requests(Want.ALL)[0], info, baud) + info.pause_s)
