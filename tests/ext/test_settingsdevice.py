"""Settings kept by localsettings, as its clients see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from dbus_fast import Message

from private_bus import Daemon, wait_for
from velib_python.connection import Connection
from velib_python.errors import DbusError, SettingRefusedError
from velib_python.settingsdevice import Setting, SettingsDevice, allocate_vrm_instance

from .local_settings import LocalSettings

SETTINGS = {
    "limit": Setting("/Settings/Bms/Limit", 50, 0, 100),
    "voltage": Setting("/Settings/Bms/Voltage", 3.5, 2.5, 3.65, silent=True),
    "name": Setting("/Settings/Bms/Name", "House"),
}


@pytest.fixture
async def local_settings(daemon: Daemon) -> AsyncIterator[LocalSettings]:
    running = LocalSettings(daemon.address)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def changes() -> list[tuple[str, Any, Any]]:
    return []


@pytest.fixture
async def device(bus: Connection, local_settings: LocalSettings, changes: list[tuple[str, Any, Any]]) -> SettingsDevice:
    device = SettingsDevice(bus, SETTINGS, lambda *change: changes.append(change))
    assert await device.start()
    return device


async def test_settings_are_added_with_type_and_limits(device: SettingsDevice, local_settings: LocalSettings) -> None:
    sent = [{key: entry.value for key, entry in request.items()} for request in local_settings.requests]
    assert sent == [
        {"path": "/Settings/Bms/Limit", "default": 50, "min": 0, "max": 100},
        {"path": "/Settings/Bms/Voltage", "default": 3.5, "min": 2.5, "max": 3.65, "silent": 1},
        {"path": "/Settings/Bms/Name", "default": "House"},
    ]
    assert [device[alias] for alias in SETTINGS] == [50, 3.5, "House"]
    assert device.available


async def test_a_stored_value_wins_over_the_default(bus: Connection, local_settings: LocalSettings) -> None:
    local_settings.stored["/Settings/Bms/Limit"] = 77
    device = SettingsDevice(bus, SETTINGS)
    await device.start()
    assert device["limit"] == 77


async def test_we_write_and_others_write(
    device: SettingsDevice, local_settings: LocalSettings, changes: list[tuple[str, Any, Any]]
) -> None:
    await device.set_value("limit", 60)
    assert local_settings.stored["/Settings/Bms/Limit"] == 60
    local_settings.set("/Settings/Bms/Name", "Boat")
    await wait_for(lambda: device["name"] == "Boat")
    assert changes == [("limit", 50, 60), ("name", "House", "Boat")]
    with pytest.raises(SettingRefusedError, match="101") as refusal:
        await device.set_value("limit", 101)
    assert (refusal.value.path, refusal.value.code, device["limit"]) == ("/Settings/Bms/Limit", -1, 60)


@pytest.mark.parametrize(
    ("setting", "code", "reason"),
    [
        (Setting("/Elsewhere/X", 1), -9, "must start with /Settings/"),
        (Setting("/Settings/Bms/Flag", True), -3, "whole number"),
        (Setting("/Settings/Old", 1), -5, "another type"),
    ],
)
async def test_refusals_say_why(
    bus: Connection, local_settings: LocalSettings, setting: Setting, code: int, reason: str
) -> None:
    local_settings.stored["/Settings/Old"] = "text"
    with pytest.raises(SettingRefusedError, match=reason) as refusal:
        await SettingsDevice(bus, {"x": setting}).start()
    assert refusal.value.code == code


async def test_localsettings_may_come_later_and_restart(daemon: Daemon, bus: Connection) -> None:
    changes: list[tuple[str, Any, Any]] = []
    device = SettingsDevice(bus, SETTINGS, lambda *change: changes.append(change))
    assert not await device.start()
    assert device["limit"] == 50 and not device.available
    local_settings = LocalSettings(daemon.address)
    local_settings.stored["/Settings/Bms/Limit"] = 20
    await local_settings.start()
    await wait_for(lambda: device.available)
    assert device["limit"] == 20
    await local_settings.stop()
    await wait_for(lambda: not device.available)
    local_settings.stored["/Settings/Bms/Limit"] = 30
    await local_settings.start()
    await wait_for(lambda: device["limit"] == 30)
    assert changes == [("limit", 50, 20), ("limit", 20, 30)]
    local_settings.set("/Settings/Bms/Limit", 31)
    await wait_for(lambda: device["limit"] == 31)
    await local_settings.stop()


async def test_a_refusal_after_a_restart_is_not_fatal(
    bus: Connection, device: SettingsDevice, local_settings: LocalSettings
) -> None:
    await local_settings.stop()
    await wait_for(lambda: not device.available)
    local_settings.stored["/Settings/Bms/Limit"] = "text now"
    asked = len(local_settings.requests)
    await local_settings.start()
    await wait_for(lambda: len(local_settings.requests) > asked)
    await bus.call_daemon("GetId")
    assert not device.available and not bus.closed and device["limit"] == 50


class Troubled(LocalSettings):
    """One that answers AddSettings late, or with an error, as long as `trouble` says."""

    trouble = ""

    def _called(self, call: Message) -> Message | bool | None:
        if call.member == "AddSettings" and self.trouble == "error":
            return Message.new_error(call, "org.freedesktop.DBus.Error.Failed", "no space")
        answer = super()._called(call)
        if call.member == "AddSettings" and self.trouble == "late":
            assert self.bus is not None
            asyncio.get_running_loop().call_later(0.3, self.bus.send, answer)
            return True
        return answer


@pytest.fixture
async def troubled(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Troubled]:
    monkeypatch.setattr("velib_python.settingsdevice.FIRST_RETRY_S", 0.05)
    running = Troubled(daemon.address)
    await running.start()
    yield running
    await running.stop()


@pytest.mark.parametrize(("trouble", "error"), [("late", TimeoutError), ("error", DbusError)])
async def test_a_start_that_fails_is_tried_again(
    bus: Connection, troubled: Troubled, trouble: str, error: type[Exception]
) -> None:
    changes: list[tuple[str, Any, Any]] = []
    troubled.trouble = trouble
    troubled.stored["/Settings/Bms/Limit"] = 20
    device = SettingsDevice(bus, SETTINGS, lambda *change: changes.append(change))
    with pytest.raises(error):
        async with asyncio.timeout(0.2):
            await device.start()
    assert not device.available and changes == []
    troubled.trouble = ""
    await wait_for(lambda: device.available)
    assert changes == [("limit", 50, 20)]
    troubled.set("/Settings/Bms/Limit", 31)
    await wait_for(lambda: device["limit"] == 31)


async def test_a_daemon_that_does_not_listen_for_us_is_asked_again_for_that_only(
    bus: Connection, troubled: Troubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    call_daemon = bus.call_daemon

    async def full_at_the_second(member: str, signature: str = "", *arguments: Any) -> list[Any]:
        if member == "AddMatch":
            asked.append(arguments[0])
            if len(asked) == 2:
                raise DbusError("org.freedesktop.DBus.Error.LimitsExceeded", "too many rules")
        return await call_daemon(member, signature, *arguments)

    monkeypatch.setattr(bus, "call_daemon", full_at_the_second)
    device = SettingsDevice(bus, SETTINGS)
    with pytest.raises(DbusError, match="too many rules"):
        await device.start()
    await wait_for(lambda: device.available)
    assert len(asked) == len(set(asked)) + 1
    troubled.set("/Settings/Bms/Limit", 31)
    await wait_for(lambda: device["limit"] == 31)


async def test_a_refusal_that_lasts_is_said_once_and_its_end_is_seen(
    bus: Connection, troubled: Troubled, caplog: pytest.LogCaptureFixture
) -> None:
    device = SettingsDevice(bus, SETTINGS)
    await device.start()
    await troubled.stop()
    await wait_for(lambda: not device.available)
    troubled.stored["/Settings/Bms/Limit"] = "text now"
    troubled.requests.clear()
    await troubled.start()
    await wait_for(lambda: len(troubled.requests) > 2 * len(SETTINGS))
    del troubled.stored["/Settings/Bms/Limit"]
    await wait_for(lambda: device.available)
    assert [record.message for record in caplog.records] == [
        "localsettings is not used: /Settings/Bms/Limit: the stored setting has another type (-5)"
    ]


async def test_the_instance_is_the_one_really_allocated(bus: Connection, local_settings: LocalSettings) -> None:
    local_settings.stored["/Settings/Devices/other/ClassAndVrmInstance"] = "battery:1"
    assert await allocate_vrm_instance(bus, "smallbms_SB01", "battery", 1) == 2
    assert await allocate_vrm_instance(bus, "smallbms_SB02", "battery", 1) == 3
    assert await allocate_vrm_instance(bus, "smallbms_SB01", "battery", 9) == 2
