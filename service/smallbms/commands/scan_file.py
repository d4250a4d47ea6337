"""The configuration file that `smallbms check --scan` writes: what was found, and what a person must still say."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from smallbms.batteries import BATTERIES, custom_model, find_model
from smallbms.errors import ConfigError
from smallbms.links.found import Found
from smallbms.model import BatteryModel, BatteryReading
from smallbms.wording import figure

HEAD = """\
# Written by `smallbms check --scan`: the batteries that answered. Look at every CHECK.
"""
SERIES = (
    "# series = 1                # CHECK: batteries in series, 1…4; until this or [vbat] says it, nothing is allowed"
)
UNKNOWN = "# model = …                  # CHECK: what it told is not enough to know its model"
NO_SENSOR = '# temperature = "none"        # CHECK: no cell temperature was read, and without one there is no charging'
LIMITS = "# CHECK against the data sheet of the battery; other limits follow from these two, README has the keys"
OUTPUTS = """\
[outputs]
# CHECK: NO PIN IS DRIVEN BY THIS. Nothing ends charging or discharging until the lines of your disconnects stand here:
kind = "simulated"
state_file = {state_file}
# kind = "gpio"
# chip = "pinctrl-bcm2711"    # `smallbms check` lists the chips
# charge_disconnect = 17
# load_disconnect = 27
"""


def text(found: Sequence[Found], *, series: int | None, bus: str | None, pins: Path) -> str:
    """A configuration file that runs as it is, for a look at the batteries."""
    models = _own_models([battery.reading for battery in found])
    if series is None and len(found) == 1:
        series = 1
    parts = [
        HEAD,
        "[bank]\n" + (SERIES if series is None else f"series = {series}") + "\n",
        *(_battery(battery, models) for battery in found),
        *(_model(model) for model in models),
        OUTPUTS.format(state_file=_quoted(str(pins))),
    ]
    if bus is not None:
        parts.append(f"[dbus]\nbus = {_quoted(bus)}\n")
    return "\n".join(parts)


def summary(reading: BatteryReading) -> str:
    """A battery in one line."""
    identity, cells = reading.identity, len(reading.cell_voltages_v)
    said = (
        identity.model,
        identity.serial and f"serial {identity.serial}",
        f"{cells} cells" if cells else None,
        reading.capacity_ah and f"{figure(reading.capacity_ah)} Ah",
        None if reading.voltage_v is None else f"{reading.voltage_v:.2f} V",
        None if reading.soc_pct is None else f"{reading.soc_pct:.0f} %",
    )
    return ", ".join(word for word in said if word)


def _own_models(readings: Sequence[BatteryReading]) -> tuple[BatteryModel, ...]:
    """The models that are not in the table, one for all batteries of a kind."""
    models: list[BatteryModel] = []
    for reading in readings:
        cells, capacity_ah = len(reading.cell_voltages_v), reading.capacity_ah
        if cells and capacity_ah is not None and _known(reading, (*BATTERIES, *models)) is None:
            with contextlib.suppress(ConfigError):  # is said beside the battery
                models.append(custom_model(f"{cells}s-{figure(capacity_ah)}ah", cells=cells, capacity_ah=capacity_ah))
    return tuple(models)


def _known(reading: BatteryReading, models: Sequence[BatteryModel]) -> BatteryModel | None:
    if reading.capacity_ah is None:
        return None
    return find_model(len(reading.cell_voltages_v), reading.capacity_ah, models)


def _battery(found: Found, models: Sequence[BatteryModel]) -> str:
    said = summary(found.reading)
    lines = ["[[battery]]" + (f"                 # {said}" if said else "")]
    lines += [f"{key} = {_quoted(value)}" for key, value in found.table.items()]
    lines += [f"# {key} = …{' ' * (27 - len(key))}# CHECK: only you can state it" for key in found.needs]
    if "model" not in found.needs:
        lines.append(_model_line(found.reading, models))
    if not any(t is not None for t in found.reading.cell_temperatures_c):
        lines.append(NO_SENSOR)
    return "\n".join(lines) + "\n"


def _model_line(reading: BatteryReading, models: Sequence[BatteryModel]) -> str:
    cells, capacity_ah = len(reading.cell_voltages_v), reading.capacity_ah
    if not cells or capacity_ah is None:
        return UNKNOWN
    if own := _known(reading, models):
        return f"model = {_quoted(own.name)}"
    if known := _known(reading, BATTERIES):
        return f"# it is found to be a {known.name}"
    return f"# CHECK: {cells} cells and {figure(capacity_ah)} Ah are no battery that can be used here"


def _model(model: BatteryModel) -> str:
    return (
        f"[model.{_quoted(model.name)}]\n{LIMITS}\ncells = {model.cells}\ncapacity_ah = {figure(model.capacity_ah)}\n"
    )


def _quoted(value: str | int) -> str:
    """A value of TOML; its strings are those of JSON."""
    return json.dumps(value, ensure_ascii=False)
