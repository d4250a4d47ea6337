"""Decodes the answers of the outputs process, at next to no cost while nothing but their counters moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smallbms.outputs.state import State, decode

COUNTERS = ("uptime_s", "sequence", "readings")


class Decoder:
    """Remembers the last state: parts of it that were said again are the same objects again."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._state: State | None = None

    def decode(self, message: Mapping[str, Any]) -> State:
        """Return the state in an answer; raise OutputError if it is none."""
        if self._state is not None and isinstance(message, dict):
            counters: dict[str, Any] = {name: message.get(name) for name in COUNTERS}
            self._message.update(counters)
            if self._message == message:
                self._state = self._state._replace(**counters)
                return self._state
        self._state = decode(message)
        self._message = dict(message)
        return self._state
