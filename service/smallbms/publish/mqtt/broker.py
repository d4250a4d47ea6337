"""A broker that may come and go: dial, log in, say who we are, serve, and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from smallbms.config_tables import MqttTable
from smallbms.core.state import Snapshot
from smallbms.errors import ConfigError, SettingsError
from smallbms.publish.mqtt.connection import BrokerError, Connection, Login, Message, OldBrokerError, RefusedError
from smallbms.publish.mqtt.dial import Secure, dial
from smallbms.publish.mqtt.notes import Notes
from smallbms.publish.mqtt.speaker import Speaker
from smallbms.publish.mqtt.topics import OwnTopics
from smallbms.publish.mqtt.uplink import Uplink

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 60.0
STEADY_S = 10.0
GOODBYE_S = 0.5

_log = logging.getLogger(__name__)


class MqttPublisher:
    """Tells one broker every Snapshot that it has time for; `run` in a TaskGroup.

    Raises ConfigError for certificates and passwords that cannot be read.
    """

    def __init__(
        self, table: MqttTable, *, topics: OwnTopics, others: Sequence[Speaker], uplink: Uplink, notes: Notes
    ) -> None:
        self._table = table
        self._secure = _tls(table) if table.tls else None
        self._password = _password(table)
        self._topics = topics
        self._speakers = (topics, *others)
        self._uplink = uplink
        self._notes = notes
        self._connection: Connection | None = None
        self._version5 = True
        self._retry_s = FIRST_RETRY_S
        self._failed = False
        self._connected_at_s = math.inf
        self._refused: set[str] = set()

    @property
    def is_away(self) -> bool:
        """Whether the broker hears nothing now."""
        return self._lost

    @property
    def slot(self) -> str:
        """Under which name it is kept how far it has what waits."""
        return self._notes.slot

    def publish(self, snapshot: Snapshot) -> None:
        """Show a Snapshot; returns at once, whether there is a broker or not."""
        now_s = asyncio.get_running_loop().time()
        for speaker in self._speakers:
            speaker.show(snapshot, now_s)
        self._pump()

    def wake(self) -> None:
        """There is more in the event log."""
        self._uplink.wake()

    async def run(self) -> NoReturn:
        """Be connected, and again after each loss with a growing, jittered pause.

        Only a connection that held for a while counts: a broker that takes us and throws us out is not asked at once.
        """
        loop = asyncio.get_running_loop()
        while True:
            self._connected_at_s = math.inf
            try:
                await self._serve()
            except OldBrokerError:
                self._version5 = False
                continue
            except (OSError, BrokerError) as error:
                why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            if loop.time() - self._connected_at_s >= STEADY_S:
                self._retry_s, self._failed = FIRST_RETRY_S, False
            self._report(why)
            await asyncio.sleep(self._retry_s * random.uniform(0.5, 1.0))  # not all clients of a broker at once
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    async def _serve(self) -> NoReturn:
        """Connect, say what is, and stay until the connection is lost (BrokerError) or this is cancelled."""
        table, topics = self._table, self._topics
        login = Login(client_id=topics.client_id, user=table.user, password=self._password, will=topics.will)
        socket = await dial(table.host, table.port_used, self._secure)
        connection = Connection(
            socket, login, version5=self._version5, on_message=self._received, on_writable=self._pump
        )  # fmt: skip
        try:
            await connection.open()
            await self._listen(connection)
            self._begin(connection)
            await self._until_lost(connection)
        finally:
            await self._end(connection)

    async def _listen(self, connection: Connection) -> None:
        """Subscribe; who may not listen may still speak."""
        filters = [name for speaker in self._speakers for name in speaker.filters]
        if filters:
            try:
                await connection.subscribe(*filters)
            except RefusedError as error:
                self._warn_once(", ".join(filters), error)

    def _begin(self, connection: Connection) -> None:
        _log.info("connected to the MQTT broker %s", self._table.host)
        self._connected_at_s = asyncio.get_running_loop().time()
        self._connection = connection
        for speaker in self._speakers:
            speaker.begin()
        if self._notes.discovered and not self._table.homeassistant:
            self._say(self._topics, self._topics.removal)
        self._notes.has_discovered(self._table.homeassistant)
        self._pump()

    async def _until_lost(self, connection: Connection) -> NoReturn:
        sending = asyncio.create_task(self._uplink.run(connection))
        try:
            await asyncio.wait((connection.lost, sending), return_when=asyncio.FIRST_COMPLETED)
            if not connection.lost.done():
                await sending
            raise BrokerError(connection.lost.result())
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _end(self, connection: Connection) -> None:
        """Say goodbye where that still reaches the broker; else it says the will for us."""
        politely = False
        if self._connection is not None and not connection.lost.done():
            with contextlib.suppress(TimeoutError, BrokerError):
                async with asyncio.timeout(GOODBYE_S):
                    last = [connection.publish(word) for speaker in self._speakers for word in speaker.goodbye()]
                    await asyncio.gather(*last)
                    politely = True
        self._connection = None
        connection.close(politely=politely)

    def _pump(self) -> None:
        """Send what is due, in turn, as long as the socket takes it: what is newer replaces what has to wait."""
        now_s = asyncio.get_running_loop().time()
        for speaker in self._speakers:
            while not self._lost and self._is_writable and (word := speaker.due(now_s)):
                self._say(speaker, word)

    def _say(self, speaker: Speaker, message: Message) -> None:
        if self._connection is not None:
            done = self._connection.publish(message)
            done.add_done_callback(lambda done: self._said(speaker, message.topic, done))

    def _said(self, speaker: Speaker, topic: str, done: asyncio.Future[None]) -> None:
        speaker.delivered(topic)
        error = None if done.cancelled() else done.exception()
        if isinstance(error, RefusedError):
            self._warn_once(topic, error)

    def _warn_once(self, topic: str, error: RefusedError) -> None:
        if topic not in self._refused:
            self._refused.add(topic)
            _log.warning("the MQTT broker %s does not allow %s: %s", self._table.host, topic, error)

    @property
    def _is_writable(self) -> bool:
        return self._connection is not None and self._connection.is_writable

    @property
    def _lost(self) -> bool:
        return self._connection is None or self._connection.lost.done()

    def _received(self, message: Message) -> None:
        now_s = asyncio.get_running_loop().time()
        for speaker in self._speakers:
            try:
                speaker.received(message, now_s)
            except SettingsError as refusal:
                _log.info("refused, from the MQTT broker %s: %s", self._table.host, refusal)
        self._pump()

    def _report(self, text: str) -> None:
        level = logging.DEBUG if self._failed else logging.WARNING
        _log.log(level, "no MQTT broker %s: %s", self._table.host, text)
        self._failed = True


def _tls(table: MqttTable) -> Secure:
    from smallbms.publish.mqtt.tls import Tls  # OpenSSL, dear for those who have no secure broker

    return Tls(table)


def _password(table: MqttTable) -> str | None:
    """The password, from the configuration or from its file. Raises ConfigError."""
    if table.password_file is None:
        return table.password
    try:
        return Path(table.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"[[mqtt]] {table.host}: password_file cannot be read: {error}") from error
