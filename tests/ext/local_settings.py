"""A small com.victronenergy.settings, written from its contract on a library's bus."""

from __future__ import annotations

from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

OK, UNKNOWN_TYPE, TYPE_DIFFERS, OUT_OF_LIMITS, NOT_IN_SETTINGS = 0, -3, -5, -7, -9


class LocalSettings:
    """Keeps settings over restarts (`start`, `stop`) as the real one does in its file."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.stored: dict[str, Any] = {}
        self.limits: dict[str, tuple[float, float]] = {}
        self.requests: list[dict[str, Variant]] = []
        self.bus: MessageBus | None = None

    async def start(self) -> None:
        self.bus = await MessageBus(bus_address=self.address).connect()
        self.bus.add_message_handler(self._called)
        await self.bus.request_name("com.victronenergy.settings")

    async def stop(self) -> None:
        if self.bus is not None and self.bus.connected:
            self.bus.disconnect()
            await self.bus.wait_for_disconnect()

    def _called(self, call: Message) -> Message | bool | None:
        """The answer; True for none."""
        if call.message_type is not MessageType.METHOD_CALL:
            return None
        if call.member == "AddSettings" and call.path == "/" and call.signature == "aa{sv}":
            self.requests += call.body[0]
            return Message.new_method_return(call, "aa{sv}", [[self._add(request) for request in call.body[0]]])
        if call.member == "RemoveSettings" and call.path == "/" and call.signature == "as":
            gone = [0 if self.stored.pop(path, None) is not None else -1 for path in call.body[0]]
            return Message.new_method_return(call, "ai", [gone])
        if call.member == "GetValue" and call.path in self.stored:
            return Message.new_method_return(call, "v", [_variant(self.stored[call.path])])
        if call.member == "SetValue" and call.path in self.stored:
            return Message.new_method_return(call, "i", [self.set(call.path, call.body[0].value)])
        return None

    def _add(self, request: dict[str, Variant]) -> dict[str, Variant]:
        path, default = request["path"].value, request["default"]
        code = OK
        if not path.startswith("/Settings/"):
            code = NOT_IN_SETTINGS
        elif default.signature not in ("i", "x", "d", "s"):
            code = UNKNOWN_TYPE
        elif path in self.stored and isinstance(self.stored[path], str) != isinstance(default.value, str):
            code = TYPE_DIFFERS
        if code != OK:
            return {"path": Variant("s", path), "error": Variant("i", code)}
        value = default.value
        if path.endswith("/ClassAndVrmInstance"):
            value = self._free_instance(path, value)
        self.stored.setdefault(path, value)
        if "min" in request:
            self.limits[path] = request["min"].value, request["max"].value
        return {"path": Variant("s", path), "error": Variant("i", OK), "value": _variant(self.stored[path])}

    def _free_instance(self, path: str, wanted: str) -> str:
        device_class, _, number = wanted.partition(":")
        taken = {value for other, value in self.stored.items() if other != path}
        instance = int(number)
        while f"{device_class}:{instance}" in taken:
            instance += 1
        return f"{device_class}:{instance}"

    def set(self, path: str, value: Any) -> int:
        """Store a value as a person would in the GUI, and tell everyone."""
        lowest, highest = self.limits.get(path, (0, 0))
        if (lowest or highest) and not lowest <= value <= highest:
            return -1
        self.stored[path] = value
        properties = {"Value": _variant(value), "Text": Variant("s", str(value))}
        assert self.bus is not None
        self.bus.send(Message.new_signal(path, "com.victronenergy.BusItem", "PropertiesChanged", "a{sv}", [properties]))
        return OK


def _variant(value: Any) -> Variant:
    return Variant("s" if isinstance(value, str) else "d" if isinstance(value, float) else "i", value)
