"""The log of the main process: lines on stderr that nobody has to read."""

from __future__ import annotations

import logging

from smallbms.outputs.console import say


class LogHandler(logging.Handler):
    """Writes a record at once, line by line, or drops it.

    Whoever reads the log may stand still (a full disk stops multilog): that must not hold up a decision.
    """

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            say(line)
