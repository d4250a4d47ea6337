"""What a stopped, dead, slow or hostile other side does to a service."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator

import pytest
from dbus_fast.aio import MessageBus

from private_bus import Connector, Daemon, Peer, wait_for
from velib_python._frames import FrameReader
from velib_python._library import LibraryName, load_parser
from velib_python._marshal import Field, MessageKind, Variant, header_fields, marshal, message
from velib_python.connection import Connection, connect
from velib_python.errors import DbusError
from velib_python.vedbus import VeDbusService

NAME = "com.victronenergy.battery.test"
BUS_ITEM = "com.victronenergy.BusItem"


async def serve(bus: Connection, paths: int) -> VeDbusService:
    service = VeDbusService(NAME, bus)
    for number in range(paths):
        service.add_path(f"/Bank/{number}/Voltage", 0.0, signature="d", gettext="%.3fV")
    await service.register()
    return service


async def test_two_thousand_paths(bus: Connection, peer: Peer) -> None:
    service = await serve(bus, 2000)
    await peer.listen()
    assert len((await peer.call(NAME, "/", "GetItems")).body[0]) == 2000
    assert len((await peer.call(NAME, "/", "GetValue")).body[0].value) == 2000
    service.update({f"/Bank/{number}/Voltage": float(number) for number in range(1, 2000)})
    await peer.call(NAME, "/Bank/1999/Voltage", "GetValue")
    (changed,) = peer.signals
    assert len(changed.body[0]) == 1999
    assert not bus.closed


async def test_a_stopped_daemon_costs_neither_connection_nor_values(
    daemon: Daemon, bus: Connection, peer: Peer
) -> None:
    paths = 150
    service = await serve(bus, paths)
    await peer.listen()
    daemon.stop()
    ends_at = time.monotonic() + 1.5
    turn, most_waiting = 0, 0
    while time.monotonic() < ends_at:
        turn += 1
        service.update({f"/Bank/{number}/Voltage": turn + number / 1000 for number in range(paths)})
        await asyncio.sleep(0)
        most_waiting = max(most_waiting, bus.bytes_waiting)
    assert not bus.writable
    assert most_waiting < 128 * 1024
    daemon.resume()
    await wait_for(lambda: bus.writable and bus.bytes_waiting == 0)
    values = (await peer.call(NAME, "/Bank", "GetValue")).body[0].value
    expected = {f"{number}/Voltage": turn + number / 1000 for number in range(paths)}
    assert {path: entry.value for path, entry in values.items()} == expected
    seen = {}
    for changed in peer.signals:
        seen |= {path: item["Value"].value for path, item in changed.body[0].items()}
    assert seen == {f"/Bank/{path}": value for path, value in expected.items()}
    assert not bus.closed


async def test_a_killed_daemon_is_noticed(daemon: Daemon, bus: Connection) -> None:
    service = await serve(bus, 3)
    pending = asyncio.create_task(bus.call(bus.unique_name, "/", BUS_ITEM, "Never", timeout_s=60))
    daemon.stop()
    await asyncio.sleep(0)
    await daemon.kill()
    async with asyncio.timeout(10):
        assert isinstance(await bus.wait_closed(), ConnectionError)
        with pytest.raises(ConnectionError):
            await pending
    assert bus.closed and not bus.writable
    service["/Bank/1/Voltage"] = 5.0
    assert service["/Bank/1/Voltage"] == 5.0
    with pytest.raises(ConnectionError):
        await bus.call_daemon("ListNames")


async def test_closing_ourselves_is_no_error(connector: Connector) -> None:
    bus = await connector()
    await bus.close()
    assert await bus.wait_closed() is None
    await bus.close()


async def test_closing_does_not_wait_for_a_stopped_daemon(daemon: Daemon, connector: Connector) -> None:
    bus = await connector()
    service = await serve(bus, 2000)
    daemon.stop()
    for turn in range(1, 20):
        service.update({f"/Bank/{number}/Voltage": float(turn) for number in range(2000)})
    assert bus.bytes_waiting
    async with asyncio.timeout(10):
        await bus.close(timeout_s=0.05)
    assert bus.closed


async def test_a_subscriber_that_does_not_read_delays_nobody(daemon: Daemon, bus: Connection, peer: Peer) -> None:
    service = await serve(bus, 150)
    deaf = await MessageBus(bus_address=daemon.address).connect()
    sleeper = Peer(deaf)
    await sleeper.listen()
    asyncio.get_running_loop().remove_reader(deaf._fd)
    for turn in range(1, 200):
        service.update({f"/Bank/{number}/Voltage": float(turn) for number in range(150)})
        await asyncio.sleep(0)
    assert (await peer.call(NAME, "/Bank/3/Voltage", "GetValue")).body[0].value == 199.0
    assert not bus.closed
    deaf._finalize(None)


@contextlib.asynccontextmanager
async def raw_client(daemon: Daemon) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A socket that is let in and may send any bytes."""
    reader, writer = await asyncio.open_unix_connection(daemon.address.partition("=")[2])
    writer.write(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
    fields = header_fields({
        Field.PATH: "/org/freedesktop/DBus", Field.DESTINATION: "org.freedesktop.DBus",
        Field.INTERFACE: "org.freedesktop.DBus", Field.MEMBER: "Hello",
    })  # fmt: skip
    writer.write(message(MessageKind.CALL, 1, fields))
    await reader.readuntil(b"OK ")
    await reader.readuntil(b"\r\n")
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def test_odd_messages_of_a_peer_cost_themselves_only(daemon: Daemon, bus: Connection, peer: Peer) -> None:
    await serve(bus, 3)
    fields = header_fields({
        Field.PATH: "/Bank/1/Voltage", Field.DESTINATION: NAME, Field.INTERFACE: BUS_ITEM, Field.MEMBER: "GetValue",
    })  # fmt: skip
    signed = header_fields({
        Field.PATH: "/Bank/1/Voltage", Field.DESTINATION: NAME, Field.INTERFACE: BUS_ITEM, Field.MEMBER: "SetValue",
        Field.SIGNATURE: "v",
    })  # fmt: skip
    deep = marshal("v", Variant("v", Variant("a(yv)", [(1, Variant("as", [""])), (2, Variant("ay", b"\xff"))])))
    unknown_kind = bytearray(message(MessageKind.CALL, 2, fields))
    unknown_kind[1] = 5
    unknown_flags = message(MessageKind.CALL, 3, fields, flags=0xF0)
    big_endian_empty = struct.pack(">cBBBII", b"B", 1, 0, 1, 0, 4) + _swapped(fields)
    odd = (bytes(unknown_kind), unknown_flags, message(MessageKind.CALL, 5, signed, deep), big_endian_empty)
    frames, parse = FrameReader(), load_parser()
    answers = {}
    async with raw_client(daemon) as (reader, writer), asyncio.timeout(10):
        writer.write(b"".join(odd))
        while not {3, 4, 5} <= answers.keys():
            for frame in frames.feed(await reader.read(4096)):
                answer = parse(frame)
                answers[answer.reply_serial] = (answer.error_name, answer.signature)
    assert answers[3] == answers[4] == (None, "v")
    assert answers[5] == (None, "i")
    assert (await peer.call(NAME, "/", "GetItems")).signature == "a{sa{sv}}"
    assert not bus.closed


def _swapped(fields: bytes) -> bytes:
    """The header fields of a little endian message as a big endian peer writes them."""
    out = bytearray(fields)
    out[0:4] = out[0:4][::-1]
    at, end = 4, 4 + int.from_bytes(fields[:4], "little")
    while at < end:
        at += -(at - 4) % 8
        code = out[at + 2 : at + 3]
        length = int.from_bytes(out[at + 4 : at + 8], "little")
        if code in (b"s", b"o", b"u"):
            out[at + 4 : at + 8] = out[at + 4 : at + 8][::-1]
        at += 8 + (0 if code == b"u" else length + 1)
    return bytes(out)


async def test_a_service_without_handler_answers_unknown_object(bus: Connection, connector: Connector) -> None:
    asker = await connector()
    with pytest.raises(DbusError, match="UnknownObject"):
        await asker.call(bus.unique_name, "/", BUS_ITEM, "GetItems")


async def test_a_call_times_out_and_leaves_nothing_behind(daemon: Daemon, bus: Connection) -> None:
    daemon.stop()
    with pytest.raises(TimeoutError):
        await bus.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId", timeout_s=0.05)
    daemon.resume()
    assert len((await bus.call_daemon("GetId"))[0]) == 32


async def test_no_daemon_is_named(tmp_path: object, library: LibraryName) -> None:
    with pytest.raises(ConnectionError, match=r"nowhere: .*No such file"):
        await connect(f"unix:path={tmp_path}/nowhere", library=library)


async def test_the_next_address_is_tried(daemon: Daemon, library: LibraryName) -> None:
    bus = await connect(f"unix:path=/nonexistent/bus;{daemon.address}", library=library)
    assert bus.unique_name.startswith(":")
    await bus.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"REJECTED EXTERNAL\r\n", "refused user"),
        (b"x" * 20_000, "refused user"),
        (b"OK 1234\r\nnot D-Bus at all", "not a D-Bus message"),
        (b"", "closed"),
        (None, "no answer"),
    ],
)
async def test_a_wrong_daemon_is_refused(tmp_path: object, answer: bytes | None, reason: str) -> None:
    done = asyncio.Event()

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")
        if answer is not None:
            writer.write(answer[:9])
            await writer.drain()
            writer.write(answer[9:])
            if not answer:
                writer.close()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        done.set()

    server = await asyncio.start_unix_server(pretend, f"{tmp_path}/bus")
    async with server:
        with pytest.raises(ConnectionError, match=reason):
            await connect(f"unix:path={tmp_path}/bus", timeout_s=0.3)
        await done.wait()


async def test_a_message_that_cannot_be_parsed_is_dropped_alone(
    tmp_path: object, library: LibraryName, caplog: pytest.LogCaptureFixture
) -> None:
    """No daemon forwards such a message today, so one is played here."""
    done = asyncio.Event()

    def answer(serial: int) -> bytes:
        fields = header_fields({Field.REPLY_SERIAL: serial, Field.SIGNATURE: "s"})
        return message(MessageKind.RETURN, serial, fields, marshal("s", ":1.1"))

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")
        writer.write(b"OK 1234\r\n")
        await reader.readuntil(b"BEGIN\r\n")
        damaged = bytearray(answer(2))
        damaged[1] = 9
        writer.write(answer(1) + bytes(damaged) * 2 + answer(2))
        await reader.read()
        writer.close()
        done.set()

    async with await asyncio.start_unix_server(play, f"{tmp_path}/bus"):
        bus = await connect(f"unix:path={tmp_path}/bus", library=library)
        with contextlib.suppress(TimeoutError):
            await bus.call("a.b", "/", "a.b", "C", timeout_s=0.05)
        assert bus.unique_name == ":1.1" and not bus.closed
        await bus.close()
        await done.wait()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_flood_of_calls_is_answered_at_the_pace_of_the_socket(daemon: Daemon, bus: Connection) -> None:
    await serve(bus, 500)
    fields = header_fields({
        Field.PATH: "/", Field.DESTINATION: NAME, Field.INTERFACE: BUS_ITEM, Field.MEMBER: "GetItems",
    })  # fmt: skip
    calls = 100  # a daemon grants 128 open calls
    most_waiting = answered = 0
    frames = FrameReader()
    async with raw_client(daemon) as (reader, writer), asyncio.timeout(20):
        writer.write(b"".join(message(MessageKind.CALL, serial, fields) for serial in range(2, calls + 2)))
        while answered < calls:
            data = await reader.read(1 << 20)
            most_waiting = max(most_waiting, bus.bytes_waiting)
            answered += sum(len(frame) > 10_000 for frame in frames.feed(data))
    assert most_waiting < 512 * 1024
    assert not bus.closed
