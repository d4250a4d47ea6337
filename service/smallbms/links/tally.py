"""What a link counts of its wire."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from smallbms.model import LinkHealth
from smallbms.words import LinkFault


class Tally:
    """Counts since the start of the process; `name` is the wire's port in the configuration."""

    def __init__(self, name: str, logger: logging.Logger) -> None:
        self.open = False
        self.frames_ok = 0
        self.last_error = ""
        self._name = name
        self._logger = logger
        self._errors: Counter[LinkFault] = Counter()

    def fault(self, fault: LinkFault, text: str) -> None:
        """Count it, and remember what it was."""
        self._errors[fault] += 1
        self.last_error = text
        self._logger.debug("%s: %s", self._name, text)

    def health(self, batteries: Iterable[int], round_time_s: float | None = None) -> LinkHealth:
        """All of it now, of a wire to these batteries."""
        return LinkHealth(
            name=self._name,
            batteries=tuple(sorted(batteries)),
            open=self.open,
            frames_ok=self.frames_ok,
            errors=dict(self._errors),
            last_error=self.last_error,
            round_time_s=None if round_time_s is None else round(round_time_s, 3),
        )
