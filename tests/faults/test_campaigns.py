"""A few of the many: main processes killed and stopped, and anything written anywhere. `bench faults` does hundreds."""

from __future__ import annotations

from pathlib import Path

from .campaigns import kills, stops, writes

FLOAT_S = 2.5  # promised
GRACE_S = 2.0  # of a busy machine


async def test_outputs_float_at_every_kill(tmp_path: Path) -> None:
    took_s = await kills(tmp_path / "system", 2, seed=1)
    assert len(took_s) == 2
    assert max(took_s) < FLOAT_S + GRACE_S


async def test_outputs_float_at_every_stop(tmp_path: Path) -> None:
    took_s = await stops(tmp_path / "system", 2, seed=1)
    assert len(took_s) == 2
    assert max(took_s) < FLOAT_S + GRACE_S


async def test_no_write_of_anything_moves_what_is_measured(tmp_path: Path) -> None:
    done = await writes(tmp_path / "system", 600, seed=1)
    assert done.calls == 600
    assert done.taken > 0, "some of the values are allowed ones"
    assert (done.taken_measured, done.moved) == (0, ())
