"""A publisher on a private bus, between an engine on a test bench and a client that knows only the contract."""

from __future__ import annotations

import asyncio
from typing import Any

from dbus_fast import Message, Variant

from core.bench_battery import Rig
from private_bus import Daemon, Peer, wait_for
from publish.snapshots import IDENTITY, snapshot_of
from smallbms.changes import Change
from smallbms.config_tables import DBusTable
from smallbms.door import Door
from smallbms.publish.dbus import DbusPublisher
from velib_python._library import LibraryName

NAME = "com.victronenergy.battery.smallbms_SB0123456789"
DEVICE = "/Settings/Devices/smallbms_SB0123456789"

Items = dict[str, dict[str, Variant]]


class Stage:
    """The engine's time is the publisher's; `step` lets it pass and publishes."""

    def __init__(
        self, daemon: Daemon, library: LibraryName, rig: Rig, *, localsettings: bool = False, settings_kept: bool = True
    ) -> None:
        self.rig = rig
        self.changes: list[Change] = []
        self._task: asyncio.Task[None] | None = None
        self.door = Door(rig.settings, self.changes.append)
        self.publisher = DbusPublisher(
            DBusTable(bus=daemon.address, localsettings=localsettings), name=NAME, door=self.door,
            settings_kept=settings_kept, library=library, clock=lambda: self.rig.now_s,
        )  # fmt: skip

    def start(self) -> None:
        """Tell the bench's last step and run the publisher."""
        self.publish()
        self._task = asyncio.create_task(self.publisher.run())

    async def stop(self) -> None:
        """End the publisher as the program's end does."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    def publish(self) -> None:
        """Tell the bench's last step."""
        self.publisher.publish(snapshot_of(self.rig, IDENTITY))

    def step(self, seconds: float = 0.5) -> None:
        """Let time pass in one step, with the settings now in force, and tell it."""
        self.rig.settings = self.door.settings
        self.rig.now_s += seconds
        self.rig.step(*self.door.take())
        self.publish()


async def get_items(peer: Peer) -> Items:
    reply = await peer.call(NAME, "/", "GetItems")
    assert reply.signature == "a{sa{sv}}", reply.body
    items: Items = reply.body[0]
    return items


async def get_value(peer: Peer, path: str) -> Any:
    reply = await peer.call(NAME, path, "GetValue")
    assert reply.signature == "v", reply.body
    return reply.body[0].value


async def set_value(peer: Peer, path: str, value: Variant) -> int:
    reply = await peer.call(NAME, path, "SetValue", "v", value)
    assert reply.signature == "i", reply.body
    code: int = reply.body[0]
    return code


def changes_in(signals: list[Message]) -> list[Items]:
    """The ItemsChanged of the battery service among them."""
    return [signal.body[0] for signal in signals if signal.member == "ItemsChanged" and signal.path == "/"]


async def owner_of(peer: Peer) -> str | None:
    reply = await peer.daemon("GetNameOwner", "s", NAME)
    return reply.body[0] if reply.message_type.name == "METHOD_RETURN" else None


async def on_the_bus(peer: Peer) -> str:
    """Wait until the service has its name; returns its owner."""
    async with asyncio.timeout(10):
        while (owner := await owner_of(peer)) is None:
            await asyncio.sleep(0.01)
    return owner


async def off_the_bus(peer: Peer) -> None:
    """Wait until nobody has its name."""
    async with asyncio.timeout(10):
        while await owner_of(peer) is not None:
            await asyncio.sleep(0.01)


__all__ = [
    "DEVICE", "NAME", "Daemon", "Items", "Peer", "Stage", "changes_in", "get_items", "get_value", "off_the_bus",
    "on_the_bus", "owner_of", "set_value", "wait_for",
]  # fmt: skip
