"""A household's year: what the BMS says of its bank is never further from the truth than its sensors explain."""

from __future__ import annotations

import pytest

from smallbms.core import history

from .household import Household

YEAR_DAYS = 61  # the seasons go by six times as fast, so that a year passes in a minute
SOC_PCT = 2.0
ENERGY = 0.01
CELL_V = (2.50, 3.65)
WINTER, SUMMER = 0.0, 0.5  # of the year


def check(home: Household) -> None:
    truth, page = home.truth, history.page(home.state.history)
    beyond_pct, day = truth.worst_soc
    assert beyond_pct <= SOC_PCT, (
        f"the SoC was {beyond_pct:.2f} % further off than its sensors explain, on day {day:.2f}"
    )
    assert CELL_V[0] <= truth.lowest["cell_v"] < truth.highest["cell_v"] <= CELL_V[1]
    assert page.charged_wh == pytest.approx(truth.seen_charged_wh, rel=1e-6)
    assert page.discharged_wh == pytest.approx(truth.seen_discharged_wh, rel=1e-6)
    offset_wh = home.offset_a * truth.highest["voltage_v"] * truth.hours
    assert abs(page.charged_wh - truth.charged_wh) <= ENERGY * truth.charged_wh + offset_wh
    assert abs(page.discharged_wh - truth.discharged_wh) <= ENERGY * truth.discharged_wh + offset_wh
    assert page.total_ah_drawn == pytest.approx(truth.drawn_ah, rel=1e-6)
    assert page.deepest_discharge_ah == truth.deepest_ah
    assert (page.cycles, page.full_discharges) == (truth.cycles, truth.full_discharges)
    assert page.synchronisations == truth.synchronisations
    assert page.min_cell_v == pytest.approx(truth.lowest["cell_v"], abs=0.004)
    assert page.max_cell_v == pytest.approx(truth.highest["cell_v"], abs=0.004)
    assert page.min_voltage_v == pytest.approx(truth.lowest["voltage_v"], abs=0.02)
    assert page.max_voltage_v == pytest.approx(truth.highest["voltage_v"], abs=0.02)
    assert page.min_temperature_c == pytest.approx(truth.lowest["temperature_c"], abs=0.06)
    assert page.max_temperature_c == pytest.approx(truth.highest["temperature_c"], abs=0.06)


@pytest.mark.parametrize(("series", "offset_sign", "begin"), [(4, -1, SUMMER), (2, 1, WINTER)])
def test_a_day_and_a_half(series: int, offset_sign: int, begin: float) -> None:
    home = Household(series=series, offset_sign=offset_sign, year_days=365, begin=begin)
    home.live(1.5)
    check(home)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_year() -> None:
    home = Household(series=4, offset_sign=1, year_days=YEAR_DAYS)
    home.live(YEAR_DAYS)
    check(home)
    assert home.truth.synchronisations > 20
    assert home.truth.cycles > 10
