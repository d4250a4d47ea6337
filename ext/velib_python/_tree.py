"""The objects of a service, and what the reading methods of each answer. No bus here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from velib_python._item import Item
from velib_python._marshal import Variant, marshal
from velib_python._segments import items_body
from velib_python.connection import INVALID_ARGS, UNKNOWN_METHOD, UNKNOWN_OBJECT
from velib_python.errors import DbusError

BUS_ITEM = "com.victronenergy.BusItem"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
ITEMS_SIGNATURE = "a{sa{sv}}"

Answer = tuple[str, bytes]
"""Signature and marshalled body of a reply."""

_OBJECT_PATH = re.compile(r"(/[A-Za-z0-9_]+)+")

_ARGUMENTS = {"SetValue": "v", "GetDescription": "si"}
_OF_LEAF: dict[str, tuple[str, Callable[[Item], object]]] = {
    "GetValue": ("v", lambda item: item.variant),
    "GetText": ("s", lambda item: item.text),
    "GetMin": ("v", lambda item: item.limit("Min")),
    "GetMax": ("v", lambda item: item.limit("Max")),
    "GetDefault": ("v", lambda item: item.limit("Default")),
    "GetDescription": ("s", lambda item: item.description),
}
_OF_NODE: dict[str, tuple[str, Callable[[Mapping[str, Item]], object]]] = {
    "GetValue": ("v", lambda below: Variant("a{sv}", {name: item.variant for name, item in below.items()})),
    "GetText": ("v", lambda below: Variant("a{sv}", {name: Variant("s", item.text) for name, item in below.items()})),
}
_SIGNAL_XML = f'<signal name="ItemsChanged"><arg type="{ITEMS_SIGNATURE}"/></signal>'


class ItemTree:
    """Items by path; the nodes between them exist while something is below them."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def add(self, item: Item) -> None:
        """Add an item; ValueError if its path is no D-Bus path or exists already."""
        if not _OBJECT_PATH.fullmatch(item.path):
            raise ValueError(f"{item.path!r} is not a D-Bus path")
        if item.path in self.items:
            raise ValueError(f"{item.path} exists already")
        self.items[item.path] = item

    def leaf(self, path: str, member: str) -> Item:
        """The item at a path; DbusError (as the reply to `member`) if there is none."""
        if item := self.items.get(path):
            return item
        self._below(path)
        raise _unknown_method(path, member)

    def answer(self, path: str, member: str, signature: str) -> Answer:
        """What a reading method of BusItem answers; DbusError if the object or the method does not exist."""
        item = self.items.get(path)
        below = {} if item else self._below(path)
        if member not in (_OF_LEAF if item else _OF_NODE) and (path, member) != ("/", "GetItems"):
            raise _unknown_method(path, member)
        check_arguments(member, signature)
        if item:
            answer_signature, of_leaf = _OF_LEAF[member]
            return answer_signature, marshal(answer_signature, of_leaf(item))
        if member == "GetItems":
            return ITEMS_SIGNATURE, items_body(item.segment for item in self.items.values())
        answer_signature, of_node = _OF_NODE[member]
        return answer_signature, marshal(answer_signature, of_node(below))

    def introspect(self, path: str) -> Answer:
        """The XML of one object: its interface and the names of the nodes below."""
        item = self.items.get(path)
        prefix = path.rstrip("/") + "/"
        children = {name[len(prefix) :].split("/")[0]: None for name in self.items if name.startswith(prefix)}
        if not item and not children and path != "/":
            raise _unknown_object(path)
        answers = {member: answer for member, (answer, _) in (_OF_LEAF if item else _OF_NODE).items()}
        answers |= {"SetValue": "i"} if item else {}
        answers |= {"GetItems": ITEMS_SIGNATURE} if path == "/" else {}
        methods = "".join(_method_xml(member, answer) for member, answer in answers.items())
        methods += _SIGNAL_XML if path == "/" else ""
        nodes = "".join(f'<node name="{child}"/>' for child in children)
        return "s", marshal("s", f'<node><interface name="{BUS_ITEM}">{methods}</interface>{nodes}</node>')

    def _below(self, path: str) -> dict[str, Item]:
        """The items below a node by their relative path."""
        prefix = path.rstrip("/") + "/"
        below = {name[len(prefix) :]: item for name, item in self.items.items() if name.startswith(prefix)}
        if not below and path != "/":
            raise _unknown_object(path)
        return below


def check_arguments(member: str, signature: str) -> None:
    """DbusError InvalidArgs if a call of this method has other arguments than it takes."""
    expected = _ARGUMENTS.get(member, "")
    if signature != expected:
        raise DbusError(INVALID_ARGS, f"{member} takes {expected!r}, not {signature!r}")


def _method_xml(member: str, answer: str) -> str:
    taken = "".join(f'<arg direction="in" type="{argument}"/>' for argument in _ARGUMENTS.get(member, ""))
    return f'<method name="{member}">{taken}<arg direction="out" type="{answer}"/></method>'


def _unknown_object(path: str) -> DbusError:
    return DbusError(UNKNOWN_OBJECT, f"there is no object {path}")


def _unknown_method(path: str, member: str) -> DbusError:
    return DbusError(UNKNOWN_METHOD, f"{path} has no method {member}")
