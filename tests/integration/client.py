"""A client of the bus contract that shares no code with the service."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from .programs import DEADLINE_S

BUS_ITEM = "com.victronenergy.BusItem"
DBUS = "org.freedesktop.DBus"
PREFIX = "com.victronenergy.battery.smallbms_"
TYPES = {int: "i", float: "d", str: "s"}
INVALID: list[int] = []

Items = dict[str, Any]
Wanted = Mapping[str, Any]  # a value, or a function that says whether it is right


class Ownership(NamedTuple):
    """A name that has another owner now; "" is nobody."""

    service: str
    owner: str


class Client:
    """Sees the service's items.

    `seen` keeps every value that its signals brought, `owners` every coming and going, oldest first.
    """

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self.seen: list[tuple[float, str, Any]] = []
        self.owners: list[Ownership] = []
        bus.add_message_handler(self._signalled)

    @classmethod
    async def connect(cls, address: str) -> Self:
        client = cls(await MessageBus(bus_address=address).connect())
        await client.daemon("AddMatch", "s", f"type='signal',interface='{BUS_ITEM}',member='ItemsChanged'")
        await client.daemon("AddMatch", "s", f"type='signal',interface='{DBUS}',member='NameOwnerChanged'")
        return client

    def _signalled(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged":
            name, _, owner = message.body
            self.owners.append(Ownership(name, owner))
        if message.message_type is MessageType.SIGNAL and message.member == "ItemsChanged":
            at_s = time.monotonic()
            self.seen += [(at_s, path, _plain(item["Value"])) for path, item in message.body[0].items()]

    async def call(self, destination: str, path: str, interface: str, member: str, signature: str, *body: Any) -> Any:
        message = Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        async with asyncio.timeout(DEADLINE_S):
            reply = await self._bus.call(message)
        assert reply is not None
        if reply.message_type is MessageType.ERROR:
            raise LookupError(f"{reply.error_name}: {reply.body}")
        return reply.body[0] if reply.body else None

    async def daemon(self, member: str, signature: str = "", *body: Any) -> Any:
        return await self.call(DBUS, "/org/freedesktop/DBus", DBUS, member, signature, *body)

    async def services(self) -> list[str]:
        return [name for name in await self.daemon("ListNames") if name.startswith(PREFIX)]

    async def appeared(self, seconds: float = DEADLINE_S) -> str:
        """The name of the service, once it is there."""
        end_s = time.monotonic() + seconds
        while not (names := await self.services()):
            assert time.monotonic() < end_s, "the service does not come to the bus"
            await asyncio.sleep(0.02)
        assert len(names) == 1
        return names[0]

    async def vanished(self) -> None:
        end_s = time.monotonic() + DEADLINE_S
        while await self.services():
            assert time.monotonic() < end_s, "the service stays on the bus"
            await asyncio.sleep(0.02)

    async def raw_items(self) -> dict[str, dict[str, Any]]:
        """Every item with all its properties."""
        found = await self.call(await self.appeared(), "/", BUS_ITEM, "GetItems", "")
        return {path: {key: _plain(value) for key, value in item.items()} for path, item in found.items()}

    async def items(self) -> Items:
        """Every item's value; None is invalid."""
        return {path: item["Value"] for path, item in (await self.raw_items()).items()}

    async def set(self, path: str, value: object) -> int:
        """Write; the code of the answer."""
        signature = TYPES.get(type(value), "ai")
        written = Variant(signature, INVALID if value is None else value)
        code: int = await self.call(await self.appeared(), path, BUS_ITEM, "SetValue", "v", written)
        return code

    async def shows(self, wanted: Wanted, seconds: float = DEADLINE_S) -> Items:
        """All items, once those wanted are right."""
        end_s = time.monotonic() + seconds
        while wrong := _differences(found := await self.items(), wanted):
            assert time.monotonic() < end_s, f"waited {seconds:g} s in vain; wrong still: {wrong}"
            await asyncio.sleep(0.05)
        return found

    async def close(self) -> None:
        if self._bus.connected:
            self._bus.disconnect()
        with contextlib.suppress(EOFError, OSError):  # the daemon was killed under it
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]


def _differences(found: Items, wanted: Wanted) -> Items:
    return {path: found.get(path) for path, value in wanted.items() if not _is(found.get(path), value)}


def _is(value: Any, wanted: Any) -> bool:
    return bool(wanted(value)) if isinstance(wanted, Callable) else value == wanted  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    inner = value.value if isinstance(value, Variant) else value
    return None if inner == [] else inner
