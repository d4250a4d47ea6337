"""Lines for the log, which must never stop the outputs."""

from __future__ import annotations

import os
import select

STDERR = 2
TEXT_LIMIT = 1000  # under PIPE_BUF, so that a pipe which polls writable takes the line whole


def say(text: str) -> None:
    """Write a line to stderr; dropped if nobody reads there, or not fast enough."""
    line = text.encode(errors="replace")[:TEXT_LIMIT] + b"\n"
    try:
        if select.select((), (STDERR,), (), 0)[1]:
            os.write(STDERR, line)
    except (OSError, ValueError):
        return
