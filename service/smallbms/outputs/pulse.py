"""The watchdog line: a square wave for a retriggerable monostable, made only while the outputs may be believed."""

from __future__ import annotations

from smallbms.outputs.gpio_pins import Held

HALF_S = 0.1  # 5 Hz


class Pulse:
    """Toggles its line each HALF_S while `alive`; a late toggle is not made up for."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._high = False
        self._alive = False
        self.due_at_s = float("-inf")

    def beat(self, alive: bool, now_s: float) -> None:
        """Toggle if it is time; low from the first moment without life."""
        if now_s < self.due_at_s and alive is self._alive:
            return
        self._alive = alive
        self._high = alive and not self._high
        self._held.set(self._high, now_s)
        self.due_at_s = now_s + HALF_S if alive else float("inf")

    def errors(self) -> dict[str, str]:
        return {"watchdog": self._held.error} if self._held.error else {}

    def close(self, now_s: float) -> None:
        """Low, then give the line back."""
        self.beat(False, now_s)
        self._held.close()
