"""What the two change signals of BusItem say."""

from __future__ import annotations

from typing import Any

from velib_python._library import Message
from velib_python._tree import ITEMS_SIGNATURE

CHANGE_SIGNALS = ("ItemsChanged", "PropertiesChanged")


def changed_items(signal: Message) -> dict[str, dict[str, Any]]:
    """Path → properties (Value, Text, …, each a variant) of an ItemsChanged or PropertiesChanged; else empty."""
    if signal.member == "ItemsChanged" and signal.signature == ITEMS_SIGNATURE:
        items: dict[str, dict[str, Any]] = signal.body[0]
        return items
    if signal.member == "PropertiesChanged" and signal.signature == "a{sv}" and signal.path:
        return {signal.path: signal.body[0]}
    return {}
