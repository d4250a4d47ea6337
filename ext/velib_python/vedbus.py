"""A service on the bus: paths with values, as every Victron program expects them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from typing import Self

from velib_python._item import GetText, Item, OnChange
from velib_python._library import Message
from velib_python._marshal import Variant, marshal
from velib_python._segments import items_body
from velib_python._tree import BUS_ITEM, INTROSPECTABLE, ITEMS_SIGNATURE, ItemTree, check_arguments
from velib_python._values import Value
from velib_python.connection import UNKNOWN_METHOD, Connection, signal_fields
from velib_python.errors import DbusError, NameTakenError

_DO_NOT_QUEUE = 4
_NAME_IS_OURS = (1, 4)  # primary owner, already owner

SET_OK, SET_REFUSED = 0, 1  # clients take any other number for a refusal; ours is one, whoever refuses

log = logging.getLogger(__name__)


class VeDbusService:
    """A service name and its paths on a connection of its own.

    Add all paths, then `register`: clients read everything the moment the name appears. A change is sent as one
    ItemsChanged: by `update`, or for several calls by `with service:`. While the socket is full (a stopped daemon)
    only the newest value of each path is kept, and sent when it drains. After a lost connection changes are kept but
    go nowhere: make a new connection and service.

    `properties_changed` also sends the PropertiesChanged of each path, for listeners older than ItemsChanged.
    """

    def __init__(self, name: str, bus: Connection, *, properties_changed: bool = False) -> None:
        self.name = name
        self.registered = False
        self._bus = bus
        self._tree = ItemTree()
        self._changed: dict[str, Item] = {}
        self._open_change_sets = 0
        self._properties_changed = properties_changed
        self._items_changed_fields = signal_fields("/", BUS_ITEM, "ItemsChanged", ITEMS_SIGNATURE)
        bus.serve(self._called)
        bus.drained_handlers.append(self._send_changes)

    async def register(self) -> None:
        """Take the name; NameTakenError if another has it."""
        self._changed.clear()
        (answer,) = await self._bus.call_daemon("RequestName", "su", self.name, _DO_NOT_QUEUE)
        if answer not in _NAME_IS_OURS:
            raise NameTakenError(f"{self.name} is on the bus already: does another instance run?")
        self.registered = True
        self._send_changes()

    async def unregister(self) -> None:
        """Give the name back; the paths stay, and `register` may follow."""
        self.registered = False
        await self._bus.call_daemon("ReleaseName", "s", self.name)

    # Paths

    def add_path(
        self, path: str, value: Value = None, *, signature: str, gettext: GetText | None = None,
        writeable: bool = False, onchange: OnChange | None = None, minimum: float | None = None,
        maximum: float | None = None, default: Value = None, description: str = "", ask_always: bool = False,
    ) -> None:  # fmt: skip
        """Add a path of the D-Bus type `signature` (one of y b n q i u x t d s).

        gettext: a %-format, or a function (path, value) → text; default str. Invalid has the text "".
        onchange: asked (path, new value) before a SetValue is taken; False refuses it. It may be a coroutine.
        ask_always: also for a value that is there already, where writing it anew means something.
        Raises ValueError for a wrong path or type, or a value that the type cannot hold.
        """
        item = Item(
            path, signature, gettext=gettext, writeable=writeable, onchange=onchange,
            minimum=minimum, maximum=maximum, default=default, description=description, ask_always=ask_always,
        )  # fmt: skip
        item.assign(value)
        self._tree.add(item)
        self._changed[path] = item
        self._send_changes()

    def remove_path(self, path: str) -> None:
        """Remove a path; listeners see it turn invalid. KeyError if there is none."""
        item = self._tree.items.pop(path)
        item.assign(None)
        self._changed[path] = item
        self._send_changes()

    def __contains__(self, path: object) -> bool:
        return path in self._tree.items

    def __getitem__(self, path: str) -> Value:
        return self._tree.items[path].value

    def __setitem__(self, path: str, value: Value) -> None:
        self.update({path: value})

    # Changes

    def update(self, values: Mapping[str, Value]) -> None:
        """Publish values; one ItemsChanged names those whose value or text is new. None is invalid.

        KeyError for an unknown path, nothing is published then. ValueError names the values that their types cannot
        hold: those are published as invalid, all others as given.
        """
        items, changed = self._tree.items, self._changed
        if not values.keys() <= items.keys():
            raise KeyError(f"{self.name} has no {', '.join(path for path in values if path not in items)}")
        refused = []
        for path, value in values.items():
            item = items[path]
            try:
                if item.assign(value):
                    changed[path] = item
            except ValueError as error:
                changed[path] = item
                refused.append(f"{path}: {error}")
        self._send_changes()
        if refused:
            raise ValueError("; ".join(refused))

    def __enter__(self) -> Self:
        """Open a change set: what changes until the end of the block goes out as one signal."""
        self._open_change_sets += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._open_change_sets -= 1
        self._send_changes()

    def _send_changes(self) -> None:
        if not self._changed or self._open_change_sets or not self.registered or not self._bus.writable:
            return
        changed, self._changed = self._changed, {}
        self._bus.emit(self._items_changed_fields, items_body([item.segment for item in changed.values()]))
        if self._properties_changed:
            for item in changed.values():
                fields = signal_fields(item.path, BUS_ITEM, "PropertiesChanged", "a{sv}")
                body = {"Value": item.variant, "Text": Variant("s", item.text)}
                self._bus.emit(fields, marshal("a{sv}", body))

    # Calls

    def _called(self, call: Message) -> None:
        path, member = call.path or "/", call.member or ""
        if call.interface == INTROSPECTABLE and member == "Introspect":
            self._bus.reply(call, *self._tree.introspect(path))
        elif call.interface not in (BUS_ITEM, None):
            self._tree.answer(path, "GetValue", "")
            raise DbusError(UNKNOWN_METHOD, f"{path} has no {call.interface}.{member}")
        elif member == "SetValue":
            item = self._tree.leaf(path, member)
            check_arguments(member, call.signature)
            self._set_value(call, item)
        else:
            self._bus.reply(call, *self._tree.answer(path, member, call.signature))

    def _set_value(self, call: Message, item: Item) -> None:
        try:
            wanted = item.written(call.body[0].value)
        except ValueError as error:
            log.info("%s%s refused: %s", self.name, item.path, error)
            self._answer_set(call, SET_REFUSED)
            return
        if not item.writeable:
            self._answer_set(call, SET_REFUSED)
        elif wanted == item.value and not item.ask_always:
            self._answer_set(call, SET_OK)
        else:
            before = item.value
            accepted = item.onchange(item.path, wanted) if item.onchange else True
            if isinstance(accepted, Awaitable):
                self._bus.spawn(self._finish_set_later(call, item, wanted, before, accepted))
            else:
                self._finish_set(call, item, wanted, before, accepted)

    async def _finish_set_later(
        self, call: Message, item: Item, wanted: Value, before: Value, accepted: Awaitable[bool]
    ) -> None:
        self._finish_set(call, item, wanted, before, await accepted)

    def _finish_set(self, call: Message, item: Item, wanted: Value, before: Value, accepted: bool) -> None:
        # What the publisher itself set meanwhile is the truth and stays.
        untouched = item.value == before and self._tree.items.get(item.path) is item
        if accepted and untouched and item.assign(wanted):
            self._changed[item.path] = item
            self._send_changes()
        self._answer_set(call, SET_OK if accepted else SET_REFUSED)

    def _answer_set(self, call: Message, code: int) -> None:
        self._bus.reply(call, "i", marshal("i", code))
