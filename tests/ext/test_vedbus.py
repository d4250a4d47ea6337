"""A service as its clients see it: every member, type and signature on the wire."""

from __future__ import annotations

import pytest
from dbus_fast import Message, MessageFlag, Variant

from private_bus import Connector, Peer, wait_for
from velib_python.connection import Connection
from velib_python.errors import NameTakenError
from velib_python.vedbus import VeDbusService

NAME = "com.victronenergy.battery.test"


@pytest.fixture
async def service(bus: Connection) -> VeDbusService:
    service = VeDbusService(NAME, bus)
    service.add_path("/Mgmt/Connection", "RS-485", signature="s")
    service.add_path("/DeviceInstance", 7, signature="u", description="which battery")
    service.add_path("/Dc/0/Voltage", 13.25, signature="d", gettext="%.2fV")
    service.add_path("/Dc/0/Current", None, signature="d", gettext="%.1fA")
    service.add_path("/ProductId", 0xA3FF, signature="q", gettext=lambda path, value: f"{value:#X} at {path}")
    service.add_path("/Mode", 3, signature="u", writeable=True, minimum=1, maximum=4, default=3)
    await service.register()
    return service


def items(message: Message) -> dict[str, dict[str, Variant]]:
    assert message.signature == "a{sa{sv}}"
    return message.body[0]


def plain(message: Message) -> dict[str, dict[str, object]]:
    return {path: {key: entry.value for key, entry in item.items()} for path, item in items(message).items()}


async def test_get_items_carries_type_text_and_limits(service: VeDbusService, peer: Peer) -> None:
    reply = await peer.call(NAME, "/", "GetItems")
    assert items(reply) == {
        "/Mgmt/Connection": {"Value": Variant("s", "RS-485"), "Text": Variant("s", "RS-485")},
        "/DeviceInstance": {"Value": Variant("u", 7), "Text": Variant("s", "7")},
        "/Dc/0/Voltage": {"Value": Variant("d", 13.25), "Text": Variant("s", "13.25V")},
        "/Dc/0/Current": {"Value": Variant("ai", []), "Text": Variant("s", "")},
        "/ProductId": {"Value": Variant("q", 0xA3FF), "Text": Variant("s", "0XA3FF at /ProductId")},
        "/Mode": {
            "Value": Variant("u", 3), "Min": Variant("u", 1), "Max": Variant("u", 4), "Default": Variant("u", 3),
            "Text": Variant("s", "3"),
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "member", "signature", "body"),
    [
        ("/Dc/0/Voltage", "GetValue", "v", Variant("d", 13.25)),
        ("/Dc/0/Voltage", "GetText", "s", "13.25V"),
        ("/Dc/0/Current", "GetValue", "v", Variant("ai", [])),
        ("/Dc/0/Current", "GetText", "s", ""),
        ("/DeviceInstance", "GetValue", "v", Variant("u", 7)),
        ("/Mode", "GetMin", "v", Variant("u", 1)),
        ("/Mode", "GetMax", "v", Variant("u", 4)),
        ("/Mode", "GetDefault", "v", Variant("u", 3)),
        ("/DeviceInstance", "GetMin", "v", Variant("ai", [])),
        ("/Dc/0", "GetValue", "v", Variant("a{sv}", {"Voltage": Variant("d", 13.25), "Current": Variant("ai", [])})),
        ("/Dc", "GetText", "v", Variant("a{sv}", {"0/Voltage": Variant("s", "13.25V"), "0/Current": Variant("s", "")})),
    ],
)
async def test_reading_methods(
    service: VeDbusService, peer: Peer, path: str, member: str, signature: str, body: object
) -> None:
    reply = await peer.call(NAME, path, member)
    assert (reply.signature, reply.body) == (signature, [body])
    without_interface = await peer.call(NAME, path, member, interface=None)
    assert without_interface.body == [body]


async def test_root_value_is_every_path_without_its_slash(service: VeDbusService, peer: Peer) -> None:
    values = (await peer.call(NAME, "/", "GetValue")).body[0]
    texts = (await peer.call(NAME, "/", "GetText")).body[0]
    assert values.signature == texts.signature == "a{sv}"
    assert set(values.value) == {path[1:] for path in items(await peer.call(NAME, "/", "GetItems"))}
    assert values.value["DeviceInstance"] == Variant("u", 7)
    assert texts.value["Dc/0/Voltage"] == Variant("s", "13.25V")


async def test_description(service: VeDbusService, peer: Peer) -> None:
    reply = await peer.call(NAME, "/DeviceInstance", "GetDescription", "si", "en", 20)
    assert (reply.signature, reply.body) == ("s", ["which battery"])


@pytest.mark.parametrize(
    ("path", "member", "signature", "arguments", "error"),
    [
        ("/Nowhere", "GetValue", "", [], "UnknownObject"),
        ("/Dc/0/Volt", "GetValue", "", [], "UnknownObject"),
        ("/Nowhere", "SetValue", "v", [Variant("i", 1)], "UnknownObject"),
        ("/Dc/0/Voltage", "GetNothing", "", [], "UnknownMethod"),
        ("/Dc/0/Voltage", "GetItems", "", [], "UnknownMethod"),
        ("/Dc", "GetItems", "", [], "UnknownMethod"),
        ("/Dc", "SetValue", "v", [Variant("i", 1)], "UnknownMethod"),
        ("/", "SetValue", "v", [Variant("i", 1)], "UnknownMethod"),
        ("/Mode", "SetValue", "", [], "InvalidArgs"),
        ("/Mode", "SetValue", "i", [1], "InvalidArgs"),
        ("/Mode", "SetValue", "vv", [Variant("i", 1), Variant("i", 1)], "InvalidArgs"),
        ("/Mode", "GetValue", "s", ["x"], "InvalidArgs"),
        ("/", "GetItems", "i", [3], "InvalidArgs"),
        ("/Mode", "GetDescription", "", [], "InvalidArgs"),
    ],
)
async def test_wrong_calls_get_an_error_reply(
    service: VeDbusService, peer: Peer, path: str, member: str, signature: str, arguments: list[object], error: str
) -> None:
    reply = await peer.call(NAME, path, member, signature, *arguments)
    assert reply.error_name == f"org.freedesktop.DBus.Error.{error}"
    assert path in reply.body[0] or member in reply.body[0]


@pytest.mark.parametrize(("path", "error"), [("/Mode", "UnknownMethod"), ("/Nowhere", "UnknownObject")])
async def test_a_foreign_interface_is_refused(service: VeDbusService, peer: Peer, path: str, error: str) -> None:
    reply = await peer.call(NAME, path, "Get", "ss", "a.b", "C", interface="org.freedesktop.DBus.Properties")
    assert reply.error_name == f"org.freedesktop.DBus.Error.{error}"


async def test_ping_and_introspection(service: VeDbusService, peer: Peer) -> None:
    ping = await peer.call(NAME, "/Mode", "Ping", interface="org.freedesktop.DBus.Peer")
    assert ping.message_type.name == "METHOD_RETURN"
    for path, children, method in (("/", {"Mgmt", "Dc", "Mode"}, "GetItems"), ("/Dc", {"0"}, "GetText")):
        node = await peer.bus.introspect(NAME, path)
        assert children <= {child.name for child in node.nodes}
        assert method in {found.name for found in node.interfaces[0].methods}
    leaf = await peer.bus.introspect(NAME, "/Mode")
    methods = {method.name: (method.in_signature, method.out_signature) for method in leaf.interfaces[0].methods}
    assert methods["SetValue"] == ("v", "i")
    assert methods["GetDescription"] == ("si", "s")
    missing = await peer.call(NAME, "/No", "Introspect", interface="org.freedesktop.DBus.Introspectable")
    assert missing.error_name == "org.freedesktop.DBus.Error.UnknownObject"


async def test_a_call_without_reply_gets_none(service: VeDbusService, peer: Peer) -> None:
    replies: list[Message] = []
    peer.bus.add_message_handler(lambda message: replies.append(message) if message.reply_serial else None)
    for member in ("GetValue", "NoSuchMethod"):
        await peer.bus.send(
            Message(
                destination=NAME, path="/Mode", interface="com.victronenergy.BusItem", member=member,
                flags=MessageFlag.NO_REPLY_EXPECTED,
            )
        )  # fmt: skip
    await peer.call(NAME, "/Mode", "GetValue")
    assert len(replies) == 1


async def test_a_change_set_is_one_signal_with_what_changed(service: VeDbusService, peer: Peer) -> None:
    await peer.listen()
    service.update({"/Dc/0/Voltage": 13.3, "/Dc/0/Current": -4.0, "/DeviceInstance": 7})
    service.update({"/Dc/0/Voltage": 13.3})
    service.update({"/Dc/0/Current": None})
    await peer.call(NAME, "/", "GetItems")
    first, second = peer.signals
    assert (first.path, first.member, first.flags) == ("/", "ItemsChanged", MessageFlag.NO_REPLY_EXPECTED)
    assert items(first) == {
        "/Dc/0/Voltage": {"Value": Variant("d", 13.3), "Text": Variant("s", "13.30V")},
        "/Dc/0/Current": {"Value": Variant("d", -4.0), "Text": Variant("s", "-4.0A")},
    }
    assert items(second) == {"/Dc/0/Current": {"Value": Variant("ai", []), "Text": Variant("s", "")}}


async def test_a_block_is_one_signal_with_the_newest_values(service: VeDbusService, peer: Peer) -> None:
    await peer.listen()
    with service:
        service["/Mode"] = 1
        service["/Dc/0/Voltage"] = 1.0
        with service:
            service["/Mode"] = 4
    await peer.call(NAME, "/", "GetItems")
    (changed,) = peer.signals
    assert plain(changed)["/Mode"]["Value"] == 4
    assert plain(changed)["/Dc/0/Voltage"]["Text"] == "1.00V"


async def test_new_text_alone_is_a_change(bus: Connection, peer: Peer) -> None:
    texts = ["first", "second"]
    service = VeDbusService(NAME, bus)
    service.add_path("/State", 1, signature="i", gettext=lambda path, value: texts[0])
    await service.register()
    await peer.listen()
    del texts[0]
    service["/State"] = 1
    await peer.call(NAME, "/", "GetItems")
    assert [plain(signal)["/State"] for signal in peer.signals] == [{"Value": 1, "Text": "second"}]


async def test_paths_come_and_go_after_registration(service: VeDbusService, peer: Peer) -> None:
    await peer.listen()
    service.add_path("/Late", "here", signature="s")
    service.remove_path("/Mode")
    assert "/Late" in service and "/Mode" not in service
    reply = await peer.call(NAME, "/Mode", "GetValue")
    assert reply.error_name == "org.freedesktop.DBus.Error.UnknownObject"
    added, removed = peer.signals
    assert plain(added) == {"/Late": {"Value": "here", "Text": "here"}}
    assert items(removed)["/Mode"]["Value"] == Variant("ai", [])
    assert "/Mode" not in items(await peer.call(NAME, "/", "GetItems"))


async def test_properties_changed_only_if_asked(connector: Connector, peer: Peer) -> None:
    await peer.listen()
    for suffix, wanted in (("a", False), ("b", True)):
        service = VeDbusService(f"{NAME}.{suffix}", await connector(), properties_changed=wanted)
        service.add_path("/Soc", 50.0, signature="d", gettext="%d%%")
        await service.register()
        service["/Soc"] = 51.0
    await wait_for(lambda: len(peer.signals) == 3)
    old = peer.signals[2]
    assert (old.path, old.member, old.signature) == ("/Soc", "PropertiesChanged", "a{sv}")
    assert old.body == [{"Value": Variant("d", 51.0), "Text": Variant("s", "51%")}]
    assert [signal.member for signal in peer.signals[:2]] == ["ItemsChanged", "ItemsChanged"]


async def test_nothing_is_sent_before_the_name_is_ours(bus: Connection, peer: Peer) -> None:
    await peer.listen()
    service = VeDbusService(NAME, bus)
    service.add_path("/Soc", 50.0, signature="d")
    service["/Soc"] = 60.0
    assert (await peer.daemon("NameHasOwner", "s", NAME)).body == [False]
    await service.register()
    assert plain(await peer.call(NAME, "/", "GetItems"))["/Soc"]["Value"] == 60.0
    assert peer.signals == []


async def test_a_taken_name_is_refused_not_queued(service: VeDbusService, connector: Connector, peer: Peer) -> None:
    second = VeDbusService(NAME, await connector())
    with pytest.raises(NameTakenError, match=NAME):
        await second.register()
    await service.unregister()
    assert (await peer.daemon("NameHasOwner", "s", NAME)).body == [False]
    await second.register()
    owner = (await peer.daemon("GetNameOwner", "s", NAME)).body
    assert owner != [] and second.registered and not service.registered


async def test_one_service_per_connection(service: VeDbusService, bus: Connection) -> None:
    with pytest.raises(ValueError, match="one connection per service"):
        VeDbusService(f"{NAME}.second", bus)


@pytest.mark.parametrize("path", ["", "/", "Soc", "/Soc/", "//Soc", "/So c", "/Ü", "/Mode"])
async def test_wrong_or_double_paths_are_refused(service: VeDbusService, path: str) -> None:
    with pytest.raises(ValueError, match=r"path|exists"):
        service.add_path(path, 1, signature="i")


async def test_an_unknown_path_publishes_nothing(service: VeDbusService, peer: Peer) -> None:
    await peer.listen()
    with pytest.raises(KeyError, match="/Nope"):
        service.update({"/Mode": 1, "/Nope": 2})
    await peer.call(NAME, "/", "GetItems")
    assert peer.signals == [] and service["/Mode"] == 3


async def test_what_a_type_cannot_hold_turns_invalid_and_is_named(service: VeDbusService, peer: Peer) -> None:
    await peer.listen()
    with pytest.raises(ValueError, match=r"/ProductId.*70000"):
        service.update({"/ProductId": 70000, "/Dc/0/Voltage": 12.0, "/Mgmt/Connection": "a\0b"})
    reply = items(await peer.call(NAME, "/", "GetItems"))
    assert reply["/ProductId"]["Value"] == reply["/Mgmt/Connection"]["Value"] == Variant("ai", [])
    assert set(items(peer.signals[0])) == {"/ProductId", "/Dc/0/Voltage", "/Mgmt/Connection"}
