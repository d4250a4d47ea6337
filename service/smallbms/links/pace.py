"""How long the answer to each request usually takes, so that a line can look when it is there; pure."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

LOOKS = 16  # at most, between two answers whose time is taken; at first, and after one in vain, a single one
MARGIN, MARGIN_S = 0.04, 0.001
LEARN = 0.25  # of what an answer was slower than the usual one …
OUTLIER = 1.25  # … but of no more than this: a single late answer teaches little; what was faster is believed at once


@dataclass(slots=True)
class _Habit:
    usual_s: float
    looks: int = 0
    trust: int = 1  # how many looks the next answer whose time is taken is good for


class Pace:
    """Learns from the answers that are listened for; those that are looked for only show that they are not slower.

    So a line that is jittery is mostly listened to, and none is looked at much later than its answer usually comes.
    """

    def __init__(self) -> None:
        self._habits: dict[Hashable, _Habit] = {}

    def look_after_s(self, request: Hashable) -> float | None:
        """When to look for the answer; None: listen for it."""
        habit = self._habits.get(request)
        if habit is None or habit.looks == 0:
            return None
        habit.looks -= 1
        return habit.usual_s * (1.0 + MARGIN) + MARGIN_S

    def missed(self, request: Hashable) -> None:
        """The answer was not there when it was looked for: listen for the next."""
        habit = self._habits[request]
        habit.looks, habit.trust = 0, 1

    def heard(self, request: Hashable, took_s: float) -> None:
        """An answer that was listened for took so long."""
        habit = self._habits.setdefault(request, _Habit(took_s))
        slower_s = min(took_s, habit.usual_s * OUTLIER) - habit.usual_s
        habit.usual_s += slower_s * LEARN if slower_s > 0.0 else slower_s
        habit.looks, habit.trust = habit.trust, min(2 * habit.trust, LOOKS)
