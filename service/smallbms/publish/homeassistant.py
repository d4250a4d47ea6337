"""Home Assistant's device discovery: what each value of a Report is, in Home Assistant's words. No I/O.

Contract: Home Assistant's MQTT integration, device discovery (2025.12 and later, for `default_entity_id`). An entity
is known by the serial number and a key that never changes, so that what a user makes of it stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from smallbms.core.state import Snapshot
from smallbms.publish.report import Report
from smallbms.setting_row import SettingRow
from smallbms.settings import ACTIONS, SETTINGS, bounds
from smallbms.words import AlarmCode, Mode

PREFIX = "homeassistant"
BIRTH_TOPIC = f"{PREFIX}/status"
EXPIRE_S = 60  # the state comes at least every 10 s

Component = dict[str, Any]


class _Sensor(NamedTuple):
    """`value`: where in a Report. `live`: known only while the batteries are read."""

    key: str
    name: str
    value: str
    unit: str | None = None
    device_class: str | None = None
    state_class: str | None = "measurement"
    decimals: int | None = None
    category: str | None = None
    live: bool = True


_V, _A, _W, _C = ("V", "voltage"), ("A", "current"), ("W", "power"), ("°C", "temperature")
_TOTAL = "total_increasing"
_WH = ("Wh", "energy", _TOTAL)

_SENSORS = (
    _Sensor("soc", "State of charge", "soc_pct", "%", "battery", decimals=1),
    _Sensor("voltage", "Voltage", "bank.voltage_v", *_V, decimals=2),
    _Sensor("current", "Current", "bank.current_a", *_A, decimals=1),
    _Sensor("power", "Power", "bank.power_w", *_W, decimals=0),
    _Sensor("consumed", "Consumed", "consumed_ah", "Ah", decimals=1),
    _Sensor("time_to_go", "Time to go", "time_to_go_s", "s", "duration", decimals=0),
    _Sensor("cell_min", "Lowest cell", "bank.cell_min_v.value", *_V, decimals=3),
    _Sensor("cell_max", "Highest cell", "bank.cell_max_v.value", *_V, decimals=3),
    _Sensor("temperature_min", "Coldest cell", "bank.temperature_min_c.value", *_C, decimals=1),
    _Sensor("temperature_max", "Warmest cell", "bank.temperature_max_c.value", *_C, decimals=1),
    _Sensor("capacity", "Capacity", "bank.capacity_ah", "Ah", decimals=0, category="diagnostic"),
    _Sensor("charge_voltage", "Charge voltage limit", "limits.charge_voltage_v", *_V, decimals=2, live=False),
    _Sensor("charge_current", "Charge current limit", "limits.charge_current_a", *_A, decimals=1, live=False),
    _Sensor("discharge_current", "Discharge current limit", "limits.discharge_current_a", *_A, decimals=1, live=False),
    _Sensor("state", "State", "state", state_class=None, live=False),
    _Sensor("error", "Error", "error", state_class=None, category="diagnostic", live=False),
    _Sensor("balancer", "Balancer", "balancer", state_class=None, category="diagnostic"),
    _Sensor("charged_energy", "Charged energy", "history.charged_wh", *_WH, 0, live=False),
    _Sensor("discharged_energy", "Discharged energy", "history.discharged_wh", *_WH, 0, live=False),
    _Sensor("cycles", "Charge cycles", "history.cycles", None, None, _TOTAL, 0, "diagnostic", live=False),
)  # fmt: skip

_FLAGS = (
    ("allow_to_charge", "Allowed to charge", "allow_to_charge", None),
    ("allow_to_discharge", "Allowed to discharge", "allow_to_discharge", None),
    ("pre_alarm", "Pre-alarm", "pre_alarm", "problem"),
    ("charge_disconnect", "Charge disconnect output", "outputs.charge_disconnect", None),
    ("load_disconnect", "Load disconnect output", "outputs.load_disconnect", None),
)

_ALARM_NAMES = {
    code: "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in code.value).strip().capitalize()
    for code in AlarmCode
}


def config_topic(serial: str) -> str:
    """Where the discovery message goes, retained; an empty one removes the device."""
    return f"{PREFIX}/device/bms_{serial}/config"


def shape_of(snapshot: Snapshot) -> tuple[object, ...]:
    """What the discovery message depends on: it is sent anew when this changes."""
    bank = snapshot.decision.bank
    cells = tuple(len(b.reading.cell_voltages_v) if b.reading else 0 for b in bank.batteries)
    return cells, bank.model, snapshot.settings.custom_name


def discovery(snapshot: Snapshot, report: Report, root: str, *, commands: bool) -> bytes:
    """The discovery message of the device whose topics are under `root`; with buttons and numbers for `commands`."""
    serial = report.serial
    components = dict(_components(snapshot, report, root, commands=commands))
    for key, component in components.items():
        component["unique_id"] = f"bms_{serial}_{key}"
        component["default_entity_id"] = f"{component['p']}.bms_{serial}_{key}".lower()
    message = {
        "dev": {
            "ids": [f"bms_{serial}"],
            "name": report.name,
            "mf": "dbus-smallbms-ng",
            "mdl": snapshot.identity.product_name,
            "sn": serial,
            "sw": report.firmware,
        },
        "o": {"name": "dbus-smallbms-ng", "sw": report.firmware},
        "state_topic": f"{root}/state",
        "qos": 1,
        "cmps": components,
    }
    return json.dumps(message, ensure_ascii=False).encode()


def _components(snapshot: Snapshot, report: Report, root: str, *, commands: bool) -> Iterator[tuple[str, Component]]:
    for sensor in (*_SENSORS, *_battery_sensors(report)):
        yield sensor.key, _sensor(sensor, root)
    for key, name, value, device_class in _FLAGS:
        yield key, _flag(name, _known(f"value_json.{value}"), device_class, root)
    for code in AlarmCode:
        on_off = _on_off(f"'{code}' in value_json.alarms")
        yield f"alarm_{code.name.lower()}", _flag(_ALARM_NAMES[code], on_off, "problem", root)
    for direction in ("charge", "discharge"):
        yield f"why_no_{direction}", _why(direction, root)
    if commands:
        for row in SETTINGS:
            yield row.name, _setting(row, snapshot, root)
        for action in ACTIONS:
            yield action.name, {
                "p": "button", "name": action.title, "command_topic": f"{root}/set/{action.name}",
                "payload_press": "1", "entity_category": "config", **_available(root, live=False),
            }  # fmt: skip


def _battery_sensors(report: Report) -> Iterator[_Sensor]:
    if len(report.batteries) == 1:
        return
    for index, battery in enumerate(report.batteries):
        place, name = f"batteries[{index}]", f"Battery {battery.number}"
        yield _Sensor(f"battery_{battery.number}_voltage", f"{name} voltage", f"{place}.voltage_v", *_V, decimals=2)
        yield _Sensor(f"battery_{battery.number}_current", f"{name} current", f"{place}.current_a", *_A, decimals=1)


def _template(expression: str) -> str:
    """An expression of Jinja, as Home Assistant evaluates it over a Report."""
    return "{{ " + expression + " }}"


def _on_off(expression: str) -> str:
    return f"'ON' if {expression} else 'OFF'"


def _known(value: str) -> str:
    """Null becomes "None", which is an unknown state to Home Assistant: an output that cannot be read is not off."""
    return f"none if {value} is none else {_on_off(value)}"


def _available(root: str, *, live: bool) -> Component:
    topics = [f"{root}/status", f"{root}/link"] if live else [f"{root}/status"]
    return {"availability": [{"topic": topic} for topic in topics], "availability_mode": "all"}


def _sensor(sensor: _Sensor, root: str) -> Component:
    optional = {
        "unit_of_measurement": sensor.unit,
        "device_class": sensor.device_class,
        "state_class": sensor.state_class,
        "suggested_display_precision": sensor.decimals,
        "entity_category": sensor.category,
    }
    return {
        "p": "sensor",
        "name": sensor.name,
        "value_template": _template(f"value_json.{sensor.value} | default(none)"),
        "expire_after": EXPIRE_S,
        **{key: value for key, value in optional.items() if value is not None},
        **_available(root, live=sensor.live),
    }


def _flag(name: str, expression: str, device_class: str | None, root: str) -> Component:
    return {
        "p": "binary_sensor",
        "name": name,
        "value_template": _template(expression),
        "expire_after": EXPIRE_S,
        **({"device_class": device_class} if device_class else {}),
        **_available(root, live=False),
    }


def _why(direction: str, root: str) -> Component:
    """The first reason as the state, all of them as an attribute; a state has at most 255 characters."""
    chosen = f"value_json.reasons | selectattr('blocks', 'in', ['{direction}', 'both']) | map(attribute='text')"
    return {
        "p": "sensor",
        "name": f"Why no {direction[:-1]}ing",
        "value_template": _template(f"({chosen} | first | default('allowed'))[:255]"),
        "json_attributes_topic": f"{root}/state",
        "json_attributes_template": _template(f"{{'reasons': {chosen} | list}} | tojson"),
        "expire_after": EXPIRE_S,
        **_available(root, live=False),
    }


def _setting(row: SettingRow, snapshot: Snapshot, root: str) -> Component:
    component = {
        "name": row.title,
        "command_topic": f"{root}/set/{row.name}",
        "value_template": _template(f"value_json.settings.{row.name}"),
        "entity_category": "config",
        **_available(root, live=False),
    }
    if row.name == "mode":
        words = [mode.name.lower() for mode in Mode]
        return component | {"p": "select", "options": words, "value_template": _template("value_json.mode")}
    if row.words:
        return component | {
            "p": "switch", "payload_on": "on", "payload_off": "off", "state_on": "1", "state_off": "0",
        }  # fmt: skip
    if row.kind == "s":
        return component | {"p": "text", "max": 32}
    allowed = bounds(row, snapshot.decision.bank.model)
    return component | {
        "p": "number", "mode": "box", "min": allowed.minimum, "max": allowed.maximum, "step": row.step,
        "unit_of_measurement": row.unit,
    }  # fmt: skip
