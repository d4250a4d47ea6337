"""MQTT: one connection to each configured broker, and what is said over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from smallbms.config_tables import MqttTable
from smallbms.publish.feed import Door
from smallbms.publish.mqtt.broker import MqttPublisher
from smallbms.publish.mqtt.minutes import Minutes
from smallbms.publish.mqtt.mirror import VenusMirror
from smallbms.publish.mqtt.notes import Kind, Notes, Shelf
from smallbms.publish.mqtt.topics import OwnTopics
from smallbms.publish.mqtt.uplink import Backlog, Uplink

__all__ = ["Kind", "Minutes", "MqttPublisher", "publisher", "slot_of"]


def slot_of(table: MqttTable) -> str:
    """The name under which the store keeps how far this broker has the events."""
    return "mqtt-" + "".join(c if c.isalnum() else "-" for c in f"{table.host}-{table.port_used}")


class Store(Backlog, Shelf, Protocol):
    """Where events wait, and where it is kept how far each broker has them."""


def publisher(
    table: MqttTable,
    *,
    serial: str,
    portal_id: str,
    door: Door,
    store: Store,
    kept: Mapping[str, Any] | None,
    newest: Mapping[Kind, int],
) -> MqttPublisher:
    """The publisher of one broker; with nothing `kept` it hears of what comes after the `newest`."""
    origin = f"MQTT {table.host}"
    topics = OwnTopics(serial, door, origin, discover=table.homeassistant, commands=table.commands)
    others = (VenusMirror(portal_id, door, origin, commands=table.commands),) if table.venus else ()
    notes = Notes(store, slot_of(table), kept, newest=newest)
    uplink = Uplink(topics.root, topics.client_id, store, notes)
    return MqttPublisher(table, topics=topics, others=others, uplink=uplink, notes=notes)
