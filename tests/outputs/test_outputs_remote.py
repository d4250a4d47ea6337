"""Remote on/off: the use modes of the manual, by voltage and by level."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.outputs.remote import RemoteLevels, levels_from_voltages, remote_on


@pytest.mark.parametrize(
    ("l_v", "h_v", "is_on"),
    [
        (5.0, 0.0, False),  # both open
        (3.49, 0.0, True),  # L at minus
        (3.5, 0.0, False),
        (5.0, 2.9, False),
        (5.0, 2.91, True),  # H high
        (5.0, 12.8, True),  # H at battery plus
        (0.0, 12.8, True),
        (None, 12.8, True),
        (0.0, None, True),
        (None, 0.0, False),
        (5.0, None, False),
        (None, None, False),
    ],
)
def test_by_voltage(l_v: float | None, h_v: float | None, is_on: bool) -> None:
    assert remote_on(levels_from_voltages(l_v, h_v)) is is_on


@given(st.floats(min_value=0.0, max_value=60.0))
def test_joined_terminals_are_on_at_whatever_voltage_they_take(joined_v: float) -> None:
    assert remote_on(levels_from_voltages(joined_v, joined_v))


@pytest.mark.parametrize(
    ("levels", "is_on"),
    [
        (None, True),
        (RemoteLevels(l_at_minus=None, h_at_plus=None), False),
        (RemoteLevels(l_at_minus=False, h_at_plus=False), False),
        (RemoteLevels(l_at_minus=False, h_at_plus=False, joined=True), True),
        (RemoteLevels(l_at_minus=True, h_at_plus=False), True),
        (RemoteLevels(l_at_minus=None, h_at_plus=True), True),
    ],
)
def test_by_level(levels: RemoteLevels | None, is_on: bool) -> None:
    assert remote_on(levels) is is_on
