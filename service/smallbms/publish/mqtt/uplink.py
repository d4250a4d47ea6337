"""What one broker must not miss, each a message, in order and once: what it has not acknowledged waits in the store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from smallbms.errors import StoreError
from smallbms.publish.mqtt.connection import Connection, Message, RefusedError
from smallbms.publish.mqtt.notes import HEARD_BY, Kind, Notes

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
    """Sends events, and minutes of the time when the broker was away: events always first, each kind oldest first."""

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
        self._again_s: dict[Kind, float] = {}  # not before

    def wake(self) -> None:
        """There may be more in the event log."""
        self._news.set()

    async def run(self, connection: Connection) -> NoReturn:
        """Send until cancelled; BrokerError when the connection is lost."""
        self._again_s.clear()
        minutes_wait = True  # of the time before this connection: no others are missed
        while True:
            self._news.clear()
            if await self._sent(Kind.EVENT, connection):
                continue
            if minutes_wait:
                if await self._sent(Kind.MINUTE, connection):
                    continue
                minutes_wait = Kind.MINUTE in self._again_s
            await self._until_more()

    async def _until_more(self) -> None:
        """Until there is news, or what could not be sent may be tried again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(min(self._again_s.values(), default=None)):
                await self._news.wait()

    async def _sent(self, kind: Kind, connection: Connection) -> bool:
        """Send some of what waits; False if nothing does, or this kind has to wait: that never holds up the other."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._again_s.get(kind, 0.0):
            return False
        self._again_s.pop(kind, None)
        try:
            waiting = await self._read[kind](self._notes.mark(kind), BATCH)
            for logged in waiting:
                if kind is Kind.MINUTE and self._news.is_set():
                    break
                await self._deliver(kind, logged, connection)
            return bool(waiting)
        except RefusedError as error:
            if kind not in self._refused:
                self._refused.add(kind)
                _log.warning("the broker does not allow %s/%s, it waits: %s", self._root, kind, error)
        except StoreError as error:
            _log.warning("%ss wait: %s", kind, error)
        self._again_s[kind] = loop.time() + LOOK_AGAIN_S
        return False

    async def _deliver(self, kind: Kind, logged: Logged, connection: Connection) -> None:
        """Until the broker has it; not what it heard live, while only another one was away."""
        if self._notes.slot not in logged.event.get(HEARD_BY, ()):
            await connection.publish(self._message(kind, logged))
        self._notes.has(kind, logged.sequence)

    def _message(self, kind: Kind, logged: Logged) -> Message:
        """One entry with an id by which a repeat after a lost acknowledgement is known."""
        entry = {"id": f"{self._device}-{kind}-{logged.sequence}", **logged.event}
        entry.pop(HEARD_BY, None)
        return Message(f"{self._root}/{kind}", json.dumps(entry, ensure_ascii=False).encode(), qos=1)
