"""Whose the relays of a GX are, by a small localsettings on a real bus."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from ext.local_settings import LocalSettings
from private_bus import Daemon, wait_for
from smallbms.errors import ConfigError, LinkError
from smallbms.inputs import gx_relays
from smallbms.inputs.gx_relays import GxRelays

RELAYS = {"charge_disconnect": 0, "load_disconnect": 1}
OURS = {
    "/Settings/Relay/Function": 2, "/Settings/Relay/Polarity": 0, "/Settings/Relay/0/InitialState": 0,
    "/Settings/Relay/1/Function": 2, "/Settings/Relay/1/Polarity": 0, "/Settings/Relay/1/InitialState": 0,
}  # fmt: skip


@pytest.fixture
async def local(daemon: Daemon) -> AsyncIterator[LocalSettings]:
    """localsettings of a GX whose relays are ours."""
    service = LocalSettings(daemon.address)
    service.stored = dict(OURS)
    await service.start()
    yield service
    await service.stop()


@contextlib.asynccontextmanager
async def followed(daemon: Daemon) -> AsyncIterator[tuple[GxRelays, list[str]]]:
    """The relays at work, and a note for each change that was told."""
    told: list[str] = []
    relays = GxRelays(daemon.address, RELAYS, lambda: told.append(", ".join(relays.faults)))
    await relays.start()
    task = asyncio.create_task(relays.run())
    try:
        yield relays, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("gone", [None, "/Settings/Relay/Polarity", "/Settings/Relay/0/InitialState"])
async def test_manual_and_normally_open_is_ours(daemon: Daemon, local: LocalSettings, gone: str | None) -> None:
    local.stored.pop(gone, None)  # an older Venus OS
    relays = GxRelays(daemon.address, RELAYS, lambda: None)
    await relays.start()
    assert relays.faults == {}


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("/Settings/Relay/Function", 0, "relay 0: its function is 0, it must be Manual (2)"),
        ("/Settings/Relay/1/Function", 4, "relay 1: its function is 4, it must be Manual (2)"),
        ("/Settings/Relay/Polarity", 1, "relay 0: its polarity must be Normally open"),
        ("/Settings/Relay/1/Polarity", 1, "relay 1: its polarity must be Normally open"),
        ("/Settings/Relay/1/Function", None, "relay 1: this Venus OS has no function for it"),
    ],
)
async def test_anything_else_is_refused_at_the_start(
    daemon: Daemon, local: LocalSettings, path: str, value: int | None, says: str
) -> None:
    if value is None:
        del local.stored[path]
    else:
        local.stored[path] = value
    with pytest.raises(ConfigError) as refused:
        await GxRelays(daemon.address, RELAYS, lambda: None).start()
    assert str(refused.value).startswith(says)
    assert "Settings → Relay" in str(refused.value)


async def test_the_start_of_a_gx_closes_none(daemon: Daemon, local: LocalSettings) -> None:
    local.stored["/Settings/Relay/0/InitialState"] = 1
    async with followed(daemon):
        assert local.stored["/Settings/Relay/0/InitialState"] == 0
        local.set("/Settings/Relay/1/InitialState", 1)  # a toggle in the GUI
        await wait_for(lambda: local.stored["/Settings/Relay/1/InitialState"] == 0)


async def test_a_function_that_is_changed_takes_its_own_output_and_gives_it_back(
    daemon: Daemon, local: LocalSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "smallbms.inputs.gx_relays")
    async with followed(daemon) as (relays, told):
        local.set("/Settings/Relay/1/Function", 4)
        await wait_for(lambda: told == ["load_disconnect"])
        assert "relay 1: its function is 4" in relays.faults["load_disconnect"]
        assert "load_disconnect is kept off: relay 1" in caplog.text
        local.set("/Settings/Relay/1/Function", 2)
        await wait_for(lambda: told == ["load_disconnect", ""])
        assert "its relay is ours again; acknowledge the fault" in caplog.text


async def test_a_localsettings_that_is_gone_changes_nothing_and_is_heard_again(
    daemon: Daemon, local: LocalSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gx_relays, "LOOK_S", 0.05)
    monkeypatch.setattr(gx_relays, "RETRY_S", 0.05)
    async with followed(daemon) as (relays, told):
        local.set("/Settings/Relay/Function", 1)
        await wait_for(lambda: told == ["charge_disconnect"])
        await local.stop()
        await wait_for(lambda: "the settings of the relays cannot be read" in caplog.text)
        assert "charge_disconnect" in relays.faults
        await daemon.kill()
        await daemon.start()
        local.stored["/Settings/Relay/Function"] = 2
        await local.start()
        await wait_for(lambda: told == ["charge_disconnect", ""])


@pytest.mark.parametrize("bus", ["unix:path=/nowhere/bus", "nonsense"])
async def test_without_localsettings_nothing_is_ours(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gx_relays, "START_LIMIT_S", 0.2)
    monkeypatch.setattr(gx_relays, "RETRY_S", 0.05)
    with pytest.raises(LinkError, match="whose the relays are, localsettings does not say"):
        await GxRelays(bus, RELAYS, lambda: None).start()


async def test_one_that_does_not_keep_them_open_is_warned_of(
    daemon: Daemon, local: LocalSettings, caplog: pytest.LogCaptureFixture
) -> None:
    local.stored["/Settings/Relay/0/InitialState"] = 1
    local.limits["/Settings/Relay/0/InitialState"] = (1, 1)
    await GxRelays(daemon.address, RELAYS, lambda: None).start()
    assert "does not let relay 0 be open after a start" in caplog.text
