"""Finds batteries that speak Bluetooth: who advertises as a kind that is known is connected once and read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from smallbms.drivers.ble import ble_reading
from smallbms.errors import FrameError, LinkError
from smallbms.links.found import Found
from smallbms.links.radio import BleRadio


async def probe_ble(radio: BleRadio, *, say: Callable[[str], None]) -> tuple[Found, ...]:
    """The batteries in reach, one after the other; raises LinkError if there is no adapter."""
    found = []
    for kind, address in await radio.in_reach():
        try:
            async with radio.connected(kind, address=address, name=None) as battery:
                sample = await battery.sample()
        except (LinkError, FrameError) as error:
            say(f"{kind} at {address}: {error}")
            continue
        reading = ble_reading(
            sample,
            kind=kind,
            identity=battery.identity,
            board_sensors=frozenset(),
            taken_at_s=asyncio.get_running_loop().time(),
        )
        found.append(Found(table={"driver": "ble", "type": kind, "address": address}, reading=reading))
    return tuple(found)
