"""What a broker must not miss, it does not miss, whatever becomes of the broker."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from random import Random

import pytest

from core.bench_battery import Rig
from publish.mqtt.dying_broker import DyingBroker
from publish.mqtt.mosquitto import broker, listening, wait_for
from publish.mqtt.test_publisher import ROOT, Log, at_work, made
from publish.snapshots import snapshot_of
from smallbms.errors import StoreError
from smallbms.publish.mqtt import Minutes, uplink
from smallbms.publish.mqtt import broker as publisher_of
from smallbms.store import LoggedEvent

DEATHS, EVENTS = 100, 1000
FROM_THE_FIRST = {"event": 0, "minute": 0}


@pytest.mark.parametrize("seed", range(3))
async def test_a_broker_that_dies_100_times_gets_every_event_in_order(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(publisher_of, "FIRST_RETRY_S", 0.005)  # 100 deaths in seconds and not in hours
    monkeypatch.setattr(publisher_of, "STEADY_S", 0.0)
    log = Log()
    log.logged = [LoggedEvent(sequence=2 * n, event={}) for n in range(1, EVENTS + 1)]
    one = DyingBroker(DEATHS, Random(seed))
    port = await one.start()
    try:
        async with at_work(made(log, port=port)):
            await wait_for(lambda: len(one.acknowledged) == EVENTS, "every event")
    finally:
        await one.stop()
    assert one.deaths_left == 0
    first_heard = list(dict.fromkeys(one.events))  # a repeat bears the same id
    assert first_heard == [2 * n for n in range(1, EVENTS + 1)]
    assert one.events == sorted(one.events)


class Poor(Log):
    """One whose minutes cannot be read."""

    async def minutes_after(self, sequence: int, most: int) -> list[LoggedEvent]:
        raise StoreError("the minutes are damaged")


async def test_an_event_overtakes_the_minutes_that_wait(tmp_path: Path) -> None:
    log = Log()
    log.minutes = [LoggedEvent(sequence=n, event={}) for n in range(1, 3001)]
    async with (
        broker(tmp_path) as one,
        listening(one.port, f"{ROOT}/event", f"{ROOT}/minute") as listener,
        at_work(made(log, kept=FROM_THE_FIRST, port=one.port)) as publisher,
    ):
        await listener.hears(f"{ROOT}/minute")
        log.logged = [LoggedEvent(sequence=1, event={})]
        publisher.wake()
        await listener.hears(f"{ROOT}/event")
        await wait_for(lambda: len(listener.of(f"{ROOT}/minute")) == 3000, "every minute")
    kinds = [topic.rpartition("/")[2] for topic, _, _ in listener.messages]
    assert kinds.index("event") < 3000
    numbers = [int(json.loads(payload)["id"].rpartition("-")[2]) for payload in listener.of(f"{ROOT}/minute")]
    assert numbers == list(range(1, 3001))


@pytest.mark.parametrize("kind", [Log, Poor])
async def test_minutes_that_cannot_be_had_hold_up_no_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: type[Log]
) -> None:
    log = kind()
    (tmp_path / "acl").write_text(f"topic write {ROOT}/event\ntopic read #\n", encoding="utf-8")
    log.minutes = [LoggedEvent(sequence=1, event={})]
    async with (
        broker(tmp_path, f"acl_file {tmp_path}/acl") as one,
        listening(one.port, f"{ROOT}/event") as listener,
        at_work(made(log, kept=FROM_THE_FIRST, port=one.port)) as publisher,
    ):
        await wait_for(lambda: "minute, it waits" in caplog.text or "minutes wait" in caplog.text, caplog.text)
        for number in (1, 2):
            log.logged.append(LoggedEvent(sequence=number, event={}))
            publisher.wake()
            await listener.hears(f"{ROOT}/event", lambda payload, end=b'event-%d"}' % number: payload.endswith(end))
    assert len([line for line in caplog.messages if "wait" in line]) == 1


async def test_what_was_refused_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uplink, "LOOK_AGAIN_S", 0.1)
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n", encoding="utf-8")
    log = Log()
    log.logged = log.minutes = [LoggedEvent(sequence=1, event={})]
    async with (
        broker(tmp_path, f"acl_file {acl}") as one,
        listening(one.port, f"{ROOT}/#") as listener,
        at_work(made(log, kept=FROM_THE_FIRST, port=one.port)),
    ):
        await wait_for(lambda: "event, it waits" in caplog.text and "minute, it waits" in caplog.text, caplog.text)
        acl.write_text("topic readwrite #\n", encoding="utf-8")
        one.signal(signal.SIGHUP)
        await listener.hears(f"{ROOT}/event")
        await listener.hears(f"{ROOT}/minute")


async def test_a_broker_does_not_miss_what_it_heard_while_another_was_away(tmp_path: Path) -> None:
    log, rig = Log(), Rig()
    rig.step()
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    async with broker(tmp_path / "here") as here, broker(tmp_path / "there") as there:
        there.end()
        async with at_work(made(log, port=here.port)) as connected, at_work(made(log, port=there.port)) as away:
            await wait_for(lambda: not connected.is_away, "the connection")
            Minutes([connected, away], log).publish(snapshot_of(rig))
        slots = log.slots.copy()
        await there.start()
        for one, heard in ((here, []), (there, [b"bms_SB0123456789-minute-1"])):
            async with listening(one.port, f"{ROOT}/#") as listener:
                log.logged = [LoggedEvent(sequence=1, event={})]
                async with at_work(made(log, kept=slots[f"mqtt-127-0-0-1-{one.port}"], port=one.port)) as again:
                    await listener.hears(f"{ROOT}/event")
                    log.logged.append(LoggedEvent(sequence=2, event={}))
                    again.wake()
                    await wait_for(lambda: len(listener.of(f"{ROOT}/event")) == 2, "an event after the minutes")
                minutes = [json.loads(payload) for payload in listener.of(f"{ROOT}/minute")]
                assert [minute["id"].encode() for minute in minutes] == heard
                assert not any("heard_by" in minute for minute in minutes)
                assert log.slots[f"mqtt-127-0-0-1-{one.port}"]["minute"] == 1
