"""How long a serial line takes; used by the line itself and by the check before it starts."""

from __future__ import annotations

from collections.abc import Sequence

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


def round_time_s(drivers: Sequence[Driver], baud: int) -> float:
    """One slot for each driver of a line, with the one silent that costs most."""
    answered_s = [_answered_s(driver, baud) for driver in drivers]
    extra_s = [_silent_s(driver, baud) - own_s for driver, own_s in zip(drivers, answered_s, strict=True)]
    return sum(answered_s) + max(0.0, *extra_s)


def _answered_s(driver: Driver, baud: int) -> float:
    info = driver.INFO
    return sum(exchange_s(request, info, baud) + info.pause_s for request in driver.requests(Want.ALL))


def _silent_s(driver: Driver, baud: int) -> float:
    info = driver.INFO
    return ATTEMPTS * (time_out_s(driver.requests(Want.ALL)[0], info, baud) + info.pause_s)
