"""Sun and temperature through the day, the same for the same seed."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random
from typing import Final

from smallbms.frozen import frozen

DAY_S: Final = 86_400.0
HOUR_S: Final = 3_600.0
CLOUD_STEP_S: Final = 600.0
CLOUD_STEPS: Final = 1_009  # a week of clouds; a prime, so that no day is like the one a week before
WARMEST_H: Final = 15.0


@frozen
class Weather:
    """A climate. Instants are seconds since midnight of the first day.

    `clouds`: the share of the sun that they let through, in steps of 10 min, repeated.
    """

    sunrise_h: float = 6.0
    sunset_h: float = 20.0
    mean_c: float = 18.0
    swing_c: float = 6.0
    clouds: tuple[float, ...] = (1.0,)

    def sun(self, time_s: float) -> float:
        """0 (night) … 1 (clear noon)."""
        hour = time_s % DAY_S / HOUR_S
        if not self.sunrise_h < hour < self.sunset_h:
            return 0.0
        clear: float = sin(pi * (hour - self.sunrise_h) / (self.sunset_h - self.sunrise_h)) ** 1.3
        step, share = divmod(time_s / CLOUD_STEP_S, 1.0)
        now = self.clouds[int(step) % len(self.clouds)]
        following = self.clouds[int(step + 1) % len(self.clouds)]
        return clear * (now + (following - now) * share)

    def ambient_c(self, time_s: float) -> float:
        """Mean ± swing, warmest at 15 h."""
        return self.mean_c + self.swing_c * cos(2 * pi * (time_s % DAY_S / HOUR_S - WARMEST_H) / 24)


def passing_clouds(seed: int, *, cover: float = 0.3) -> tuple[float, ...]:
    """Clouds that come and go: on the mean `cover` (0…1) of the sun is taken."""
    random = Random(seed)
    shares, cloud = [], cover
    for _ in range(CLOUD_STEPS):
        cloud = 0.8 * cloud + 0.2 * (random.random() < cover)
        shares.append(1.0 - cloud)
    return tuple(shares)
