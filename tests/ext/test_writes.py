"""SetValue: what is coerced, what is refused, and what the publisher is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dbus_fast import Variant
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from private_bus import Peer, wait_for
from velib_python.connection import Connection
from velib_python.vedbus import VeDbusService

NAME = "com.victronenergy.battery.test"
DONE, REFUSED = 0, 1

LARGE = 1 << 62
ACCEPTED = [
    ("/Int", Variant("i", 5), 5),
    ("/Int", Variant("y", 5), 5),
    ("/Int", Variant("n", -5), -5),
    ("/Int", Variant("q", 5), 5),
    ("/Int", Variant("u", 5), 5),
    ("/Int", Variant("x", -5), -5),
    ("/Int", Variant("t", 5), 5),
    ("/Int", Variant("d", 3.0), 3),
    ("/Int", Variant("s", "252"), 252),
    ("/Int", Variant("s", "-7"), -7),
    ("/Int", Variant("s", "2.0"), 2),
    ("/Int", Variant("b", True), 1),
    ("/Long", Variant("s", str(LARGE + 1)), LARGE + 1),
    ("/Byte", Variant("x", 255), 255),
    ("/Double", Variant("i", 4), 4.0),
    ("/Double", Variant("d", -0.5), -0.5),
    ("/Double", Variant("s", "3.5e1"), 35.0),
    ("/Bool", Variant("i", 1), True),
    ("/Text", Variant("s", "Küche 1"), "Küche 1"),
    ("/Text", Variant("s", ""), ""),
    ("/Limited", Variant("d", 3.5), 3.5),
]
NOT_ACCEPTED = [
    ("/Int", Variant("d", 3.5)),
    ("/Int", Variant("d", float("nan"))),
    ("/Int", Variant("d", float("inf"))),
    ("/Int", Variant("s", "abc")),
    ("/Int", Variant("s", "")),
    ("/Int", Variant("s", "1_000")),
    ("/Int", Variant("s", " 5")),
    ("/Int", Variant("s", "٣")),
    ("/Int", Variant("s", "9" * 5000)),
    ("/Int", Variant("x", 1 << 31)),
    ("/Int", Variant("ai", [])),
    ("/Int", Variant("ai", [1])),
    ("/Int", Variant("v", Variant("i", 1))),
    ("/Byte", Variant("i", 256)),
    ("/Byte", Variant("i", -1)),
    ("/Bool", Variant("i", 2)),
    ("/Double", Variant("d", float("nan"))),
    ("/Double", Variant("s", "nan")),
    ("/Double", Variant("s", "1e999")),
    ("/Double", Variant("x", 2**53 + 1)),  # no double is that number
    ("/Double", Variant("ad", [])),
    ("/Text", Variant("ai", [])),
    ("/Text", Variant("i", 3)),
    ("/Text", Variant("as", ["a"])),
    ("/Limited", Variant("d", 2.49)),
    ("/Limited", Variant("d", 3.66)),
    ("/ReadOnly", Variant("i", 2)),
    ("/ReadOnly", Variant("i", 1)),
]


@pytest.fixture
async def service(bus: Connection) -> VeDbusService:
    service = VeDbusService(NAME, bus)
    service.add_path("/Int", 100, signature="i", writeable=True)
    service.add_path("/Byte", 100, signature="y", writeable=True)
    service.add_path("/Long", 100, signature="x", writeable=True)
    service.add_path("/Bool", False, signature="b", writeable=True)
    service.add_path("/Double", 100.0, signature="d", writeable=True)
    service.add_path("/Text", "old", signature="s", writeable=True)
    service.add_path("/Limited", 3.0, signature="d", writeable=True, minimum=2.5, maximum=3.65)
    service.add_path("/ReadOnly", 1, signature="i")
    await service.register()
    return service


async def set_value(peer: Peer, path: str, value: Variant) -> int:
    reply = await peer.call(NAME, path, "SetValue", "v", value)
    assert reply.signature == "i", reply.body
    code: int = reply.body[0]
    return code


@pytest.mark.parametrize(("path", "sent", "stored"), ACCEPTED)
async def test_writers_may_send_any_form_of_the_value(
    service: VeDbusService, peer: Peer, path: str, sent: Variant, stored: object
) -> None:
    declared = (await peer.call(NAME, path, "GetValue")).body[0].signature
    await peer.listen()
    assert await set_value(peer, path, sent) == DONE
    assert (await peer.call(NAME, path, "GetValue")).body == [Variant(declared, stored)]
    (changed,) = peer.signals
    assert changed.body[0][path]["Value"] == Variant(declared, stored)


@pytest.mark.parametrize(("path", "sent"), NOT_ACCEPTED)
async def test_what_does_not_fit_changes_nothing(service: VeDbusService, peer: Peer, path: str, sent: Variant) -> None:
    await peer.listen()
    before = await peer.call(NAME, path, "GetValue")
    assert await set_value(peer, path, sent) == REFUSED
    assert (await peer.call(NAME, path, "GetValue")).body == before.body
    assert peer.signals == []


async def test_the_publisher_is_asked_and_may_refuse(service: VeDbusService, peer: Peer) -> None:
    asked: list[tuple[str, Any]] = []

    def onchange(path: str, value: Any) -> bool:
        asked.append((path, value))
        return bool(value < 10)

    service.add_path("/Asked", 1, signature="i", writeable=True, onchange=onchange)
    assert await set_value(peer, "/Asked", Variant("i", 1)) == DONE
    assert asked == []
    assert await set_value(peer, "/Asked", Variant("d", 9.0)) == DONE
    assert await set_value(peer, "/Asked", Variant("s", "10")) == REFUSED
    assert asked == [("/Asked", 9), ("/Asked", 10)]
    assert service["/Asked"] == 9


async def test_where_an_equal_value_means_something_the_publisher_is_asked_too(
    service: VeDbusService, peer: Peer
) -> None:
    asked: list[Any] = []

    def onchange(path: str, value: Any) -> bool:
        asked.append(value)
        return True

    service.add_path("/Again", 3, signature="i", writeable=True, onchange=onchange, ask_always=True)
    assert await set_value(peer, "/Again", Variant("i", 3)) == DONE
    assert asked == [3]


async def test_a_coroutine_answers_when_it_has_decided(service: VeDbusService, peer: Peer) -> None:
    decision: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def onchange(path: str, value: Any) -> bool:
        return await decision

    service.add_path("/Slow", 1, signature="i", writeable=True, onchange=onchange)
    writing = asyncio.create_task(set_value(peer, "/Slow", Variant("i", 2)))
    await peer.call(NAME, "/Slow", "GetValue")
    assert not writing.done() and service["/Slow"] == 1
    decision.set_result(True)
    assert await writing == DONE and service["/Slow"] == 2


async def test_what_the_publisher_sets_itself_wins_over_the_wish(service: VeDbusService, peer: Peer) -> None:
    def onchange(path: str, value: Any) -> bool:
        service[path] = 50
        return True

    service.add_path("/Clamped", 1, signature="i", writeable=True, onchange=onchange)
    await peer.call(NAME, "/Clamped", "GetValue")  # its announcement is through before anyone listens
    await peer.listen()
    assert await set_value(peer, "/Clamped", Variant("i", 80)) == DONE
    assert service["/Clamped"] == 50
    assert [signal.body[0]["/Clamped"]["Value"].value for signal in peer.signals] == [50]


async def test_a_path_removed_while_its_writer_waits_stays_removed(service: VeDbusService, peer: Peer) -> None:
    def onchange(path: str, value: Any) -> bool:
        service.remove_path(path)
        return True

    service.add_path("/Gone", 1, signature="i", writeable=True, onchange=onchange)
    assert await set_value(peer, "/Gone", Variant("i", 2)) == DONE
    assert "/Gone" not in service


async def test_an_error_of_the_publisher_ends_the_connection(
    service: VeDbusService, bus: Connection, peer: Peer
) -> None:
    async def onchange(path: str, value: Any) -> bool:
        raise LookupError("a bug")

    service.add_path("/Bug", 1, signature="i", writeable=True, onchange=onchange)
    writing = asyncio.create_task(peer.call(NAME, "/Bug", "SetValue", "v", Variant("i", 2)))
    async with asyncio.timeout(10):
        assert isinstance(await bus.wait_closed(), LookupError)
    await wait_for(writing.done)
    assert writing.result().error_name == "org.freedesktop.DBus.Error.NoReply"


SCALARS = st.one_of(
    st.tuples(st.just("y"), st.integers(0, 255)),
    st.tuples(st.just("b"), st.booleans()),
    st.tuples(st.just("n"), st.integers(-(1 << 15), (1 << 15) - 1)),
    st.tuples(st.just("u"), st.integers(0, (1 << 32) - 1)),
    st.tuples(st.just("x"), st.integers(-(1 << 63), (1 << 63) - 1)),
    st.tuples(st.just("t"), st.integers(0, (1 << 64) - 1)),
    st.tuples(st.just("d"), st.floats()),
    st.tuples(st.just("s"), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)),
    st.tuples(st.just("s"), st.floats().map(str)),
    st.tuples(st.just("o"), st.just("/a/b")),
    st.tuples(st.just("g"), st.just("a{sv}")),
).map(lambda pair: Variant(*pair))
VARIANTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda members: Variant("av", members)),
        st.dictionaries(st.sampled_from("abc"), inner).map(lambda members: Variant("a{sv}", members)),
        inner.map(lambda member: Variant("v", member)),
        st.tuples(inner, st.integers(0, 9)).map(lambda pair: Variant("(vi)", pair)),
    ),
    max_leaves=4,
)


@given(path=st.sampled_from(["/Int", "/Byte", "/Long", "/Bool", "/Double", "/Text", "/Limited"]), value=VARIANTS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_variant_is_answered_and_only_exact_values_are_stored(
    service: VeDbusService, bus: Connection, peer: Peer, path: str, value: Variant
) -> None:
    before = service[path]
    code = await set_value(peer, path, value)
    assert code in (DONE, REFUSED)
    assert not bus.closed
    stored = service[path]
    if code == REFUSED:
        assert stored == before
    else:
        sent = value.value
        assert stored == (float(sent) if isinstance(sent, str) and path != "/Text" else sent)
    read = (await peer.call(NAME, path, "GetValue")).body[0]
    assert read.value == stored
