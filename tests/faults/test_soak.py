"""A short soak: nothing leaks, and the system is well afterwards. `bench soak` lasts longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from .soak import soak

SECONDS = 15.0
ONE_BATTERY_PER_S = 2.0
LIMIT_MB = 4.0  # within the first minute memory still grows


@pytest.mark.slow
async def test_nothing_leaks(tmp_path: Path) -> None:
    soaked = await soak(tmp_path / "system", SECONDS, seed=1)
    assert soaked.events / soaked.seconds > 10 * ONE_BATTERY_PER_S
    assert max(soaked.tasks, soaked.descriptors, soaked.outputs_descriptors) <= 0
    assert max(soaked.main_mb, soaked.outputs_mb) < LIMIT_MB
