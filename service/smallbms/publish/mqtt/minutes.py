"""One set of figures a minute while any broker is away, for when it is back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from smallbms.core.state import Snapshot
from smallbms.publish.mqtt.notes import HEARD_BY
from smallbms.publish.report import minute_of

MINUTE_S = 60.0


class Away(Protocol):
    """A broker, by the name under which the store knows it."""

    @property
    def is_away(self) -> bool: ...
    @property
    def slot(self) -> str: ...


class Notebook(Protocol):
    """Where minutes wait: the store."""

    def note(self, minute: dict[str, object]) -> None: ...


class Minutes:
    """Notes every Snapshot that is a minute after the last one noted, and which brokers heard it live."""

    def __init__(self, brokers: Sequence[Away], notebook: Notebook) -> None:
        self._brokers = brokers
        self._notebook = notebook
        self._due_s = float("-inf")

    def publish(self, snapshot: Snapshot) -> None:
        """Look at a Snapshot."""
        now_s = snapshot.decision.at_s
        if now_s >= self._due_s and any(broker.is_away for broker in self._brokers):
            self._due_s = now_s + MINUTE_S
            minute = minute_of(snapshot)
            if heard_by := [broker.slot for broker in self._brokers if not broker.is_away]:
                minute[HEARD_BY] = heard_by
            self._notebook.note(minute)
