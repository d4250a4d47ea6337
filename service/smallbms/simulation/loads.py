"""What draws power, and when."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from smallbms.frozen import frozen
from smallbms.simulation.weather import DAY_S, HOUR_S

Profile = Callable[[float], float]  # seconds since midnight of the first day → W

SURGE_SLOTS: Final = 257  # a prime, so that the surges of a day differ from those of the next


@frozen
class Load:
    """A consumer of constant power; `wired_past` the load disconnect it stays on without ATD.

    `inverter`: keeps the discharge current of the bank within the DCL.
    """

    power_w: Profile
    inverter: bool = False
    wired_past: bool = False


def constant(power_w: float) -> Profile:
    """Always the same."""
    return lambda _: power_w


def daily(power_w: float, *, from_h: float, to_h: float) -> Profile:
    """On between two hours of the day, over midnight if `to_h` is the smaller."""

    def profile(time_s: float) -> float:
        hour = time_s % DAY_S / HOUR_S
        on = from_h <= hour < to_h if from_h <= to_h else hour >= from_h or hour < to_h
        return power_w if on else 0.0

    return profile


def duty_cycle(power_w: float, *, on_s: float, period_s: float) -> Profile:
    """On for the first `on_s` of every period: a fridge."""
    return lambda time_s: power_w if time_s % period_s < on_s else 0.0


def surges(power_w: float, *, lasting_s: float, every_s: float, seed: int) -> Profile:
    """Once in every `every_s`, at a moment of its own, `power_w` for `lasting_s`: a pump, a kettle."""
    random = Random(seed)
    starts_s = [random.uniform(0.0, every_s - lasting_s) for _ in range(SURGE_SLOTS)]

    def profile(time_s: float) -> float:
        slot, into_s = divmod(time_s, every_s)
        return power_w if 0.0 <= into_s - starts_s[int(slot) % SURGE_SLOTS] < lasting_s else 0.0

    return profile
