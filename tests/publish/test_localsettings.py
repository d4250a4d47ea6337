"""Settings and the device instance in a GX's localsettings, which may come and go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from dbus_fast import Message, Variant

from core.bench_battery import Rig
from ext.local_settings import LocalSettings
from publish.conftest import StageMaker
from publish.stage import DEVICE, NAME, Daemon, Peer, Stage, get_value, on_the_bus, owner_of, wait_for
from smallbms.settings import SETTINGS, Settings

FLOOR, WARNING = f"{DEVICE}/DischargeFloorPct", f"{DEVICE}/LowSocWarningPct"
INSTANCE = f"{DEVICE}/ClassAndVrmInstance"


@pytest.fixture
async def local(daemon: Daemon) -> AsyncIterator[LocalSettings]:
    """localsettings, not started."""
    service = LocalSettings(daemon.address)
    yield service
    await service.stop()


def _rig(**settings: Any) -> Rig:
    rig = Rig().start()
    rig.settings = Settings(**settings)
    return rig


class FullFlash(LocalSettings):
    """One that cannot write, until it can."""

    full = True

    def _called(self, call: Message) -> Message | bool | None:
        if self.full and call.member == "SetValue":
            return Message.new_error(call, "org.freedesktop.DBus.Error.Failed", "no space")
        return super()._called(call)


class Slow(LocalSettings):
    """One that answers AddSettings late, as on a GX that starts, until it does not."""

    slow = True

    def _called(self, call: Message) -> Message | bool | None:
        answer = super()._called(call)
        if not self.slow or call.member != "AddSettings":
            return answer
        assert self.bus is not None
        asyncio.get_running_loop().call_later(0.5, self.bus.send, answer)
        return True


async def _carried(stage: Stage, local: LocalSettings, path: str, value: object) -> None:
    """Publish until localsettings holds this."""
    async with asyncio.timeout(10):
        while local.stored.get(path) != value:
            stage.step()
            await asyncio.sleep(0.01)


async def _taken(stage: Stage, name: str, value: object) -> None:
    async with asyncio.timeout(10):
        while getattr(stage.door.settings, name) != value:
            stage.step()
            await asyncio.sleep(0.01)


async def test_every_setting_is_there_with_its_bounds(local: LocalSettings, make_stage: StageMaker, peer: Peer) -> None:
    await local.start()
    make_stage(_rig(), localsettings=True)
    await on_the_bus(peer)
    assert set(local.stored) == {INSTANCE} | {
        f"{DEVICE}/{''.join(word.capitalize() for word in row.name.split('_'))}" for row in SETTINGS
    }
    assert local.limits[FLOOR] == (0, 90) and local.limits[f"{DEVICE}/ChargedVoltageCellV"] == (3.4, 3.5)
    assert local.stored[f"{DEVICE}/Mode"] == 3 and local.stored[f"{DEVICE}/CustomName"] == ""


async def test_what_the_store_held_wins(local: LocalSettings, make_stage: StageMaker, peer: Peer) -> None:
    await local.start()
    local.stored |= {FLOOR: 40, WARNING: 50, f"{DEVICE}/CustomName": "old"}
    stage = make_stage(_rig(discharge_floor_pct=20, low_soc_warning_pct=25, custom_name="new"), localsettings=True)
    await _carried(stage, local, f"{DEVICE}/CustomName", "new")
    assert (local.stored[FLOOR], local.stored[WARNING]) == (20, 25)
    assert stage.door.settings.discharge_floor_pct == 20 and stage.changes == []


@pytest.mark.parametrize(("floor", "warning"), [(40, 50), (3, 6)])
async def test_what_localsettings_held_is_taken_over_by_an_empty_store(
    local: LocalSettings, make_stage: StageMaker, peer: Peer, floor: int, warning: int
) -> None:
    await local.start()
    local.stored |= {FLOOR: floor, WARNING: warning, f"{DEVICE}/CustomName": "Aurora", f"{DEVICE}/Mode": 252}
    stage = make_stage(_rig(), localsettings=True, settings_kept=False)
    await _taken(stage, "custom_name", "Aurora")
    now = stage.door.settings
    assert (now.discharge_floor_pct, now.low_soc_warning_pct, now.mode) == (floor, warning, 252)
    stage.step()
    await wait_for(lambda: (local.stored[FLOOR], local.stored[WARNING]) == (floor, warning))
    assert {change.origin for change in stage.changes} == {"localsettings"}


async def test_what_an_empty_store_cannot_take_over_is_said_and_put_right(
    local: LocalSettings, make_stage: StageMaker, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    await local.start()
    local.stored |= {f"{DEVICE}/CustomName": "a\nb"}
    stage = make_stage(_rig(), localsettings=True, settings_kept=False)
    await _carried(stage, local, f"{DEVICE}/CustomName", "")
    assert [r.levelno for r in caplog.records if "custom_name" in r.message] == [logging.WARNING]


async def test_changes_go_both_ways(local: LocalSettings, make_stage: StageMaker, peer: Peer) -> None:
    await local.start()
    stage = make_stage(_rig(), localsettings=True)
    await on_the_bus(peer)
    for floor in (20, 12, 20):
        assert local.set(FLOOR, floor) == 0
        await _taken(stage, "discharge_floor_pct", floor)
    await _carried(stage, local, WARNING, 21)  # raised with the floor
    stage.door.apply("tail_current_pct", 6, "web")
    await _carried(stage, local, f"{DEVICE}/TailCurrentPct", 6.0)
    stage.step()
    assert [change.origin for change in stage.changes] == ["localsettings"] * 3 + ["web"]
    assert await get_value(peer, "/Settings/Battery/DischargeFloor") == 20


async def test_a_change_that_is_refused_is_taken_back_there(
    local: LocalSettings, make_stage: StageMaker, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "smallbms")
    await local.start()
    make_stage(_rig(), localsettings=True)
    await on_the_bus(peer)
    assert local.set(WARNING, 5) == 0
    await wait_for(lambda: local.stored[WARNING] == 15)
    assert [record for record in caplog.records if "allowed is a whole number, 11…99 %" in record.message]


async def test_what_it_refuses_is_said_once(
    local: LocalSettings, make_stage: StageMaker, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    await local.start()
    stage = make_stage(_rig(), localsettings=True)
    await on_the_bus(peer)
    local.limits[FLOOR] = (0, 15)
    stage.door.apply("discharge_floor_pct", 30, "web")
    for name in ("a", "b", "c"):
        stage.door.apply("custom_name", name, "web")
        await _carried(stage, local, f"{DEVICE}/CustomName", name)
    assert len([record for record in caplog.records if "does not keep discharge_floor_pct" in record.message]) == 1
    local.limits[FLOOR] = (0, 90)
    stage.door.apply("discharge_floor_pct", 31, "web")
    await _carried(stage, local, FLOOR, 31)


async def test_its_device_instance_is_used(local: LocalSettings, make_stage: StageMaker, peer: Peer) -> None:
    await local.start()
    local.stored["/Settings/Devices/other/ClassAndVrmInstance"] = "battery:4"
    make_stage(_rig(), localsettings=True)
    await on_the_bus(peer)
    assert await get_value(peer, "/DeviceInstance") == 5


async def test_a_new_device_instance_is_a_new_appearance(
    local: LocalSettings, make_stage: StageMaker, peer: Peer
) -> None:
    await local.start()
    stage = make_stage(_rig(), localsettings=True)
    await on_the_bus(peer)
    await peer.listen("type='signal',member='NameOwnerChanged',arg0='" + NAME + "'")
    owners: list[str] = []

    def watch(message: Message) -> None:
        if message.member == "NameOwnerChanged" and message.body[0] == NAME:
            owners.append(message.body[2])

    peer.bus.add_message_handler(watch)
    owner = await owner_of(peer)
    assert local.set(INSTANCE, "battery:nonsense") == 0
    assert local.set(INSTANCE, "battery:12") == 0
    await wait_for(lambda: len(owners) == 2)
    assert owners == ["", owner]
    assert await get_value(peer, "/DeviceInstance") == 12
    stage.step(2.0)
    assert await get_value(peer, "/DeviceInstance") == 12


async def test_without_localsettings_our_own_settings_do(make_stage: StageMaker, peer: Peer) -> None:
    make_stage(_rig(custom_name="alone"), localsettings=True)
    await on_the_bus(peer)
    assert await get_value(peer, "/DeviceInstance") == 4 and await get_value(peer, "/CustomName") == "alone"


async def test_it_may_come_late_and_go_and_come_back(local: LocalSettings, make_stage: StageMaker, peer: Peer) -> None:
    stage = make_stage(_rig(custom_name="one"), localsettings=True)
    await on_the_bus(peer)
    await local.start()
    await _carried(stage, local, f"{DEVICE}/CustomName", "one")
    await local.stop()
    stage.door.apply("custom_name", "two", "web")
    stage.step()
    assert await owner_of(peer) is not None
    await local.start()
    await _carried(stage, local, f"{DEVICE}/CustomName", "two")
    await local.stop()
    local.stored.clear()
    await local.start()
    await _carried(stage, local, f"{DEVICE}/CustomName", "two")
    assert [change.origin for change in stage.changes] == ["web"]


async def test_one_that_refuses_keeps_nobody_off_the_bus(
    local: LocalSettings, make_stage: StageMaker, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    await local.start()
    local.stored[FLOOR] = "a word"
    make_stage(_rig(), localsettings=True)
    await on_the_bus(peer)
    assert [record for record in caplog.records if "localsettings is not used: " + FLOOR in record.message]
    assert (await peer.call(NAME, "/Mode", "SetValue", "v", Variant("i", 4))).body == [0]


async def test_one_that_hangs_keeps_nobody_off_the_bus(
    make_stage: StageMaker, peer: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("smallbms.publish.localsettings.START_LIMIT_S", 0.1)
    peer.bus.add_message_handler(lambda message: message.member == "AddSettings" or None)
    await peer.bus.request_name("com.victronenergy.settings")
    stage = make_stage(_rig(), localsettings=True)
    await on_the_bus(peer)
    assert [record for record in caplog.records if "localsettings is not used: no answer" in record.message]
    stage.step()
    assert await get_value(peer, "/DeviceInstance") == 4


async def test_one_that_answers_too_late_is_used_all_the_same(
    daemon: Daemon, make_stage: StageMaker, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has reserved an instance and we are on the bus with another: both come right, and settings follow."""
    monkeypatch.setattr("smallbms.publish.localsettings.START_LIMIT_S", 0.1)
    monkeypatch.setattr("velib_python.settingsdevice.FIRST_RETRY_S", 0.05)
    local = Slow(daemon.address)
    local.stored |= {"/Settings/Devices/other/ClassAndVrmInstance": "battery:4", FLOOR: 40}
    await local.start()
    stage = make_stage(_rig(), localsettings=True, settings_kept=False)
    await on_the_bus(peer)
    assert await get_value(peer, "/DeviceInstance") == 4
    local.slow = False
    await _taken(stage, "discharge_floor_pct", 40)
    stage.door.apply("custom_name", "late", "web")
    await _carried(stage, local, f"{DEVICE}/CustomName", "late")
    await on_the_bus(peer)
    assert await get_value(peer, "/DeviceInstance") == 5
    assert local.stored[INSTANCE] == "battery:5"
    assert local.set(FLOOR, 20) == 0
    await _taken(stage, "discharge_floor_pct", 20)
    await local.stop()


async def test_one_that_cannot_write_is_tried_again(
    daemon: Daemon, make_stage: StageMaker, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "smallbms")
    local = FullFlash(daemon.address)
    await local.start()
    stage = make_stage(_rig(custom_name="kept"), localsettings=True)
    async with asyncio.timeout(10):
        while len(failures := [record.levelno for record in caplog.records if "no space" in record.message]) < 2:
            stage.step()
            await asyncio.sleep(0.01)
    assert failures[0] == logging.WARNING and set(failures[1:]) == {logging.DEBUG}
    local.full = False
    await _carried(stage, local, f"{DEVICE}/CustomName", "kept")
    await local.stop()
