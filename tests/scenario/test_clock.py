"""Times are read and written in one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.scenario.clock import seconds, written


@pytest.mark.parametrize(
    ("text", "time_s"),
    [("0:00", 0.0), ("1:30", 5400.0), ("0:00:45", 45.0), ("0:00:45.5", 45.5), ("49:00", 176_400.0)],
)
def test_a_time_is_hours_and_minutes_since_the_start(text: str, time_s: float) -> None:
    assert seconds(text) == time_s


@pytest.mark.parametrize("text", ["", "90", "1:60", "1:5", "-1:00", "1:00:60", "1h", "1:00 ", 90, 1.5, None, True])
def test_anything_else_is_no_time(text: object) -> None:
    with pytest.raises(ValueError, match="a time as 1:30"):
        seconds(text)


@given(st.integers(0, 9999 * 36_000))
def test_what_is_written_can_be_read(tenths: int) -> None:
    assert seconds(written(tenths / 10)) == pytest.approx(tenths / 10)
