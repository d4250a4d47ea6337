"""The whole service and a real broker: what a program at the broker hears, and what it may change."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from victron_mqtt import DeviceType, Hub
from victron_mqtt._victron_enums import BMSMode
from victron_mqtt.writable_metric import WritableMetric

from publish.mqtt.mosquitto import Listener, Mosquitto, broker, listening

from .harness import BOTH_OFF, NO_CHARGE, System, running
from .programs import wait_for


class Bms:
    """A running system, its topics, and another program at its broker."""

    def __init__(self, system: System, one: Mosquitto, listener: Listener, root: str) -> None:
        self.system = system
        self.broker = one
        self.listener = listener
        self.root = root

    async def state(self, **wanted: object) -> dict[str, Any]:
        """The newest report that shows this."""
        payload = await self.listener.hears(
            f"{self.root}/state", lambda payload: wanted.items() <= json.loads(payload).items()
        )
        return dict(json.loads(payload))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.listener.of(f"{self.root}/event")]

    async def trip(self) -> None:
        """A cell too high, and well again."""
        self.system.pack.cells_v[2] = 3.76
        await self.system.shows(NO_CHARGE)

    async def result(self, name: str, payload: bytes) -> dict[str, Any]:
        """The answer to a wish."""
        before = len(self.listener.of(f"{self.root}/set/{name}/result"))
        self.listener.say(f"{self.root}/set/{name}", payload)
        topic = f"{self.root}/set/{name}/result"
        await wait_for(lambda: len(self.listener.of(topic)) > before, "an answer to a wish")
        return dict(json.loads(self.listener.of(topic)[-1]))


@asynccontextmanager
async def at_a_broker(folder: Path, *, commands: bool = True, also: str = "") -> AsyncIterator[Bms]:
    async with broker(folder) as one, listening(one.port, "device/#") as listener:
        extra = f'[[mqtt]]\nhost = "127.0.0.1"\nport = {one.port}\ncommands = {str(commands).lower()}\n{also}'
        async with running(folder, extra=extra) as system:
            await wait_for(lambda: listener.messages, "anything at the broker")
            yield Bms(system, one, listener, listener.messages[0][0].rpartition("/")[0])


async def test_a_program_at_the_broker_hears_everything(tmp_path: Path) -> None:
    async with at_a_broker(tmp_path) as bms:
        assert await bms.listener.hears(f"{bms.root}/status") == b"online"
        assert await bms.listener.hears(f"{bms.root}/link", lambda payload: payload == b"online")
        report = await bms.state(allow_to_charge=True, soc_pct=60.0)
        assert report["version"] == 1
        assert report["batteries"][0]["cell_voltages_v"] == [3.3, 3.301, 3.302, 3.303]
        assert report["outputs"]["charge_disconnect"] is True
        await bms.trip()
        report = await bms.state(allow_to_charge=False, allow_to_discharge=True)
        assert [(r["code"], r["cell"], r["limit"]) for r in report["reasons"]] == [("high_cell", 3, 3.75)]
        await wait_for(lambda: [e for e in bms.events() if e["code"] == "high_cell"], "the event")
        await bms.system.main.terminate()
        assert await bms.listener.hears(f"{bms.root}/status", lambda payload: payload == b"offline")


async def test_a_killed_bms_is_offline_by_its_will(tmp_path: Path) -> None:
    async with at_a_broker(tmp_path) as bms:
        await bms.system.main.kill()
        assert await bms.listener.hears(f"{bms.root}/status", lambda payload: payload == b"offline")


async def test_a_wish_is_answered_with_what_holds_or_why_not(tmp_path: Path) -> None:
    async with at_a_broker(tmp_path) as bms:
        assert await bms.result("discharge_floor_pct", b"20") == {"accepted": True, "value": 20}
        assert await bms.result("discharge_floor_pct", b'"20.0"') == {"accepted": True, "value": 20}
        assert await bms.result("mode", b"on") == {"accepted": True, "value": 3}
        assert await bms.result("soc_pct", b"61.5") == {"accepted": True, "value": 61.5}
        await bms.system.shows({"/Settings/Battery/DischargeFloor": 20})
        refused = await bms.result("discharge_floor_pct", b"95")
        assert not refused["accepted"]
        assert "0…90" in refused["reason"]
        for payload in (b"", b"\xff\xfe", b"{}", b"[1]", b"NaN", b"x" * 1_000_000):
            assert not (await bms.result("discharge_floor_pct", payload))["accepted"]
        assert not (await bms.result("nonsense", b"1"))["accepted"]
        await bms.system.shows({"/Settings/Battery/DischargeFloor": 20})
        await wait_for(lambda: [e for e in bms.events() if "MQTT 127.0.0.1" in e["text"]], "who changed it")


async def test_without_leave_nothing_is_changed(tmp_path: Path) -> None:
    async with at_a_broker(tmp_path, commands=False) as bms:
        bms.listener.say(f"{bms.root}/set/discharge_floor_pct", b"20")
        await bms.system.more_beats(4)
        await bms.system.shows({"/Settings/Battery/DischargeFloor": 10})
        assert not bms.listener.of(f"{bms.root}/set/discharge_floor_pct/result")


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
async def test_what_happens_while_the_broker_is_away_is_told_when_it_is_back(tmp_path: Path, trouble: str) -> None:
    async with at_a_broker(tmp_path) as bms:
        if trouble == "killed":
            bms.broker.kill()
        else:
            bms.broker.signal(signal.SIGSTOP)
        await bms.trip()
        if trouble == "killed":
            await bms.broker.start()
        else:
            bms.broker.signal(signal.SIGCONT)
        async with listening(bms.broker.port, "device/#") as again:
            topic = f"{bms.root}/event"
            heard = [*bms.listener.messages, *again.messages]
            await wait_for(
                lambda: any(
                    topic == name and b"high_cell" in payload
                    for name, payload, _ in (*bms.listener.messages, *again.messages)
                ),
                f"the event, heard so far {heard}",
            )
        ids = [event["id"] for event in bms.events()]
        assert len(ids) == len(set(ids))


async def test_a_client_of_venus_os_finds_the_battery_and_switches_it(tmp_path: Path) -> None:
    """victron-mqtt, which Home Assistant's integration for a GX is made of."""
    async with at_a_broker(tmp_path, also="venus = true\n") as bms:
        await bms.state(soc_pct=60.0)
        hub = Hub("127.0.0.1", bms.broker.port, None, None, use_ssl=False)
        try:
            await hub.connect()
            await hub.wait_for_first_refresh()
            (battery,) = [device for device in hub.devices.values() if device.device_type is DeviceType.BATTERY]
            await wait_for(lambda: len(battery.metrics) > 50, "what it knows of a battery")
            figures = {metric.short_id: metric.value for metric in battery.metrics}
            assert (figures["battery_soc"], figures["battery_voltage"]) == (60.0, 13.21)
            mode = battery.get_metric("battery_bms_mode")
            assert isinstance(mode, WritableMetric)
            mode.set("Standby")
            await bms.system.shows({**BOTH_OFF, "/Mode": 252})
            await wait_for(lambda: mode.value == BMSMode.STANDBY, "the mode back at the client")
        finally:
            await hub.disconnect()
