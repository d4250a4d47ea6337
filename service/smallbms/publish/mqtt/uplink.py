"""What one broker must not miss, each a message, in order and once: what it has not acknowledged waits in the store."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from smallbms.errors import StoreError
from smallbms.publish.mqtt.connection import Connection, Message, RefusedError
from smallbms.publish.mqtt.notes import Kind, Notes

BATCH = 100
LOOK_AGAIN_S = 30.0  # if the log could not be read, or the broker does not allow it

_log = logging.getLogger(__name__)


class Logged(Protocol):
    """An entry of a log; numbers rise, with gaps."""

    @property
    def sequence(self) -> int: ...
    @property
    def event(self) -> Mapping[str, Any]: ...


class Backlog(Protocol):
    """Where it waits: the store."""

    async def events_after(self, sequence: int, most: int) -> Sequence[Logged]: ...
    async def minutes_after(self, sequence: int, most: int) -> Sequence[Logged]: ...


class Uplink:
    """Sends events, and minutes of the time when the broker was away: events first, each kind oldest first."""

    def __init__(self, root: str, device: str, backlog: Backlog, notes: Notes) -> None:
        self._root = root
        self._device = device
        self._read: dict[Kind, Callable[[int, int], Awaitable[Sequence[Logged]]]] = {
            Kind.EVENT: backlog.events_after,
            Kind.MINUTE: backlog.minutes_after,
        }
        self._notes = notes
        self._news = asyncio.Event()
        self._refused: set[Kind] = set()

    def wake(self) -> None:
        """There may be more in the event log."""
        self._news.set()

    async def run(self, connection: Connection) -> NoReturn:
        """Send until cancelled; BrokerError when the broker does not take one."""
        self._news.clear()
        await self._drain(Kind.EVENT, connection)
        await self._drain(Kind.MINUTE, connection)
        while True:
            await self._news.wait()
            self._news.clear()
            await self._drain(Kind.EVENT, connection)

    async def _drain(self, kind: Kind, connection: Connection) -> None:
        while waiting := await self._waiting(kind):
            for logged in waiting:
                await self._deliver(kind, logged, connection)
                self._notes.has(kind, logged.sequence)

    async def _deliver(self, kind: Kind, logged: Logged, connection: Connection) -> None:
        """Until the broker has it: one that does not allow it is asked again, seldom."""
        message = self._message(kind, logged)
        while True:
            try:
                await connection.publish(message)
                return
            except RefusedError as error:
                if kind not in self._refused:
                    self._refused.add(kind)
                    _log.warning("the broker does not allow %s, it waits: %s", message.topic, error)
                await asyncio.sleep(LOOK_AGAIN_S)

    async def _waiting(self, kind: Kind) -> Sequence[Logged]:
        while True:
            try:
                return await self._read[kind](self._notes.mark(kind), BATCH)
            except StoreError as error:
                _log.warning("%ss wait: %s", kind, error)
                await asyncio.sleep(LOOK_AGAIN_S)

    def _message(self, kind: Kind, logged: Logged) -> Message:
        """One entry with an id by which a repeat after a lost acknowledgement is known."""
        entry = {"id": f"{self._device}-{kind}-{logged.sequence}", **logged.event}
        return Message(f"{self._root}/{kind}", json.dumps(entry, ensure_ascii=False).encode(), qos=1)
