from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.batteries import (
    BATTERIES,
    MODEL_KEYS,
    MOST_BATTERIES,
    custom_model,
    find_model,
    model_named,
    system_voltage,
)
from smallbms.errors import ConfigError

# manual §4.1 and the datasheet: cells, V, Ah, charge, float, end, mΩ, continuous, 10 s discharge, 10 s charge
TABLE = {
    "12.8/100": (4, 12.8, 100, 14.2, 13.5, 11.2, 2, 100, 200, 200),
    "12.8/150": (4, 12.8, 150, 14.2, 13.5, 11.2, 2, 150, 300, 225),
    "12.8/200": (4, 12.8, 200, 14.2, 13.5, 11.2, 1, 200, 400, 400),
    "12.8/300": (4, 12.8, 300, 14.2, 13.5, 11.2, 1, 300, 600, 450),
    "25.6/100": (8, 25.6, 100, 28.4, 27.0, 22.4, 4, 100, 200, 200),
    "25.6/200": (8, 25.6, 200, 28.4, 27.0, 22.4, 2, 200, 400, 400),
    "25.6/300": (8, 25.6, 300, 28.4, 27.0, 22.4, 2, 300, 600, 450),
    "51.2/100": (16, 51.2, 100, 56.8, 54.0, 44.8, 8, 100, 200, 200),
}


def test_the_table_has_the_eight_models() -> None:
    assert [model.name for model in BATTERIES] == list(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_a_row_is_that_of_the_datasheet(name: str) -> None:
    model = model_named(name)
    assert model is not None
    row = (
        model.cells,
        model.nominal_v,
        model.capacity_ah,
        model.charge_v,
        model.float_v,
        model.end_of_discharge_v,
        model.resistance_mohm,
        model.continuous_discharge_a,
        model.peak_discharge_a,
        model.peak_charge_a,
    )
    assert row == pytest.approx(TABLE[name])
    assert model.continuous_charge_a == model.continuous_discharge_a
    assert (model.thresholds.high_cell_v, model.thresholds.low_cell_v) == (3.75, 2.80)


@pytest.mark.parametrize(
    ("cells", "capacity_ah", "name"),
    [
        (4, 100, "12.8/100"),
        (4, 102.9, "12.8/100"),
        (4, 97.1, "12.8/100"),
        (4, 103.1, None),
        (4, 96.9, None),
        (8, 300, "25.6/300"),
        (8, 150, None),
        (16, 100, "51.2/100"),
        (15, 100, None),
        (0, 0, None),
        (4, math.nan, None),
    ],
)
def test_cells_and_capacity_give_the_model(cells: int, capacity_ah: float, name: str | None) -> None:
    found = find_model(cells, capacity_ah)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(("nominal_v", "most", "energy_kwh"), [(12.8, 50, 192), (25.6, 50, 384), (51.2, 25, 128)])
def test_the_largest_banks_hold_what_the_manual_says(nominal_v: float, most: int, energy_kwh: float) -> None:
    largest = max(model.capacity_ah for model in BATTERIES if model.nominal_v == nominal_v)
    assert MOST_BATTERIES[nominal_v] == most
    assert most * nominal_v * largest / 1000 == pytest.approx(energy_kwh)


def test_an_unknown_name_is_no_model() -> None:
    assert model_named("12.8/101") is None


@pytest.mark.parametrize(
    ("nominal_v", "system_v"),
    [(12.8, 12.8), (11.6, 12.8), (14.0, 12.8), (14.2, None), (48.0, 51.2), (38.4, None), (102.4, None), (0.0, None)],
)
def test_the_system_of_a_voltage(nominal_v: float, system_v: float | None) -> None:
    assert system_voltage(nominal_v) == system_v


def test_a_custom_model_follows_from_cells_and_capacity() -> None:
    model = custom_model("pack", cells=15, capacity_ah=280)
    assert (model.name, model.cells, model.capacity_ah) == ("pack", 15, 280)
    assert (model.nominal_v, model.charge_v, model.float_v, model.end_of_discharge_v) == pytest.approx(
        (48.0, 53.25, 50.625, 42.0)
    )
    assert (model.continuous_charge_a, model.peak_charge_a, model.peak_discharge_a) == (280, 420, 560)
    assert model.resistance_mohm == pytest.approx(15 * 0.5 * 100 / 280)


def test_what_is_left_out_follows_what_is_given() -> None:
    model = custom_model("pack", cells=4, capacity_ah=100, high_cell_v=3.6, low_cell_v=3.0, continuous_charge_a=50)
    assert model.charge_v == pytest.approx(4 * 3.50)
    assert model.end_of_discharge_v == pytest.approx(4 * 3.00)
    assert model.peak_charge_a == 75
    assert model.thresholds.high_cell_release_v == pytest.approx(3.45)


# key, lowest, highest of a 16-cell, 280 Ah model
BOUNDS = [
    ("nominal_v", 46.08, 56.32),
    ("high_cell_v", 3.60, 3.80),
    ("low_cell_v", 2.50, 3.00),
    ("charge_cold_c", 5, 20),
    ("charge_hot_c", 30, 50),
    ("discharge_cold_c", -20, 20),
    ("discharge_hot_c", 30, 50),
    ("charge_v", 16 * 3.50, 16 * 3.65),
    ("float_v", 16 * 3.30, 16 * 3.55),
    ("end_of_discharge_v", 16 * 2.50, 16 * 3.20),
    ("resistance_mohm", 0.1, 200),
    ("continuous_charge_a", 1, 840),
    ("continuous_discharge_a", 1, 840),
    ("peak_charge_a", 280, 840),
    ("peak_discharge_a", 280, 840),
]


def test_every_key_has_bounds_here() -> None:
    assert {"cells", "capacity_ah", *(key for key, _, _ in BOUNDS)} == set(MODEL_KEYS)


@pytest.mark.parametrize(("key", "lowest", "highest"), BOUNDS)
def test_an_override_is_taken_at_its_bounds(key: str, lowest: float, highest: float) -> None:
    for value in (lowest, highest):
        model = custom_model("pack", cells=16, capacity_ah=280, **{key: value})
        assert getattr(model, key, getattr(model.thresholds, key, None)) == value


@pytest.mark.parametrize(("key", "lowest", "highest"), BOUNDS)
def test_an_override_beyond_its_bounds_is_refused_with_both(key: str, lowest: float, highest: float) -> None:
    for value in (lowest - 0.02, highest + 0.02):
        with pytest.raises(ConfigError, match=f"^{key} = {value!r} is not allowed; allowed is .*…") as refused:
            custom_model("pack", cells=16, capacity_ah=280, **{key: value})
        assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("high_cell_v", [3.55, 3.59, 3.81])
def test_a_high_cell_that_leaves_no_charge_voltage_is_refused(high_cell_v: float) -> None:
    with pytest.raises(ConfigError, match=r"high_cell_v .* allowed is 3\.6…3\.8 V"):
        custom_model("pack", cells=16, capacity_ah=280, high_cell_v=high_cell_v)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"capacity_ah": 100}, ["cells is missing; allowed is 4, 8, 15, 16, 17"]),
        ({"cells": 14, "capacity_ah": 100}, ["cells = 14"]),
        ({"cells": 4.5, "capacity_ah": 100}, ["cells = 4.5"]),
        ({"cells": True, "capacity_ah": 100}, ["cells = True"]),
        ({"cells": 4}, ["capacity_ah is missing; allowed is 5…5000 Ah"]),
        ({"cells": 4, "capacity_ah": 0}, ["capacity_ah = 0 "]),
        ({"cells": 4, "capacity_ah": math.nan}, ["capacity_ah = nan "]),
        ({"cells": 4, "capacity_ah": 10**400}, ["capacity_ah = 1000"]),
        ({"cells": 4, "capacity_ah": 16**5000}, ["capacity_ah = a number of thousands of digits"]),
        ({"cells": 3, "capacity_ah": "1"}, ["cells = 3", "capacity_ah = '1'"]),
        ({"cells": 4, "capacity_ah": 100, "volts": 1}, ["'volts' is unknown; known are cells, capacity_ah"]),
        ({"cells": 4, "capacity_ah": 100, "charge_v": "14"}, ["charge_v = '14' ", "14…14.6 V"]),
        ({"cells": 4, "capacity_ah": 100, "charge_v": 15, "low_cell_v": 2}, ["low_cell_v = 2 ", "charge_v = 15 "]),
    ],
)
def test_a_wrong_custom_model_says_all_that_is_wrong(values: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        custom_model("pack", **values)
    for word in words:
        assert word in str(refused.value)


def test_a_name_of_the_table_is_taken() -> None:
    with pytest.raises(ConfigError, match=r"12\.8/100 is in the table"):
        custom_model("12.8/100", cells=4, capacity_ah=100)


NUMBERS = st.floats() | st.integers() | st.floats(-60, 900) | st.none() | st.text() | st.booleans()


@given(values=st.dictionaries(st.sampled_from(MODEL_KEYS) | st.text(max_size=5), NUMBERS))
def test_anything_is_a_sound_model_or_a_config_error(values: dict[str, object]) -> None:
    assert _sound_or_refused({"cells": 16, "capacity_ah": 280, **values})
    assert _sound_or_refused(values)


def _sound_or_refused(values: dict[str, object]) -> bool:
    try:
        model = custom_model("pack", **values)
    except ConfigError as error:
        return bool(str(error))
    limits = model.thresholds
    assert system_voltage(model.nominal_v) in MOST_BATTERIES
    assert 3.50 - 1e-6 <= model.charge_v / model.cells <= limits.high_cell_v - 0.10 + 1e-6
    assert limits.low_cell_v < limits.low_cell_release_v < limits.high_cell_release_v < limits.high_cell_v
    assert limits.charge_cold_c + 2 < limits.charge_hot_c - 3
    assert limits.discharge_cold_c + 2 < limits.discharge_hot_c - 3
    assert model.end_of_discharge_v < model.float_v <= model.charge_v + 1e-6
    assert model.continuous_charge_a <= model.peak_charge_a + 1e-6
    assert model.continuous_discharge_a <= model.peak_discharge_a + 1e-6
    return True
