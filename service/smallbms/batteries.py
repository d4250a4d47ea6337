"""The table of battery models, and the rules for a model of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

from smallbms.errors import ConfigError
from smallbms.model import BatteryModel, Thresholds
from smallbms.wording import figure, finite, refusal, shown, span

MOST_BATTERIES = {12.8: 50, 25.6: 50, 51.2: 25}  # by the system voltage of one battery (manual §2.1)
NOMINAL_TOLERANCE = 0.10
CAPACITY_TOLERANCE = 0.03  # between what a battery states and its model; the nearest in the table differ by a third

NOMINAL_CELL_V = 3.20
# Cell counts that make a 12, 24 or 48 V system, and which: 4, 8, 15, 16, 17.
_SYSTEM_BY_CELLS = {
    cells: system_v
    for cells in range(1, 33)
    for system_v in MOST_BATTERIES
    if abs(cells * NOMINAL_CELL_V - system_v) <= NOMINAL_TOLERANCE * system_v
}

_THRESHOLD_KEYS = tuple(field.name for field in fields(Thresholds))

_Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Rule:
    """One value of a model: what it is when left out, and its bounds; both may look at the values above it."""

    key: str
    unit: str
    default: Callable[[_Values], float]
    lowest: Callable[[_Values], float]
    highest: Callable[[_Values], float]
    why: str


def _fixed(value: float) -> Callable[[_Values], float]:
    return lambda _: value


def _times(key: str, factor: float) -> Callable[[_Values], float]:
    return lambda values: values[key] * factor


def _per_cell(volts: float) -> Callable[[_Values], float]:
    return _times("cells", volts)


# Of table batteries: 3.55 / 3.375 / 2.80 V per cell, 1C for ever, 2C for 10 s, 50 mΩ·Ah per cell (manual §4.1).
# Charging above 1C is 1.5C for 10 s here, the lower of the two figures in the table.
# A high cell of less than 3.60 V would leave no charge voltage between 3.50 V and 0.10 V below it.
_RULES = (
    _Rule("high_cell_v", "V", _fixed(3.75), _fixed(3.60), _fixed(3.80), "a high cell ends charging here"),
    _Rule("low_cell_v", "V", _fixed(2.80), _fixed(2.50), _fixed(3.00), "a low cell ends discharging here"),
    _Rule("charge_cold_c", "°C", _fixed(5.0), _fixed(5.0), _fixed(20.0), "limits may only move inward"),
    _Rule("charge_hot_c", "°C", _fixed(50.0), _fixed(30.0), _fixed(50.0), "limits may only move inward"),
    _Rule("discharge_cold_c", "°C", _fixed(-20.0), _fixed(-20.0), _fixed(20.0), "limits may only move inward"),
    _Rule("discharge_hot_c", "°C", _fixed(50.0), _fixed(30.0), _fixed(50.0), "limits may only move inward"),
    _Rule(
        "nominal_v",
        "V",
        _per_cell(NOMINAL_CELL_V),
        lambda v: _SYSTEM_BY_CELLS[int(v["cells"])] * (1 - NOMINAL_TOLERANCE),
        lambda v: _SYSTEM_BY_CELLS[int(v["cells"])] * (1 + NOMINAL_TOLERANCE),
        "a 12, 24 or 48 V system within 10 %",
    ),
    _Rule(
        "charge_v",
        "V",
        lambda v: v["cells"] * min(3.55, v["high_cell_v"] - 0.10),
        _per_cell(3.50),
        lambda v: v["cells"] * (v["high_cell_v"] - 0.10),
        "3.50 V per cell or more, and 0.10 V per cell below high_cell_v",
    ),
    _Rule(
        "float_v",
        "V",
        _per_cell(3.375),
        _per_cell(3.30),
        lambda v: v["charge_v"],
        "3.30 V per cell or more, at most charge_v",
    ),
    _Rule(
        "end_of_discharge_v",
        "V",
        lambda v: v["cells"] * max(2.80, v["low_cell_v"]),
        _per_cell(2.50),
        _per_cell(3.20),
        "2.50…3.20 V per cell",
    ),
    _Rule(
        "resistance_mohm",
        "mΩ",
        lambda v: 50.0 * v["cells"] / v["capacity_ah"],
        _fixed(0.1),
        _fixed(200.0),
        "the whole battery",
    ),
    _Rule("continuous_charge_a", "A", _times("capacity_ah", 1), _fixed(1.0), _times("capacity_ah", 3), "at most 3C"),
    _Rule("continuous_discharge_a", "A", _times("capacity_ah", 1), _fixed(1.0), _times("capacity_ah", 3), "at most 3C"),
    _Rule(
        "peak_charge_a",
        "A",
        _times("continuous_charge_a", 1.5),
        _times("continuous_charge_a", 1),
        _times("continuous_charge_a", 3),
        "for 10 s, 1…3 times continuous_charge_a",
    ),
    _Rule(
        "peak_discharge_a",
        "A",
        _times("continuous_discharge_a", 2),
        _times("continuous_discharge_a", 1),
        _times("continuous_discharge_a", 3),
        "for 10 s, 1…3 times continuous_discharge_a",
    ),
)
MODEL_KEYS = ("cells", "capacity_ah", *(rule.key for rule in _RULES))


def model_named(name: str) -> BatteryModel | None:
    """Return the row of the table with this name."""
    return next((model for model in BATTERIES if model.name == name), None)


def find_model(cells: int, capacity_ah: float, models: Sequence[BatteryModel] | None = None) -> BatteryModel | None:
    """Return the model with this cell count whose capacity is met within CAPACITY_TOLERANCE; by itself of the table."""
    for model in BATTERIES if models is None else models:
        if model.cells == cells and abs(model.capacity_ah - capacity_ah) <= model.capacity_ah * CAPACITY_TOLERANCE:
            return model
    return None


def system_voltage(nominal_v: float) -> float | None:
    """Return the system a nominal voltage belongs to, 12.8, 25.6 or 51.2 V within 10 %; None for any other."""
    return next((v for v in MOST_BATTERIES if abs(nominal_v - v) <= NOMINAL_TOLERANCE * v), None)


def custom_model(name: str, /, **values: object) -> BatteryModel:
    """Return a model that is not in the table; what is left out follows from `cells` and `capacity_ah`.

    Keys are MODEL_KEYS; voltages are those of the whole battery, but for high_cell_v and low_cell_v.
    Raises ConfigError with one line for each fault: the key, the value, what is allowed.
    """
    faults = [f"{shown(key)} is unknown; known are {', '.join(MODEL_KEYS)}" for key in values if key not in MODEL_KEYS]
    if model_named(name) is not None:
        faults.append(f"{name} is in the table of batteries already; give this model another name")
    resolved = _cells_and_capacity(values, faults)
    if resolved:
        for rule in _RULES:
            resolved[rule.key] = _resolved(rule, resolved, values.get(rule.key), faults)
    if faults:
        raise ConfigError("\n".join(faults))
    return _model(name, resolved)


def _cells_and_capacity(values: Mapping[str, object], faults: list[str]) -> dict[str, float]:
    """Return the two values that all others follow from; empty if either is wrong."""
    cells, capacity_ah = finite(values.get("cells")), finite(values.get("capacity_ah"))
    if cells not in _SYSTEM_BY_CELLS:
        faults.append(refusal("cells", values.get("cells"), ", ".join(map(str, _SYSTEM_BY_CELLS))))
        cells = None
    if capacity_ah is None or not 5 <= capacity_ah <= 5000:
        faults.append(refusal("capacity_ah", values.get("capacity_ah"), "5…5000 Ah"))
        capacity_ah = None
    return {} if cells is None or capacity_ah is None else {"cells": cells, "capacity_ah": capacity_ah}


def _resolved(rule: _Rule, resolved: _Values, given: object, faults: list[str]) -> float:
    default = rule.default(resolved)
    if given is None:
        return default
    lowest, highest = rule.lowest(resolved), rule.highest(resolved)
    value = finite(given)
    if value is None or not lowest - 1e-6 <= value <= highest + 1e-6:
        faults.append(refusal(rule.key, given, f"{span(lowest, highest, rule.unit)} ({rule.why})"))
        return default
    return value


def _model(name: str, resolved: Mapping[str, float]) -> BatteryModel:
    thresholds = Thresholds(**{key: resolved[key] for key in _THRESHOLD_KEYS})
    rest = {key: value for key, value in resolved.items() if key not in ("cells", *_THRESHOLD_KEYS)}
    return BatteryModel(name=name, cells=int(resolved["cells"]), thresholds=thresholds, **rest)


def _row(cells: int, capacity_ah: float, resistance_mohm: float, peak_charge_a: float) -> BatteryModel:
    """Return a row of manual §4.1; its other columns follow the rules above exactly."""
    given = {"resistance_mohm": resistance_mohm, "peak_charge_a": peak_charge_a}
    resolved = {"cells": float(cells), "capacity_ah": capacity_ah}
    for rule in _RULES:
        resolved[rule.key] = given.get(rule.key, rule.default(resolved))
    return _model(f"{figure(resolved['nominal_v'])}/{figure(capacity_ah)}", resolved)


BATTERIES = (
    _row(4, 100.0, 2.0, 200.0),
    _row(4, 150.0, 2.0, 225.0),
    _row(4, 200.0, 1.0, 400.0),
    _row(4, 300.0, 1.0, 450.0),
    _row(8, 100.0, 4.0, 200.0),
    _row(8, 200.0, 2.0, 400.0),
    _row(8, 300.0, 2.0, 450.0),
    _row(16, 100.0, 8.0, 200.0),
)
