"""How long to wait before what failed is tried again."""

from __future__ import annotations

import asyncio

BACK_OFF_S = (0.5, 5.0)  # first and longest


class BackOff:
    """Each wait is twice the one before, up to the longest; once something has worked they begin anew."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = self._next_s = first_s
        self._longest_s = longest_s

    def worked(self) -> None:
        self._next_s = self._first_s

    async def wait(self) -> None:
        wait_s, self._next_s = self._next_s, min(2 * self._next_s, self._longest_s)
        await asyncio.sleep(wait_s)
