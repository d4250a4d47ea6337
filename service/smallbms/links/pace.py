"""How long the answer to each request usually takes, so that a line can look when it is there; pure."""

from __future__ import annotations

from collections.abc import Hashable

MARGIN, MARGIN_S = 0.04, 0.001
HASTE = 0.001  # by so much earlier after each answer that was there in time
SLOWER = 1.1  # at most so much later after one that was not: a single late answer teaches little


class Pace:
    """Follows the slowest of the recent answers to each request."""

    def __init__(self) -> None:
        self._usual_s: dict[Hashable, float] = {}

    def usual_s(self, request: Hashable) -> float | None:
        """When to look for its answer; None before the first."""
        return self._usual_s.get(request)

    def in_time(self, request: Hashable) -> None:
        """The answer was there when it was looked for."""
        self._usual_s[request] *= 1.0 - HASTE

    def late(self, request: Hashable, took_s: float) -> None:
        """The answer was not there yet, or nobody knew when to look."""
        known_s = self._usual_s.get(request, took_s)
        self._usual_s[request] = min(took_s, SLOWER * known_s) * (1.0 + MARGIN) + MARGIN_S
