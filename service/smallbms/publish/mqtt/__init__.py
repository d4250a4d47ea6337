"""MQTT: one connection to each configured broker, and what is said over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smallbms.config_tables import MqttTable
from smallbms.publish.mqtt.broker import Door, MqttPublisher
from smallbms.publish.mqtt.topics import OwnTopics
from smallbms.publish.mqtt.uplink import MARK, Backlog, Uplink

__all__ = ["MqttPublisher", "publisher", "slot_of"]


def slot_of(table: MqttTable) -> str:
    """The name under which the store keeps how far this broker has the events."""
    return "mqtt-" + "".join(c if c.isalnum() else "-" for c in f"{table.host}-{table.port_used}")


def publisher(
    table: MqttTable, *, serial: str, door: Door, backlog: Backlog, kept: Mapping[str, Any] | None, newest: int
) -> MqttPublisher:
    """The publisher of one broker; with nothing `kept` it hears of the events after number `newest`."""
    topics = OwnTopics(serial)
    mark = kept.get(MARK) if kept else None
    uplink = Uplink(
        f"{topics.root}/event", topics.client_id, backlog,
        slot=slot_of(table), mark=mark if isinstance(mark, int) else newest,
    )  # fmt: skip
    return MqttPublisher(table, topics=topics, uplink=uplink, door=door)
