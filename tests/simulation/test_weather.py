"""Night is dark, noon is brightest, clouds only take."""

from __future__ import annotations

from itertools import pairwise

import pytest

from smallbms.simulation.weather import DAY_S, HOUR_S, Weather, passing_clouds


@pytest.mark.parametrize("hour", [0.0, 3.0, 6.0, 20.0, 23.9])
def test_there_is_no_sun_at_night(hour: float) -> None:
    assert Weather().sun(5 * DAY_S + hour * HOUR_S) == 0.0


def test_a_clear_day_rises_to_noon_and_falls() -> None:
    day = [Weather().sun(minute * 60.0) for minute in range(1440)]
    noon = day.index(max(day))
    assert noon == 13 * 60
    assert day[noon] == pytest.approx(1.0)
    assert day[:noon] == sorted(day[:noon])
    assert day[noon:] == sorted(day[noon:], reverse=True)


@pytest.mark.parametrize("cover", [0.0, 0.3, 0.7])
def test_clouds_take_about_their_share(cover: float) -> None:
    clouds = passing_clouds(1, cover=cover)
    assert all(0.0 <= cloud <= 1.0 for cloud in clouds)
    assert 1 - sum(clouds) / len(clouds) == pytest.approx(cover, abs=0.05)


def test_clouds_are_the_same_for_the_same_seed_and_another_every_day() -> None:
    assert passing_clouds(1) == passing_clouds(1) != passing_clouds(2)
    weather = Weather(clouds=passing_clouds(1))
    hours = [hour * HOUR_S for hour in range(8, 18)]
    assert [weather.sun(s) for s in hours] != [weather.sun(DAY_S + s) for s in hours]


def test_clouds_pass_without_jumps() -> None:
    weather = Weather(clouds=passing_clouds(3))
    day = [weather.sun(second * 10.0) for second in range(8640)]
    assert max(abs(b - a) for a, b in pairwise(day)) < 0.01


def test_it_is_warmest_in_the_afternoon() -> None:
    weather = Weather(mean_c=10.0, swing_c=5.0)
    assert weather.ambient_c(15 * HOUR_S) == pytest.approx(15.0)
    assert weather.ambient_c(DAY_S + 3 * HOUR_S) == pytest.approx(5.0)
