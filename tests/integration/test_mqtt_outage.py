"""A broker that was away for a day, and one that dies again and again: no event lost, twice, or out of order."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from publish.mqtt.mosquitto import Listener, Mosquitto, listening
from smallbms.store import EventLog, Files
from smallbms.store.store import LOG_BYTES, LOG_SEGMENTS, MINUTE_BYTES

from .harness import System
from .programs import wait_for

EVENTS, MINUTES = 500, 1440
DEATHS = 15


def a_day(state: Path) -> None:
    """What the store holds after a day without the broker."""
    events = EventLog(state, "events", LOG_BYTES, Files(), segments=LOG_SEGMENTS)
    for number in range(EVENTS):
        events.append([{"kind": "alarm", "code": "test", "text": f"{number}", "wall_s": 1.7e9 + 170 * number}])
    minutes = EventLog(state, "minutes", MINUTE_BYTES, Files(), thin=True)
    waiting = [{"at": f"{1.7e9 + 60 * minute}", "soc_pct": 50.0} for minute in range(MINUTES)]
    while waiting:
        waiting = waiting[minutes.append(waiting) :]


def told(listener: Listener, kind: str) -> list[dict[str, Any]]:
    """What came on this topic, repeats dropped as a consumer drops them: by their id."""
    entries = [json.loads(payload) for topic, payload, _ in listener.messages if topic.endswith(f"/{kind}")]
    return list({entry["id"]: entry for entry in entries}.values())


def numbers(entries: list[dict[str, Any]]) -> list[int]:
    return [int(entry["id"].rpartition("-")[2]) for entry in entries]


async def away(folder: Path, one: Mosquitto) -> System:
    """A system whose broker, known to it, is not there."""
    a_day(folder / "state")
    system = System(folder, extra=f'[[mqtt]]\nhost = "127.0.0.1"\nport = {one.port}\n')
    await system.write_slot(f"mqtt-127-0-0-1-{one.port}", {"event": 0, "minute": 0, "discovered": False})
    return system


@pytest.mark.slow
async def test_a_day_waits_and_a_kill_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    one = Mosquitto(tmp_path)
    system = await away(tmp_path, one)
    try:
        await system.start()
        await one.start()
        async with listening(one.port, "device/#") as listener:
            await wait_for(lambda: len(told(listener, "event")) > EVENTS // 3, "a third of the events")
            await system.main.kill()
            await system.start_main()
            await wait_for(lambda: len(told(listener, "minute")) >= MINUTES, "all minutes", 120)
            await wait_for(lambda: len(told(listener, "event")) > EVENTS, "all events and that of the restart")
            events, minutes = told(listener, "event"), told(listener, "minute")
        assert [event["text"] for event in events][:EVENTS] == [str(number) for number in range(EVENTS)]
        assert numbers(events) == sorted(numbers(events))
        assert numbers(minutes)[:MINUTES] == list(range(1, MINUTES + 1))
    finally:
        one.kill()
        await system.stop()


@pytest.mark.slow
async def test_a_broker_that_dies_again_and_again_gets_everything(tmp_path: Path) -> None:
    """It keeps what it has acknowledged, as a broker must; this one only if it is not killed."""
    keeping = ("persistence true", f"persistence_location {tmp_path}/", "max_queued_messages 0")
    one = Mosquitto(tmp_path, *keeping)
    system = await away(tmp_path, one)
    try:
        await system.start()
        await one.start()
        listener = Listener(one.port, "device/+/event", session="the consumer")
        try:
            await listener.until_subscribed()
            for _ in range(DEATHS):
                await asyncio.sleep(0.05)
                one.end()
                await one.start()
            await wait_for(lambda: len(told(listener, "event")) >= EVENTS, "all events", 60)
        finally:
            listener.close()
        events = told(listener, "event")
        assert [event["text"] for event in events][:EVENTS] == [str(number) for number in range(EVENTS)]
    finally:
        one.kill()
        await system.stop()
