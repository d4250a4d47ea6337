"""What becomes of the service when the bus stands still, goes, comes back, or knows another of its name."""

from __future__ import annotations

import asyncio
import logging

import pytest
from dbus_fast import RequestNameReply, Variant
from dbus_fast.aio import MessageBus

from core.bench_battery import Rig
from publish.conftest import StageMaker
from publish.snapshots import rows_of, snapshot_of
from publish.stage import (
    NAME,
    Daemon,
    Peer,
    Stage,
    changes_in,
    get_items,
    get_value,
    off_the_bus,
    on_the_bus,
    owner_of,
    wait_for,
)
from smallbms.config_tables import DBusTable
from smallbms.door import Door
from smallbms.publish.dbus import DbusPublisher
from smallbms.settings import Settings


def _failures(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if "not on the bus" in record.message]


async def test_a_bus_that_stands_still_holds_nobody_up_and_gets_the_newest(
    stage: Stage, peer: Peer, daemon: Daemon
) -> None:
    owner = await owner_of(peer)
    await peer.listen()
    daemon.stop()
    for step in range(1, 2001):
        stage.rig.each(current_a=-float(step))
        stage.step(1.0)
    daemon.resume()

    def told() -> list[float]:
        return [items["/Dc/0/Current"]["Value"].value for items in changes_in(peer.signals) if "/Dc/0/Current" in items]

    await wait_for(lambda: told()[-1:] == [-2000.0])
    assert told() == sorted(told(), reverse=True) and len(told()) < 2000
    assert await get_value(peer, "/Dc/0/Current") == -2000.0
    assert await owner_of(peer) == owner


async def test_back_with_everything_after_the_bus_was_gone(
    stage: Stage, peer: Peer, daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "smallbms")
    await daemon.kill()
    await wait_for(lambda: len(_failures(caplog)) >= 2)
    stage.rig.each(current_a=7.0)
    stage.step()
    await daemon.start()
    began_s = asyncio.get_running_loop().time()
    client = Peer(await MessageBus(bus_address=daemon.address).connect())
    await on_the_bus(client)
    assert asyncio.get_running_loop().time() - began_s < 4.0
    items = await get_items(client)
    assert items["/Dc/0/Current"]["Value"] == Variant("d", 7.0)
    assert items.keys() == rows_of(snapshot_of(stage.rig)).keys()
    await client.close()
    levels = [record.levelno for record in _failures(caplog)]
    assert levels[0] == logging.WARNING and set(levels[1:]) == {logging.DEBUG}
    assert [r.levelno for r in caplog.records if "is on the bus" in r.message] == [logging.INFO]


async def test_a_name_that_is_taken_is_said_and_tried_again(
    make_stage: StageMaker, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    assert await peer.bus.request_name(NAME) is RequestNameReply.PRIMARY_OWNER
    caplog.set_level(logging.DEBUG, "smallbms")
    make_stage(Rig().start())
    await wait_for(lambda: len(_failures(caplog)) >= 2)
    first, second = _failures(caplog)[:2]
    assert first.levelno == logging.WARNING and NAME in first.message and "another instance" in first.message
    assert second.levelno == logging.DEBUG
    await peer.bus.release_name(NAME)
    assert await on_the_bus(peer) != peer.bus.unique_name


async def test_leaves_the_bus_with_its_task(stage: Stage, peer: Peer) -> None:
    await stage.stop()
    await off_the_bus(peer)
    stage.step()


async def test_a_wrong_address_stops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    table = DBusTable(bus="unix:nonsense", localsettings=False)
    publisher = DbusPublisher(table, name=NAME, door=Door(Settings(), lambda change: None))
    publisher.publish(snapshot_of(Rig().start()))
    task = asyncio.create_task(publisher.run())
    await wait_for(lambda: caplog.records)
    assert "unix:nonsense" in caplog.records[0].message and not task.done()
    task.cancel()
    await asyncio.wait([task])
