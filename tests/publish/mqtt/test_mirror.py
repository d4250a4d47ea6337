"""The topics of a GX: what a client of Venus OS sees at a broker that is not one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.bench_battery import Rig
from publish.snapshots import snapshot_of, values_of
from smallbms.changes import Change
from smallbms.door import Door
from smallbms.errors import SettingsError
from smallbms.publish.mqtt.connection import Message
from smallbms.publish.mqtt.mirror import ALIVE_S, VenusMirror

ID = "0123456789ab"
PLACE = f"N/{ID}/battery/4"


class Stage:
    """A mirror, the batteries behind it, and a client."""

    def __init__(self) -> None:
        self.rig = Rig().start()
        self.changes: list[Change] = []
        self.door = Door(self.rig.settings, self.changes.append)
        self.mirror = VenusMirror(ID, self.door, "MQTT here", commands=True)
        self.mirror.begin()
        self.now_s = 0.0
        self.step(0.0)

    def step(self, seconds: float = 1.0) -> None:
        self.now_s += seconds
        self.rig.settings = self.door.settings
        self.rig.advance(seconds)
        self.mirror.show(snapshot_of(self.rig), self.now_s)

    def asks(self, topic: str, payload: object = None, *, retain: bool = False) -> None:
        data = payload if isinstance(payload, bytes) else b"" if payload is None else json.dumps(payload).encode()
        self.mirror.received(Message(topic, data, retain=retain), self.now_s)

    def heard(self) -> dict[str, Any]:
        """All that is said now."""
        found = {}
        while message := self.mirror.due(self.now_s):
            found[message.topic] = json.loads(message.payload)
        return found


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_at_first_it_only_says_that_it_is_there(stage: Stage) -> None:
    assert stage.heard() == {
        f"N/{ID}/system/0/Serial": {"value": ID},
        f"N/{ID}/keepalive": 1,
        f"N/{ID}/platform/0/Firmware/Installed/Version": {"value": "v3.70"},
        f"N/{ID}/settings/0/Settings/SystemSetup/SystemName": {"value": ""},
    }
    stage.step()
    assert stage.heard() == {}


@pytest.mark.parametrize("topic", ["keepalive", "system/0/Serial"])
def test_a_keepalive_brings_every_path_once_and_then_what_changes(stage: Stage, topic: str) -> None:
    stage.heard()
    stage.asks(f"R/{ID}/{topic}")
    heard = stage.heard()
    assert heard.pop(f"N/{ID}/heartbeat")["value"] > 1.7e9
    assert heard.pop(f"N/{ID}/full_publish_completed")["value"] > 1.7e9
    values = values_of(snapshot_of(stage.rig))
    assert {topic: payload["value"] for topic, payload in heard.items()} == {
        PLACE + path: value for path, value in values.items()
    }
    assert heard[f"{PLACE}/Settings/Battery/DischargeFloor"] == {"max": 90, "min": 0, "value": 10}
    stage.rig.battery.cells_v[0] = 3.31
    stage.step()
    assert heard.keys() > stage.heard().keys() >= {f"{PLACE}/System/MaxCellVoltage"}


def test_after_a_minute_of_silence_it_is_silent_too(stage: Stage) -> None:
    stage.asks(f"R/{ID}/keepalive", {"keepalive-options": ["suppress-republish"]})
    assert f"{PLACE}/Soc" not in stage.heard()
    stage.rig.battery.current_a = 10.0
    stage.step(ALIVE_S - 1)
    assert stage.heard()[f"{PLACE}/Dc/0/Current"] == {"value": 10.0}
    stage.rig.battery.current_a = 20.0
    stage.step(2)
    assert stage.heard() == {}


def test_the_end_of_a_full_publish_is_told_with_its_echo(stage: Stage) -> None:
    options = {"keepalive-options": [{"full-publish-completed-echo": "x1"}]}
    for _ in range(5):
        stage.asks(f"R/{ID}/keepalive", options)
    ends = []
    while message := stage.mirror.due(stage.now_s):
        if message.topic.endswith("full_publish_completed"):
            ends.append(json.loads(message.payload)["full-publish-completed-echo"])
    assert ends == ["x1"] * 3  # at most three a second


def test_a_leaf_or_a_subtree_is_read_when_asked_for(stage: Stage) -> None:
    stage.heard()
    stage.asks(f"R/{ID}/battery/4/Soc")
    assert stage.heard() == {f"{PLACE}/Soc": {"value": 50.0}}
    stage.asks(f"R/{ID}/battery/4/Dc/0")
    assert stage.heard().keys() == {f"{PLACE}/Dc/0/{name}" for name in ("Voltage", "Current", "Power", "Temperature")}
    stage.asks(f"R/{ID}/battery/4")
    assert len(stage.heard()) == len(values_of(snapshot_of(stage.rig)))
    stage.asks(f"R/{ID}/battery/5/Soc")
    assert stage.heard() == {}


def test_a_lost_battery_reads_as_null(stage: Stage) -> None:
    stage.asks(f"R/{ID}/keepalive")
    stage.heard()
    stage.rig.battery.answers = False
    for _ in range(40):
        stage.step()
    assert stage.heard()[f"{PLACE}/Battery/1/Voltage"] == {"value": None}


def test_a_write_goes_through_the_door_and_comes_back(stage: Stage) -> None:
    stage.asks(f"R/{ID}/keepalive")
    stage.heard()
    stage.asks(f"W/{ID}/battery/4/Settings/Battery/DischargeFloor", {"value": 20})
    stage.asks(f"W/{ID}/battery/4/Mode", {"value": 4})
    assert [change.origin for change in stage.changes] == ["MQTT here"] * 2
    stage.step()
    heard = stage.heard()
    assert heard[f"{PLACE}/Settings/Battery/DischargeFloor"]["value"] == 20
    assert heard[f"{PLACE}/Mode"]["value"] == 4


def test_a_write_that_the_broker_keeps_is_not_obeyed(stage: Stage) -> None:
    """It would come again at each connection: at each the state of charge would be set."""
    stage.asks(f"W/{ID}/battery/4/Settings/Battery/StateOfCharge", {"value": 100}, retain=True)
    stage.asks(f"W/{ID}/battery/4/Mode", {"value": 4}, retain=True)
    assert stage.changes == []


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("Soc", {"value": 50}),
        ("Nowhere", {"value": 50}),
        ("Settings/Battery/DischargeFloor", {"value": 95}),
        ("Settings/Battery/DischargeFloor", {"value": None}),
        ("Settings/Battery/DischargeFloor", {"value": [1]}),
        ("Settings/Battery/DischargeFloor", {}),
        ("Settings/Battery/DischargeFloor", 20),
        ("Settings/Battery/DischargeFloor", b"\xff\x00"),
        ("Settings/Battery/DischargeFloor", b"[" * 100_000),
        ("Mode", {"value": 7}),
    ],
)
def test_a_wrong_write_is_refused_and_shows_what_holds(stage: Stage, path: str, payload: object) -> None:
    stage.heard()
    with pytest.raises(SettingsError):
        stage.asks(f"W/{ID}/battery/4/{path}", payload)
    assert stage.changes == []
    values = values_of(snapshot_of(stage.rig))
    holds = {f"{PLACE}/{path}": values[f"/{path}"]} if f"/{path}" in values else {}
    assert {topic: said["value"] for topic, said in stage.heard().items()} == holds


def test_a_write_of_what_is_there_already_is_shown_again(stage: Stage) -> None:
    stage.asks(f"R/{ID}/keepalive")
    stage.heard()
    stage.asks(f"W/{ID}/battery/4/Settings/Battery/DischargeFloor", {"value": 10})
    stage.step()
    assert stage.heard()[f"{PLACE}/Settings/Battery/DischargeFloor"]["value"] == 10


@pytest.mark.parametrize("payload", [b"\xff", b"[", b"1", b'"x"', {"keepalive-options": 1}, [{"a": 1}], b"x" * 10_000])
def test_an_odd_keepalive_is_a_keepalive(stage: Stage, payload: object) -> None:
    stage.asks(f"R/{ID}/keepalive", payload)
    assert f"{PLACE}/Soc" in stage.heard()


def test_leaving_empties_every_topic(stage: Stage) -> None:
    said = {message.topic: message.payload for message in stage.mirror.goodbye()}
    assert set(said.values()) == {b""}
    assert said.keys() >= {PLACE + path for path in values_of(snapshot_of(stage.rig))}


def test_a_frozen_broker_costs_one_value_a_path(stage: Stage) -> None:
    stage.asks(f"R/{ID}/keepalive")
    for step in range(50):
        stage.rig.battery.current_a = float(step)
        stage.step()
        stage.asks(f"R/{ID}/keepalive", {"keepalive-options": ["suppress-republish"]})
    currents = []
    while message := stage.mirror.due(stage.now_s):
        if message.topic == f"{PLACE}/Dc/0/Current":
            currents.append(json.loads(message.payload)["value"])
    assert currents == [49.0]
