"""What a broker is told, by whom: each speaker has topics of its own and shares the connection with the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from smallbms.core.state import Snapshot
from smallbms.publish.mqtt.connection import Message


class Speaker(Protocol):
    """Says what is new, no faster than the broker takes it. No I/O: time, CLOCK_MONOTONIC, is an argument."""

    @property
    def filters(self) -> tuple[str, ...]:
        """What is to be subscribed to."""

    def begin(self) -> None:
        """There is a broker now, and it knows nothing."""

    def show(self, snapshot: Snapshot, now_s: float) -> None:
        """The newest; what was not said of an older one is not missed."""

    def due(self, now_s: float) -> Message | None:
        """What to say now; it counts as said."""

    def delivered(self, topic: str) -> None:
        """The broker has it, or never will."""

    def received(self, message: Message, now_s: float) -> None:
        """Somebody said something, on our topics or on others. Raises SettingsError for a refused write."""

    def goodbye(self) -> Iterable[Message]:
        """What to say at the end."""
