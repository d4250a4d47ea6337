"""Profiles are functions of the hour alone."""

from __future__ import annotations

import pytest

from smallbms.simulation.loads import Profile, constant, daily, duty_cycle, surges
from smallbms.simulation.weather import DAY_S, HOUR_S


@pytest.mark.parametrize(
    ("profile", "time_s", "power_w"),
    [
        (constant(50.0), 12345.0, 50.0),
        (daily(50.0, from_h=18, to_h=23), 17.99 * HOUR_S, 0.0),
        (daily(50.0, from_h=18, to_h=23), DAY_S + 18 * HOUR_S, 50.0),
        (daily(50.0, from_h=18, to_h=23), 23 * HOUR_S, 0.0),
        (daily(50.0, from_h=22, to_h=6), 23 * HOUR_S, 50.0),
        (daily(50.0, from_h=22, to_h=6), 5 * HOUR_S, 50.0),
        (daily(50.0, from_h=22, to_h=6), 12 * HOUR_S, 0.0),
        (duty_cycle(50.0, on_s=900, period_s=2700), 899.0, 50.0),
        (duty_cycle(50.0, on_s=900, period_s=2700), 900.0, 0.0),
        (duty_cycle(50.0, on_s=900, period_s=2700), 2700.0, 50.0),
    ],
)
def test_a_load_is_on_when_it_should_be(profile: Profile, time_s: float, power_w: float) -> None:
    assert profile(time_s) == power_w


def test_a_surge_comes_once_in_every_slot_at_its_own_moment() -> None:
    profile = surges(2000.0, lasting_s=20, every_s=600, seed=5)
    on_s = [second for second in range(6000) if profile(float(second))]
    by_slot = [[second % 600 for second in on_s if second // 600 == slot] for slot in range(10)]
    assert all(len(seconds) == 20 and max(seconds) - min(seconds) == 19 for seconds in by_slot)
    assert len({min(seconds) for seconds in by_slot}) > 5
    again = surges(2000.0, lasting_s=20, every_s=600, seed=5)
    assert [second for second in range(6000) if again(float(second))] == on_s
