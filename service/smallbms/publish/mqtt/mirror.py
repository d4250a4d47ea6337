"""The topics of a GX, for a broker that is not one: so that every Venus client works without a GX. No I/O.

Contract: dbus-flashmq of Venus OS, as measured. Values go out on `N/<id>/battery/<instance><path>` as `{"value": …}`
while a client keeps us alive by `R/<id>/keepalive`, 60 s each time; `R/…` asks for a leaf or a sub-tree, `W/…` writes.
Never under the id of a GX that is bridged to the same broker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from smallbms.core.state import Snapshot
from smallbms.errors import SettingsError
from smallbms.paths import Echo, Values
from smallbms.publish.feed import Door, Feed
from smallbms.publish.mqtt.connection import Message
from smallbms.setting_row import SettingRow

ALIVE_S = 60.0
CONTRACT = "v3.70"  # the Venus OS whose topics these are: clients want to know what they may expect
HEARTBEAT_S = 3.0
FULL_PUBLISHES_PER_S = 3
PAYLOAD_LIMIT = 4096  # bytes
_ECHO = "full-publish-completed-echo"


class VenusMirror:
    """What of the newest Snapshot the clients of a broker have not heard; `due` until None.

    A newer value takes the place of one that still waits; silence for 60 s ends it, without a word.
    """

    def __init__(self, portal_id: str, door: Door, origin: str, *, commands: bool) -> None:
        self._id = portal_id
        self._feed = Feed(door, origin)
        self._commands = commands
        self._snapshot: Snapshot | None = None
        self._values: Values = {}
        self._waiting: dict[str, Message] = {}
        self._greeted = False
        self._alive_until_s = float("-inf")
        self._heartbeat_s = float("-inf")
        self._full_at_s: list[float] = []
        self._completed: list[object] = []  # full publishes whose end is still to be told

    @property
    def filters(self) -> tuple[str, ...]:
        """What is to be subscribed to."""
        return (f"R/{self._id}/#", *((f"W/{self._id}/#",) if self._commands else ()))

    def begin(self) -> None:
        """A broker that knows nothing."""
        self._greeted = False
        self._waiting.clear()

    def show(self, snapshot: Snapshot, now_s: float) -> None:
        """The newest: decisions at once, measured values once a second."""
        self._snapshot = snapshot
        changes = self._feed.news(snapshot, now_s)
        self._values.update(changes)
        if now_s < self._alive_until_s:
            self._put(changes)

    def due(self, now_s: float) -> Message | None:
        """What to say now; it counts as said."""
        if self._snapshot is None:
            return None
        if not self._greeted:
            self._greeted = True
            self._waiting.update((message.topic, message) for message in self._greeting(self._snapshot))
        if now_s < self._alive_until_s and now_s >= self._heartbeat_s:
            self._heartbeat_s = now_s + HEARTBEAT_S
            self._queue("heartbeat", {"value": int(self._snapshot.wall_s)})
        if not self._waiting and self._completed:
            return self._completion(self._completed.pop(0), self._snapshot)
        return self._waiting.pop(next(iter(self._waiting))) if self._waiting else None

    def delivered(self, topic: str) -> None:
        """Nobody waits for it: a newer value comes soon enough."""

    def goodbye(self) -> Iterator[Message]:
        """Every topic once with an empty payload: what was shown is known no more."""
        for path in self._values:
            yield Message(self._topic(path), b"")
        yield Message(f"N/{self._id}/system/0/Serial", b"", retain=True)

    # --- what clients ask -------------------------------------------------------------------------------------------

    def received(self, message: Message, now_s: float) -> None:
        """A client asks to be kept alive or for values, or writes one; SettingsError for a refused write.

        A write that a broker keeps (retained) would come again at each connection: it is not obeyed.
        """
        kind, _, rest = message.topic.partition(f"/{self._id}/")
        place = f"battery/{self._instance}"
        if kind == "R" and rest in ("keepalive", "system/0/Serial"):
            self._keep_alive(message.payload, now_s)
        elif kind == "R" and (rest == place or rest.startswith(f"{place}/")):
            self._read(rest.removeprefix(place))
        elif kind == "W" and self._commands and not message.retain and rest.startswith(f"{place}/"):
            self._write(rest.removeprefix(place), message.payload)

    def _keep_alive(self, payload: bytes, now_s: float) -> None:
        options = _options(payload)
        self._alive_until_s = now_s + ALIVE_S
        if "suppress-republish" in options:
            return
        self._full_at_s = [at_s for at_s in self._full_at_s if at_s > now_s - 1.0]
        if len(self._full_at_s) < FULL_PUBLISHES_PER_S:
            self._full_at_s.append(now_s)
            self._put(self._values)
            self._completed.append(next((option[_ECHO] for option in options if isinstance(option, dict)), None))

    def _read(self, path: str) -> None:
        self._put({
            known: value
            for known, value in self._values.items()
            if known == path or known.startswith(f"{path.rstrip('/')}/")
        })  # fmt: skip

    def _write(self, path: str, payload: bytes) -> None:
        try:
            value = _written(path, payload)
            self._feed.write(path, value)
        except SettingsError:
            if path in self._values:
                self._put({path: self._values[path]})  # its writer sees what holds
            raise
        if isinstance(self._feed.rows[path].writes, Echo):
            self._put({path: value if isinstance(value, int) else None})

    # --- what is said -----------------------------------------------------------------------------------------------

    @property
    def _instance(self) -> int:
        return self._snapshot.identity.instance if self._snapshot else 0

    def _topic(self, path: str) -> str:
        return f"N/{self._id}/battery/{self._instance}{path}"

    def _put(self, values: Values) -> None:
        for path, value in values.items():
            topic = self._topic(path)
            self._waiting.pop(topic, None)  # at the end of the queue, as any change
            self._waiting[topic] = Message(topic, json.dumps(self._payload(path, value)).encode())

    def _payload(self, path: str, value: object) -> dict[str, object]:
        row = self._feed.rows[path]
        if self._snapshot is None or not isinstance(row.writes, SettingRow):
            return {"value": value}
        bounds = row.bounds(self._snapshot)
        if bounds.minimum is None:
            return {"value": value}
        return {"max": bounds.maximum, "min": bounds.minimum, "value": value}

    def _queue(self, place: str, payload: object) -> None:
        topic = f"N/{self._id}/{place}"
        self._waiting[topic] = Message(topic, json.dumps(payload).encode())

    def _completion(self, echo: object, snapshot: Snapshot) -> Message:
        payload: dict[str, object] = {"value": int(snapshot.wall_s)}
        if echo is not None:
            payload[_ECHO] = echo
        return Message(f"N/{self._id}/full_publish_completed", json.dumps(payload).encode())

    def _greeting(self, snapshot: Snapshot) -> Iterator[Message]:
        """What clients look for to know that a GX is there."""
        said: tuple[tuple[str, object, bool], ...] = (
            ("system/0/Serial", {"value": self._id}, True),
            ("keepalive", 1, False),
            ("platform/0/Firmware/Installed/Version", {"value": CONTRACT}, True),
            ("settings/0/Settings/SystemSetup/SystemName", {"value": snapshot.settings.custom_name}, True),
        )
        for place, payload, retain in said:
            yield Message(f"N/{self._id}/{place}", json.dumps(payload).encode(), retain=retain)


def _options(payload: bytes) -> list[Any]:
    """The options of a keepalive; an odd payload has none."""
    try:
        said = json.loads(payload) if payload and len(payload) <= PAYLOAD_LIMIT else None
    except (ValueError, RecursionError):
        return []
    options = said.get("keepalive-options") if isinstance(said, dict) else said
    return [
        option for option in options if isinstance(option, str) or (isinstance(option, dict) and _ECHO in option)
    ] if isinstance(options, list) else []  # fmt: skip


def _written(path: str, payload: bytes) -> object:
    try:
        said = json.loads(payload) if len(payload) <= PAYLOAD_LIMIT else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("value"), bool | int | float | str):
        raise SettingsError(f'{path}: a write is {{"value": a number or a text}}')
    return said["value"]
