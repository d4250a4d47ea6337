"""Power that fails between any two writes takes no more than what one interval holds, and nothing that was said."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from .power_cuts import Life, Losses, cut, every_moment, live


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    return live(tmp_path_factory.mktemp("life"), Random(1))


def test_the_recorded_life_has_trips_settings_and_many_writes(life: Life) -> None:
    tripped = {name for moment in life.moments for name, _ in moment.tripped}
    assert tripped == {"floor", "over_current_charge", "over_current_discharge"}
    assert len({moment.settings for moment in life.moments}) > 10
    assert len(life.files.calls) > 100


def test_a_cut_after_any_call_of_the_disk_loses_no_more_than_an_interval(life: Life, tmp_path: Path) -> None:
    losses = cut(life, every_moment(life), tmp_path, Random(2))
    assert losses.cuts > 100
    assert not losses.too_much, losses


@pytest.mark.parametrize(
    ("losses", "beyond"),
    [
        (Losses(most_pct=0.5, most_s=60.5), False),
        (Losses(most_pct=0.7), True),
        (Losses(most_s=62.0), True),
        (Losses(unreadable=1), True),
        (Losses(trips=1), True),
        (Losses(settings=1), True),
    ],
)
def test_what_is_too_much(losses: Losses, beyond: bool) -> None:
    assert losses.too_much is beyond


def test_a_store_that_forgot_its_newest_write_is_found_out(life: Life, tmp_path: Path) -> None:
    """Without its last hour a disk is whole, and what it misses is counted."""
    whole = cut(life, iter([len(life.files.calls)]), tmp_path, Random(3))
    early = Life(files=life.files, moments=[m._replace(calls=m.calls // 2) for m in life.moments])
    stale = cut(early, iter([early.moments[-1].calls]), tmp_path, Random(3))
    assert not whole.beyond_the_interval
    assert stale.beyond_the_interval
