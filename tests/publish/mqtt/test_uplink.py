"""What a broker must not miss, it does not miss, whatever becomes of the broker."""

from __future__ import annotations

from random import Random

import pytest

from publish.mqtt.dying_broker import DyingBroker
from publish.mqtt.mosquitto import wait_for
from publish.mqtt.test_publisher import Log, at_work, made
from smallbms.publish.mqtt import broker
from smallbms.store import LoggedEvent

DEATHS, EVENTS = 100, 1000


@pytest.mark.parametrize("seed", range(3))
async def test_a_broker_that_dies_100_times_gets_every_event_in_order(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(broker, "FIRST_RETRY_S", 0.005)  # 100 deaths in seconds and not in hours
    monkeypatch.setattr(broker, "STEADY_S", 0.0)
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
