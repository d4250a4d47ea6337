"""Watching other services: ours, old ones without GetItems, those that come and go."""

from __future__ import annotations

import time
from typing import Any

import pytest
from dbus_fast import Message, MessageType, Variant

from private_bus import Connector, Peer, wait_for
from velib_python._library import Message as Received
from velib_python._marshal import Variant as Typed
from velib_python._marshal import marshal
from velib_python._tree import BUS_ITEM, ITEMS_SIGNATURE
from velib_python.connection import UNKNOWN_METHOD, UNKNOWN_OBJECT, Connection, signal_fields
from velib_python.dbusmonitor import DbusMonitor, Tree
from velib_python.errors import DbusError
from velib_python.vedbus import VeDbusService

BATTERY = "com.victronenergy.battery.one"
EVERYTHING: Tree = {"com.victronenergy": None}


class Seen:
    """A monitor with what it said."""

    def __init__(self, bus: Connection, tree: Tree = EVERYTHING, **options: Any) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.monitor = DbusMonitor(
            bus, tree, on_value=lambda *event: self.events.append(("value", *event)),
            on_added=lambda *event: self.events.append(("added", *event)),
            on_removed=lambda *event: self.events.append(("removed", *event)), **options,
        )  # fmt: skip


@pytest.fixture
async def battery(connector: Connector) -> VeDbusService:
    service = VeDbusService(BATTERY, await connector())
    service.add_path("/DeviceInstance", 4, signature="u")
    service.add_path("/Soc", 80.0, signature="d")
    service.add_path("/Mode", 3, signature="u", writeable=True)
    service.add_path("/Name", None, signature="s", writeable=True)
    await service.register()
    return service


async def test_what_is_there_is_scanned(battery: VeDbusService, bus: Connection) -> None:
    seen = Seen(bus)
    await seen.monitor.start()
    assert seen.events == [("added", BATTERY, 4)]
    assert seen.monitor.get_value(BATTERY, "/Soc") == 80.0
    assert seen.monitor.get_value(BATTERY, "/Name", "none") == "none"
    assert seen.monitor.seen(BATTERY, "/Name") and not seen.monitor.seen(BATTERY, "/Nope")
    assert seen.monitor.get_value("com.victronenergy.battery.two", "/Soc") is None
    assert seen.monitor.get_device_instance("com.victronenergy.battery.two") is None
    assert seen.monitor.get_service_list("com.victronenergy.battery") == {BATTERY: 4}
    assert seen.monitor.get_service_list("com.victronenergy.vebus") == {}


async def test_what_is_not_followed_costs_nothing(battery: VeDbusService, bus: Connection) -> None:
    await Seen(bus, {"com.victronenergy.vebus": None}).monitor.start()
    frames: list[bytes] = []
    parse = bus._parser
    bus._parser = lambda frame: (frames.append(frame), parse(frame))[1]
    battery["/Soc"] = 81.0
    await bus.call(BATTERY, "/Soc", "com.victronenergy.BusItem", "GetValue")  # its answer comes after its signal
    assert len(frames) == 1


async def test_services_come_change_and_go(battery: VeDbusService, bus: Connection) -> None:
    await battery.unregister()
    seen = Seen(bus)
    await seen.monitor.start()
    assert seen.events == []
    await battery.register()
    await wait_for(lambda: seen.events)
    battery.update({"/Soc": 81.0, "/Name": "Bow"})
    battery.update({"/Soc": 81.0, "/Name": None})
    await wait_for(lambda: len(seen.events) == 4)
    await battery.unregister()
    await wait_for(lambda: len(seen.events) == 5)
    assert seen.events == [
        ("added", BATTERY, 4),
        ("value", BATTERY, "/Soc", 81.0),
        ("value", BATTERY, "/Name", "Bow"),
        ("value", BATTERY, "/Name", None),
        ("removed", BATTERY, 4),
    ]
    assert seen.monitor.get_service_list() == {}


async def test_only_the_wanted_paths_of_wanted_classes(battery: VeDbusService, bus: Connection) -> None:
    tree: Tree = {"com.victronenergy.battery": ["/Soc"], "com.victronenergy.bat": None}
    seen = Seen(bus, tree)
    await seen.monitor.start()
    battery.update({"/Mode": 1, "/Soc": 1.0})
    await wait_for(lambda: len(seen.events) == 2)
    assert seen.events[1] == ("value", BATTERY, "/Soc", 1.0)
    assert seen.monitor.get_device_instance(BATTERY) == 4
    assert not seen.monitor.seen(BATTERY, "/Mode")
    other = Seen(bus, {"com.victronenergy.bat": None})
    await other.monitor.start()
    ignoring = Seen(bus, ignore=[BATTERY])
    await ignoring.monitor.start()
    assert other.events == ignoring.events == []


async def test_writing_keeps_the_type_of_the_path(battery: VeDbusService, bus: Connection, peer: Peer) -> None:
    seen = Seen(bus)
    await seen.monitor.start()
    assert await seen.monitor.set_value(BATTERY, "/Mode", 1.0) == 0
    assert await seen.monitor.set_value(BATTERY, "/Name", "Stern") == 0
    assert (battery["/Mode"], battery["/Name"]) == (1, "Stern")
    assert await seen.monitor.set_value(BATTERY, "/Soc", 5) == 1
    assert await seen.monitor.set_value(BATTERY, "/Nope", 5) == -1
    assert await seen.monitor.set_value("com.victronenergy.none", "/Soc", 5) == -1
    with pytest.raises(ValueError, match="outside"):
        await seen.monitor.set_value(BATTERY, "/Mode", -1)


@pytest.mark.parametrize("tree", [EVERYTHING, {"com.victronenergy.old": ["/Soc", "/Missing"]}])
async def test_a_service_without_get_items(bus: Connection, peer: Peer, tree: Tree) -> None:
    name = "com.victronenergy.old.service"
    values = {"/Soc": Variant("i", 12)}

    def answer(call: Message) -> Message | None:
        if call.message_type is not MessageType.METHOD_CALL or call.member != "GetValue":
            return None
        if call.path == "/":
            root = Variant("a{sv}", {path[1:]: value for path, value in values.items()})
            return Message.new_method_return(call, "v", [root])
        return Message.new_method_return(call, "v", [values[call.path]]) if call.path in values else None

    peer.bus.add_message_handler(answer)
    await peer.bus.request_name(name)
    seen = Seen(bus, tree)
    await seen.monitor.start()
    assert seen.events == [("added", name, None)]
    assert seen.monitor.get_value(name, "/Soc") == 12
    signal = Message.new_signal(
        "/Soc", "com.victronenergy.BusItem", "PropertiesChanged", "a{sv}", [{"Value": Variant("i", 13)}]
    )
    await peer.bus.send(signal)
    await wait_for(lambda: seen.events[1:] == [("value", name, "/Soc", 13)])


class Restless:
    """A service that tells of a change right before and right behind each answer; `old`: it knows only GetValue."""

    def __init__(self, bus: Connection, *, old: bool) -> None:
        self.values = {"/Soc": 80, "/Mode": 3}
        self._bus = bus
        self._old = old
        bus.serve(self._answer)

    def _answer(self, call: Received) -> None:
        paths = [path for path in (*self.values, "/New") if call.path in ("/", path)]
        self._tell(dict.fromkeys(paths, -1))  # it is no more so when it answers
        if call.member == "GetItems" and self._old:
            self._bus.reply_error(call, DbusError(UNKNOWN_METHOD, "no such method"))
            self._tell(dict.fromkeys(paths, -2))
        elif call.path == "/New":
            self._bus.reply_error(call, DbusError(UNKNOWN_OBJECT, "no such path"))
        else:
            values = {path: Typed("i", self.values[path]) for path in paths if path != "/New"}
            if call.member == "GetItems":
                items = {path: {"Value": value} for path, value in values.items()}
                self._bus.reply(call, ITEMS_SIGNATURE, marshal(ITEMS_SIGNATURE, items))
            else:
                root = Typed("a{sv}", {path[1:]: value for path, value in values.items()})
                self._bus.reply(call, "v", marshal("v", root if call.path == "/" else values[paths[0]]))
        if call.member == "GetValue" or not self._old:
            self.values |= {path: self.values.get(path, 0) + 1 for path in paths}
            self._tell({path: self.values[path] for path in paths})
        time.sleep(0.05)  # a busy machine: whoever asked finds all of it at once

    def _tell(self, values: dict[str, int]) -> None:
        items = {path: {"Value": Typed("i", value)} for path, value in values.items()}
        fields = signal_fields("/", BUS_ITEM, "ItemsChanged", ITEMS_SIGNATURE)
        self._bus.emit(fields, marshal(ITEMS_SIGNATURE, items))


@pytest.mark.parametrize("paths", [None, ["/Soc", "/Mode", "/New"]])
@pytest.mark.parametrize("old", [False, True])
async def test_what_changes_while_a_service_is_read_is_seen(
    bus: Connection, connector: Connector, paths: list[str] | None, old: bool
) -> None:
    """A battery's No that comes right behind the answer is not said again."""
    service = Restless(await connector(), old=old)
    await service._bus.call_daemon("RequestName", "su", BATTERY, 0)
    seen = Seen(bus, {BATTERY: paths})
    await seen.monitor.start()
    assert {path: seen.monitor.get_value(BATTERY, path) for path in service.values} == service.values
    assert set(service.values) == {"/Soc", "/Mode", "/New"}
    assert seen.events == [("added", BATTERY, None)]


async def test_odd_signals_and_mute_services_are_survived(bus: Connection, peer: Peer) -> None:
    await peer.bus.request_name("com.victronenergy.mute")
    seen = Seen(bus)
    await seen.monitor.start()
    for signature, body in (("s", ["x"]), ("a{sv}", [{"Text": Variant("s", "no value")}]), ("", [])):
        for member in ("ItemsChanged", "PropertiesChanged"):
            await peer.bus.send(Message.new_signal("/Soc", "com.victronenergy.BusItem", member, signature, body))
    await peer.daemon("GetId")
    await bus.call_daemon("GetId")
    assert seen.events == [] and seen.monitor.get_service_list() == {} and not bus.closed
