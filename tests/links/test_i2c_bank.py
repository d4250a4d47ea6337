"""A bank of three BQ76952 is charged, with troubles: it comes level, and nothing wrong is believed."""

from __future__ import annotations

import pytest

from .hurried import hurry
from .i2c_bank import Charge, charged_with_troubles


@pytest.mark.parametrize(("minutes", "bleed_a"), [(3.5, 6.0), pytest.param(10.0, 2.0, marks=pytest.mark.slow)])
def test_a_bank_comes_level_whatever_the_bus_does(minutes: float, bleed_a: float) -> None:
    async def run() -> None:
        await charged_with_troubles(Charge(bleed_a), minutes)

    hurry(run)
