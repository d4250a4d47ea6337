"""One connection to a broker: paho-mqtt on the asyncio loop by its socket callbacks, without a thread."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from paho.mqtt import MQTTException
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from smallbms.errors import LinkError
from smallbms.frozen import frozen

ANSWER_S = 10.0
HOUSEKEEPING_S = 1.0
KEEPALIVE_S = 30
INFLIGHT = 20
PACKET_LIMIT = 2 * 1024 * 1024  # bytes that a broker may send us at once (MQTT 5): what is larger gets no answer
UNSUPPORTED_VERSION = frozenset({1, 0x84})  # of CONNACK: MQTT 3.1.1, MQTT 5
# What paho-mqtt raises over bytes that are no MQTT: whatever a broker sends may not end more than its connection.
GARBAGE = (MQTTException, struct.error, ValueError, LookupError, TypeError, AttributeError, AssertionError, OSError)


class BrokerError(LinkError):
    """A broker that cannot be had, or that refuses."""


class RefusedError(BrokerError):
    """What this broker does not allow us; the connection stands."""


class OldBrokerError(BrokerError):
    """A broker that speaks no MQTT 5."""


class Message(NamedTuple):
    """What is published, or came."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@frozen
class Login:
    """Who we are to a broker; `will` is what it says for us when we are gone."""

    client_id: str
    user: str | None = None
    password: str | None = None
    will: Message | None = None


class _Paho(Client):
    """A client over a socket that is connected already."""

    def __init__(self, login: Login, connected: socket.socket, protocol: MQTTProtocolVersion) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, login.client_id, protocol=protocol, reconnect_on_failure=False,
            clean_session=None if protocol is MQTTProtocolVersion.MQTTv5 else True,
        )  # fmt: skip
        self._connected = connected

    def _create_socket(self) -> socket.socket:
        return self._connected


class Connection:
    """Connects over `connected` and serves until `lost`; `on_message` hears what was subscribed to.

    `on_writable` is called when all that was published has left for the broker: time for more.
    """

    def __init__(
        self,
        connected: socket.socket,
        login: Login,
        *,
        version5: bool = True,
        on_message: Callable[[Message], None] = lambda message: None,
        on_writable: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_writable = on_writable
        self._socket = connected
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._came: deque[Message] = deque()  # handed on outside of paho: its errors are not ours
        self._housekeeping: asyncio.TimerHandle | None = None
        self.lost: asyncio.Future[str] = self._loop.create_future()
        protocol = MQTTProtocolVersion.MQTTv5 if version5 else MQTTProtocolVersion.MQTTv311
        self._client = _Paho(login, connected, protocol)
        self._prepare(login)

    def _prepare(self, login: Login) -> None:
        client = self._client
        client.max_inflight_messages_set(INFLIGHT)
        if login.user is not None:
            client.username_pw_set(login.user, login.password)
        if login.will is not None:
            client.will_set(*login.will)
        client.on_socket_open = lambda client, data, sock: self._loop.add_reader(sock, self._read)
        client.on_socket_close = self._deaf
        client.on_socket_register_write = lambda client, data, sock: self._loop.add_writer(sock, self._write)
        client.on_socket_unregister_write = self._dumb
        client.on_connect = self._answered
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_publish = self._published
        client.on_subscribe = self._subscribed

    async def open(self) -> None:
        """Say who we are and wait for the broker's word; raise BrokerError, OldBrokerError where MQTT 5 is too new."""
        client = self._client
        client.connect_async("broker", 1883, KEEPALIVE_S)  # a name is asked for; the socket is there already
        if client.protocol == MQTTProtocolVersion.MQTTv5:
            client._connect_properties = _properties(PacketTypes.CONNECT, MaximumPacketSize=PACKET_LIMIT)
        client.reconnect()
        self._keep_house()
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._accepted
        except TimeoutError:
            raise BrokerError(f"no answer to our connect within {ANSWER_S:g} s") from None

    @property
    def is_writable(self) -> bool:
        """Whether all that was published has left for the broker."""
        return not self._client.want_write()

    def publish(self, message: Message) -> asyncio.Future[None]:
        """Send; what comes back is done once the broker has it (QoS 1) or the socket took it (QoS 0).

        It fails with RefusedError if the broker does not take it, with BrokerError if the connection is lost.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        done.add_done_callback(_look)
        try:
            info = self._client.publish(*message)
        except ValueError as error:  # no topic, or too much: what others send, and we answer, ends nothing
            done.set_exception(RefusedError(f"no MQTT: {error}"))
            return done
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            done.set_exception(BrokerError(f"not sent: {info.rc.name}"))
        elif info.is_published():
            done.set_result(None)
        else:
            self._waiting[info.mid] = done
        return done

    async def subscribe(self, *filters: str, qos: int = 1) -> None:
        """Ask for what comes on these; raise RefusedError if one is refused."""
        _, mid = self._client.subscribe([(name, qos) for name in filters])
        if mid is None:
            raise BrokerError("not subscribed: the connection is gone")
        done = self._waiting[mid] = self._loop.create_future()
        try:
            async with asyncio.timeout(ANSWER_S):
                await done
        except TimeoutError:
            raise BrokerError(f"no answer to our subscription within {ANSWER_S:g} s") from None
        finally:
            self._waiting.pop(mid, None)

    def close(self, *, politely: bool = True) -> None:
        """End it: politely the broker forgets the will, else it publishes that."""
        if politely and not self.lost.done():
            self._client.disconnect()
            self._client.loop_write()
        self._end("closed")

    # --- the loop's side -------------------------------------------------------------------------------------------

    def _deaf(self, client: Client, data: object, sock: object) -> None:
        self._leave()

    def _dumb(self, client: Client, data: object, sock: object) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_writer(self._socket)

    def _leave(self) -> None:
        """Paho and we may both be first to close the socket."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            result = self._client.loop_read()
            pending = getattr(self._socket, "pending", None)  # what TLS has decrypted already wakes nobody
            while result == MQTTErrorCode.MQTT_ERR_SUCCESS and pending is not None and pending():
                result = self._client.loop_read()
        except GARBAGE as error:
            self._end(f"what came is no MQTT: {error!r}")
            return
        while self._came and not self.lost.done():
            self._on_message(self._came.popleft())
        self._check(result)

    def _write(self) -> None:
        self._check(self._client.loop_write())
        if not self.lost.done() and self.is_writable:
            self._on_writable()

    def _keep_house(self) -> None:
        """Pings, and what they tell of the broker."""
        self._check(self._client.loop_misc())
        if not self.lost.done():
            self._housekeeping = self._loop.call_later(HOUSEKEEPING_S, self._keep_house)

    def _check(self, result: MQTTErrorCode) -> None:
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._end(f"the connection is lost ({result.name.removeprefix('MQTT_ERR_').lower()})")

    def _end(self, why: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(why)
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self._leave()
        self._socket.close()
        error = BrokerError(why)
        for future in (self._accepted, *self._waiting.values()):
            if not future.done():
                future.set_exception(error)
                future.exception()  # nobody may be waiting for it any more
        self._waiting.clear()

    # --- paho's side ------------------------------------------------------------------------------------------------

    def _answered(
        self, client: Client, data: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self._accepted.done():
            return
        if not reason.is_failure:
            self._accepted.set_result(None)
        elif reason.value in UNSUPPORTED_VERSION and client.protocol == MQTTProtocolVersion.MQTTv5:
            self._accepted.set_exception(OldBrokerError(str(reason)))
        else:
            self._accepted.set_exception(BrokerError(f"refused: {reason}"))

    def _disconnected(
        self, client: Client, data: object, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._end(f"the broker ended it: {reason}" if flags.is_disconnect_packet_from_server else f"lost: {reason}")

    def _received(self, client: Client, data: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # nothing of ours is called so
        self._came.append(Message(topic, bytes(message.payload), message.qos, message.retain))

    def _published(
        self, client: Client, data: object, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._settle(mid, f"refused: {reason}" if reason.is_failure else None)

    def _subscribed(
        self, client: Client, data: object, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        refused = next((reason for reason in reasons if reason.is_failure), None)
        self._settle(mid, f"subscription refused: {refused}" if refused else None)

    def _settle(self, mid: int, refusal: str | None) -> None:
        done = self._waiting.pop(mid, None)
        if done is None or done.done():
            return
        if refusal is None:
            done.set_result(None)
        else:
            done.set_exception(RefusedError(refusal))


def _properties(kind: int, **values: Any) -> Properties:
    properties = Properties(kind)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _look(done: asyncio.Future[None]) -> None:
    """Whoever does not wait for the end of a publication has decided not to care."""
    if not done.cancelled():
        done.exception()
