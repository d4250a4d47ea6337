"""Waiting for what the kernel or a process does, in tests that are no coroutines."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE_S = 20.0


def wait_for(condition: Callable[[], object], what: str, seconds: float = DEADLINE_S) -> float:
    """Wait until the condition holds, the time it took; AssertionError if it never does."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < seconds, f"waited {seconds:g} s in vain: {what}"
        time.sleep(0.005)
    return time.monotonic() - began_s
