"""Waiting with one future and one timer."""

from __future__ import annotations

import asyncio


class Waiter:
    """Something to wait for that may come, or not before a deadline; one task waits at a time."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] | None = None

    async def wait(self, deadline_s: float) -> None:
        """Return when woken, or at the deadline (loop time)."""
        loop = asyncio.get_running_loop()
        self._future = loop.create_future()
        timer = loop.call_at(deadline_s, self.wake)
        try:
            await self._future
        finally:
            timer.cancel()
            self._future = None

    def wake(self) -> None:
        """End the present wait; without one, nothing."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
