"""Finds a battery on a CAN interface by listening; nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

from smallbms.drivers.can_bms import CanBms
from smallbms.links.can import CanLink
from smallbms.links.found import Found
from smallbms.model import BatteryReading

LISTEN_S = 2.5  # a battery sends its set about once a second
CAN_TYPE = "280"  # ARPHRD_CAN
IFF_UP = 1


def interfaces_up(root: Path = Path("/sys/class/net")) -> Iterator[str]:
    """The CAN interfaces that are up."""
    for folder in sorted(root.glob("*")):
        try:
            kind, flags = ((folder / name).read_text(encoding="ascii").strip() for name in ("type", "flags"))
        except OSError:
            continue
        if kind == CAN_TYPE and int(flags, 16) & IFF_UP:
            yield folder.name


async def probe_can(interface: str, make_link: Callable[..., CanLink] = CanLink) -> tuple[Found, ...]:
    """The battery of an interface, if one speaks."""
    heard: list[BatteryReading] = []
    link = make_link(
        interface,
        1,
        CanBms(key=f"can-bms:{interface}"),
        answer=False,
        on_reading=lambda _number, reading: heard.append(reading),
    )
    listening = asyncio.create_task(link.run())
    await asyncio.wait((listening,), timeout=LISTEN_S)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    table = {"driver": "can-bms", "port": interface}
    return (Found(table=table, reading=heard[-1], needs=("model",)),) if heard else ()
