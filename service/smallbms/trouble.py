"""When trouble is logged: first failure WARNING, repeats DEBUG, recovery INFO."""

from __future__ import annotations

import logging


class TroubleLog:
    """Remembers which subjects are in trouble, so that a lasting one does not fill the log."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._failing: set[str] = set()

    def __bool__(self) -> bool:
        """Whether any subject is in trouble."""
        return bool(self._failing)

    def failure(self, subject: str, text: str) -> None:
        level = logging.DEBUG if subject in self._failing else logging.WARNING
        self._failing.add(subject)
        self._logger.log(level, "%s: %s", subject, text)

    def recovery(self, subject: str) -> None:
        if subject in self._failing:
            self._failing.remove(subject)
            self._logger.info("%s: works again", subject)
