"""Our connection against a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from functools import partial
from pathlib import Path
from random import Random

import pytest

from publish.mqtt.mosquitto import Mosquitto, broker, listening
from smallbms.config_tables import MqttTable
from smallbms.publish.mqtt.connection import BrokerError, Connection, Login, Message, RefusedError
from smallbms.publish.mqtt.dial import dial
from smallbms.publish.mqtt.tls import Tls

WILL = Message("us/status", b"offline", qos=1, retain=True)


async def opened(one: Mosquitto, *, version5: bool = True, **login: str) -> Connection:
    socket = await dial("127.0.0.1", one.port, None)
    connection = Connection(socket, Login(client_id="us", will=WILL, **login), version5=version5)
    await connection.open()
    return connection


@pytest.mark.parametrize("version5", [True, False])
@pytest.mark.parametrize("qos", [0, 1])
async def test_what_is_published_arrives(tmp_path: Path, version5: bool, qos: int) -> None:
    async with broker(tmp_path) as one, listening(one.port, "us/#") as listener:
        connection = await opened(one, version5=version5)
        await connection.publish(Message("us/x", b"1", qos=qos))
        assert await listener.hears("us/x") == b"1"
        connection.close()
        assert connection.lost.done()


async def test_a_broker_that_dies_is_noticed_at_once(tmp_path: Path) -> None:
    async with broker(tmp_path) as one:
        connection = await opened(one)
        one.kill()
        async with asyncio.timeout(10):
            assert "lost" in await connection.lost
        with pytest.raises(BrokerError):
            await connection.publish(Message("us/x", b"1", qos=1))


async def test_what_waits_for_an_answer_fails_with_the_connection(tmp_path: Path) -> None:
    async with broker(tmp_path) as one:
        connection = await opened(one)
        one.signal(signal.SIGSTOP)
        waiting = connection.publish(Message("us/x", b"1", qos=1))
        one.kill()
        with pytest.raises(BrokerError, match="lost"):
            await waiting


async def test_without_a_goodbye_the_broker_says_the_will(tmp_path: Path) -> None:
    async with broker(tmp_path) as one, listening(one.port, "us/#") as listener:
        connection = await opened(one)
        connection.close(politely=False)
        assert await listener.hears("us/status") == b"offline"


async def test_a_wrong_password_is_said(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("", encoding="utf-8")
    settings = ("allow_anonymous false", f"password_file {tmp_path}/passwords")
    async with broker(tmp_path, *settings) as one:
        with pytest.raises(BrokerError, match=r"(?i)not authori[sz]ed"):
            await opened(one, user="me", password="wrong")


async def test_a_frozen_broker_never_fills_the_memory(tmp_path: Path) -> None:
    """The socket takes what it takes; then we are told to wait."""
    async with broker(tmp_path) as one:
        connection = await opened(one)
        one.signal(signal.SIGSTOP)
        sent = 0
        while connection.is_writable:
            connection.publish(Message("us/x", bytes(10_000)))
            sent += 1
            assert sent < 10_000
        one.signal(signal.SIGCONT)
        async with asyncio.timeout(10):
            while not connection.is_writable:
                await asyncio.sleep(0.01)
        connection.close()


@pytest.mark.parametrize("topic", ["a" * 65_536, "a/#"])
async def test_what_is_no_topic_is_refused_and_the_connection_stands(tmp_path: Path, topic: str) -> None:
    async with broker(tmp_path) as one:
        connection = await opened(one)
        with pytest.raises(RefusedError, match="no MQTT"):
            await connection.publish(Message(topic, b"1", qos=1))
        await connection.publish(Message("us/x", b"1", qos=1))
        connection.close()


async def test_a_host_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match=r"port 1 of 127\.0\.0\.1: Connection refused"):
        await dial("127.0.0.1", 1, None)


@pytest.mark.parametrize("tls", [None, Tls(MqttTable(host="hole", tls=True))])
async def test_a_host_that_swallows_everything_costs_a_while_and_no_more(tls: Tls | None) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        if tls is None:  # one waits already: the next is not even accepted
            first = await dial("127.0.0.1", hole.getsockname()[1], None)
        with pytest.raises(OSError, match=r"does not answer within 0\.2 s"):
            await dial("127.0.0.1", hole.getsockname()[1], tls, seconds=0.2)
        if tls is None:
            first.close()


async def test_an_address_that_swallows_everything_does_not_hide_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as hole, socket.socket() as broker:
        for one in (hole, broker):
            one.bind(("127.0.0.1", 0))
            one.listen(0)
        first = await dial("127.0.0.1", hole.getsockname()[1])  # one waits already: the next is not even accepted

        async def found(*_: object, **__: object) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", one.getsockname()) for one in (hole, broker)]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
        reached = await dial("two addresses", 1883, seconds=0.2)
        assert reached.getpeername() == broker.getsockname()
        for connection in (first, reached):
            connection.close()


@pytest.mark.parametrize("host", ["192.168.1..10", ".example.org", f"{'a' * 64}.org"])
async def test_what_is_no_host_name_is_a_broker_that_cannot_be_had(host: str) -> None:
    with pytest.raises(OSError, match="is no host name"):
        await dial(host, 1883)


async def test_a_name_that_no_certificate_bears_is_a_broker_that_cannot_be_had() -> None:
    plain, other = socket.socketpair()
    with plain, other:
        plain.setblocking(False)
        with pytest.raises(OSError, match="is no name in a certificate"):
            await Tls(MqttTable(host="x", tls=True))(plain, ".example.org")
        assert plain.fileno() < 0


GREETING = bytes((0x20, 0x03, 0x00, 0x00, 0x00))  # CONNACK of MQTT 5: welcome


@pytest.mark.parametrize("version5", [True, False])
async def test_whatever_a_broker_sends_ends_no_more_than_its_connection(version5: bool) -> None:
    """An exception in a callback of the loop would end the BMS."""
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    for seed in range(150):
        random = Random(seed)
        noise = bytes((random.choice((0x20, 0x30, 0x32, 0x40, 0x90, 0xD0, 0xE0, 0xF0)), random.randrange(40)))
        noise += random.randbytes(60)
        first = GREETING if version5 else GREETING[:1] + b"\x02\x00\x00"
        server = await asyncio.start_server(partial(sends, first * (seed % 2) + noise), "127.0.0.1")
        async with server:
            socket = await dial("127.0.0.1", server.sockets[0].getsockname()[1])
            connection = Connection(socket, Login(client_id="us"), version5=version5)
            with contextlib.suppress(BrokerError):
                await connection.open()
                await connection.lost
            connection.close(politely=False)
    assert faults == []


async def sends(noise: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(noise)
    await writer.drain()
    writer.close()
