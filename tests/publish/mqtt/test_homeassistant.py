"""Home Assistant at a real broker: it is told what all is, again when it starts, and nothing stays behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from core.bench_battery import Rig
from publish.mqtt.mosquitto import broker, listening, wait_for
from publish.mqtt.test_publisher import Log, at_work, made
from publish.snapshots import snapshot_of
from smallbms.model import OutputsReadBack
from smallbms.publish.homeassistant import config_topic, discovery
from smallbms.publish.report import report_of, to_json
from smallbms.settings import ACTIONS, SETTINGS
from smallbms.words import AlarmCode

CONFIG = config_topic("SB0123456789")
ROOT = "device/bms_SB0123456789"
PLATFORMS = {
    "sensor": {"value_template", "expire_after"},
    "binary_sensor": {"value_template", "expire_after"},
    "number": {"command_topic", "min", "max", "step", "value_template"},
    "select": {"command_topic", "options", "value_template"},
    "switch": {"command_topic", "payload_on", "payload_off", "state_on", "state_off", "value_template"},
    "text": {"command_topic", "max", "value_template"},
    "button": {"command_topic", "payload_press"},
}
TEMPLATES = SandboxedEnvironment(undefined=StrictUndefined)  # as Home Assistant's, but unforgiving


def components(rig: Rig, *, commands: bool = True) -> dict[str, dict[str, Any]]:
    snapshot = snapshot_of(rig)
    message = json.loads(discovery(snapshot, report_of(snapshot), ROOT, commands=commands))
    assert message.keys() == {"dev", "o", "state_topic", "qos", "cmps"}
    found: dict[str, dict[str, Any]] = message["cmps"]
    return found


def shown(rig: Rig) -> dict[str, str]:
    """What each entity that shows something shows."""
    report = json.loads(to_json(report_of(snapshot_of(rig))))
    return {
        key: TEMPLATES.from_string(component["value_template"]).render(value_json=report)
        for key, component in components(rig).items()
        if "value_template" in component
    }


def test_every_entity_is_whole_and_known_by_a_name_of_its_own() -> None:
    found = components(Rig(4, series=2).start())
    for key, component in found.items():
        assert PLATFORMS[component["p"]] <= component.keys(), key
        assert component["unique_id"] == f"bms_SB0123456789_{key}"
        assert component["default_entity_id"] == f"{component['p']}.bms_sb0123456789_{key}"
        assert component["availability"][0] == {"topic": f"{ROOT}/status"}
        assert component["name"]
    assert {row.name for row in (*SETTINGS, *ACTIONS)} <= found.keys()
    assert {f"alarm_{code.name.lower()}" for code in AlarmCode} <= found.keys()
    assert {"battery_1_voltage", "battery_4_current"} <= found.keys()


def test_without_commands_there_is_nothing_to_press() -> None:
    found = components(Rig().start(), commands=False)
    assert {component["p"] for component in found.values()} == {"sensor", "binary_sensor"}


def test_what_is_measured_is_shown() -> None:
    rig = Rig().start()
    values = shown(rig)
    assert (values["soc"], values["allow_to_charge"], values["mode"]) == ("50.0", "ON", "on")
    assert (values["why_no_charge"], values["alarm_high_cell_voltage"]) == ("allowed", "OFF")
    rig.battery.cells_v[1] = 3.80
    rig.advance(2.0)
    values = shown(rig)
    assert (values["allow_to_charge"], values["alarm_high_cell_voltage"], values["cell_max"]) == ("OFF", "ON", "3.8")
    assert "battery 1 cell 2 at 3.800 V" in values["why_no_charge"]


def test_before_anything_is_read_everything_is_unknown_or_no() -> None:
    rig = Rig()
    rig.step(read=False)
    values = shown(rig)
    assert {values[key] for key in ("soc", "voltage", "current", "cell_min", "temperature_max")} == {"None"}
    assert (values["allow_to_charge"], values["allow_to_discharge"]) == ("OFF", "OFF")


def test_an_output_that_cannot_be_read_is_unknown() -> None:
    rig = Rig().start()
    outputs = ("charge_disconnect", "load_disconnect")
    rig.pins = OutputsReadBack(reachable=True, atc=True, atd=False)
    values = shown(rig)
    assert [values[key] for key in outputs] == ["ON", "OFF"]
    rig.pins = OutputsReadBack()
    values = shown(rig)
    assert [values[key] for key in outputs] == ["None", "None"]


async def test_home_assistant_hears_it_again_when_it_starts(tmp_path: Path) -> None:
    async with broker(tmp_path) as one, listening(one.port, CONFIG) as listener:
        async with at_work(made(Log(), port=one.port, homeassistant=True)):
            await listener.hears(CONFIG)
            listener.say("homeassistant/status", b"offline")
            listener.say("homeassistant/status", b"online")
            await wait_for(lambda: len(listener.of(CONFIG)) == 2, "the config again")
        async with listening(one.port, CONFIG) as later:
            assert json.loads(await later.hears(CONFIG))["cmps"]


@pytest.mark.parametrize("discovered", [True, False])
async def test_switched_off_it_leaves_nothing_behind(tmp_path: Path, discovered: bool) -> None:
    log = Log()
    async with broker(tmp_path) as one, listening(one.port, "#") as listener:
        async with at_work(made(log, port=one.port, homeassistant=discovered)):
            await listener.hears(f"{ROOT}/state")
        kept = next(iter(log.slots.values()), None)
        async with at_work(made(log, kept=kept, port=one.port)):
            await wait_for(lambda: len(listener.of(f"{ROOT}/state")) == 2, "the second start")
        assert listener.of(CONFIG)[1:] == ([b""] if discovered else [])
        async with listening(one.port, CONFIG, f"{ROOT}/status") as later:
            await later.hears(f"{ROOT}/status")
            assert not later.of(CONFIG)
