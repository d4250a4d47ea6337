"""Events to one broker, each a message, in order and once; what it has not acknowledged waits in the event log."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Protocol

from smallbms.errors import StoreError
from smallbms.publish.mqtt.connection import Connection, Message
from smallbms.publish.mqtt.notes import Notes

BATCH = 100
LOOK_AGAIN_S = 30.0  # if the log could not be read

_log = logging.getLogger(__name__)


class Logged(Protocol):
    """An event of the log; numbers rise, with gaps."""

    @property
    def sequence(self) -> int: ...
    @property
    def event(self) -> Mapping[str, Any]: ...


class Backlog(Protocol):
    """Where events wait: the store."""

    async def events_after(self, sequence: int, most: int) -> Sequence[Logged]: ...


class Uplink:
    """Sends what is in the log after the newest event that the broker has."""

    def __init__(self, topic: str, device: str, backlog: Backlog, notes: Notes) -> None:
        self._topic = topic
        self._device = device
        self._backlog = backlog
        self._notes = notes
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There may be more in the log."""
        self._news.set()

    async def run(self, connection: Connection) -> NoReturn:
        """Send, oldest first, until cancelled; BrokerError when the broker does not take one."""
        while True:
            self._news.clear()
            for logged in await self._waiting():
                await connection.publish(self._message(logged))
                self._notes.has_event(logged.sequence)
                self._news.set()  # there may be more than one batch
            await self._news.wait()

    async def _waiting(self) -> Sequence[Logged]:
        while True:
            try:
                return await self._backlog.events_after(self._notes.event, BATCH)
            except StoreError as error:
                _log.warning("events wait: %s", error)
                await asyncio.sleep(LOOK_AGAIN_S)

    def _message(self, logged: Logged) -> Message:
        """An event with an id by which a repeat after a lost acknowledgement is known."""
        event = {"id": f"{self._device}-{logged.sequence}", **logged.event}
        return Message(self._topic, json.dumps(event, ensure_ascii=False).encode(), qos=1)
