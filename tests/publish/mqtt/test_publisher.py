"""One broker's publisher: how it is trusted, and what it says when it is not."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.bench_battery import Rig
from publish.mqtt.mosquitto import broker, listening, wait_for
from publish.snapshots import snapshot_of
from smallbms.changes import Change
from smallbms.config_tables import MqttTable
from smallbms.door import Door
from smallbms.errors import ConfigError
from smallbms.publish.mqtt import Kind, MqttPublisher, publisher
from smallbms.store import LoggedEvent

ROOT = "device/bms_SB0123456789"


class Log:
    """An event log in memory, and the slots."""

    def __init__(self) -> None:
        self.logged: list[LoggedEvent] = []
        self.minutes: list[LoggedEvent] = []
        self.slots: dict[str, dict[str, object]] = {}

    async def events_after(self, sequence: int, most: int) -> list[LoggedEvent]:
        return [one for one in self.logged if one.sequence > sequence][:most]

    async def minutes_after(self, sequence: int, most: int) -> list[LoggedEvent]:
        return [one for one in self.minutes if one.sequence > sequence][:most]

    def note(self, minute: dict[str, object]) -> None:
        self.minutes.append(LoggedEvent(sequence=len(self.minutes) + 1, event=minute))

    def save(self, name: str, data: dict[str, object]) -> None:
        self.slots[name] = data


def made(log: Log, kept: dict[str, Any] | None = None, newest: int = 0, **table: Any) -> MqttPublisher:
    changes: list[Change] = []
    door = Door(Rig().settings, changes.append)
    settings = MqttTable(host="127.0.0.1", **table)
    return publisher(
        settings,
        serial="SB0123456789",
        portal_id="0123456789ab",
        door=door,
        store=log,
        kept=kept,
        newest={Kind.EVENT: newest, Kind.MINUTE: 0},
    )


@asynccontextmanager
async def at_work(one: MqttPublisher) -> AsyncIterator[MqttPublisher]:
    """The publisher with something to show, running."""
    rig = Rig()
    rig.step()
    one.publish(snapshot_of(rig))
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate of a GX, which knows itself as venus.local only."""
    key, own = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", own, "-days", "2", "-subj", "/CN=venus.local"],
        check=True, capture_output=True,
    )  # fmt: skip
    return own


def tls(folder: Path) -> tuple[str, ...]:
    own = certificate(folder, "gx")
    return f"certfile {own}", f"keyfile {folder}/gx.key"


async def test_a_pinned_certificate_is_trusted_whatever_its_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pinned = {"tls": True, "pinned_certificate": f"{tmp_path}/gx.pem"}
    async with broker(tmp_path, *tls(tmp_path)) as one, at_work(made(Log(), port=one.port, **pinned)):
        await wait_for(lambda: "connected to the MQTT broker 127.0.0.1" in caplog.text, caplog.text)


@pytest.mark.parametrize("pinned", [True, False])
async def test_another_certificate_is_refused_with_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pinned: bool
) -> None:
    trusted = {"pinned_certificate": str(certificate(tmp_path, "other"))} if pinned else {}
    async with broker(tmp_path, *tls(tmp_path)) as one, at_work(made(Log(), port=one.port, tls=True, **trusted)):
        await wait_for(lambda: "its certificate is not the trusted one: self" in caplog.text, caplog.text)
    assert caplog.text.count("no MQTT broker") == 1


async def test_a_wrong_password_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "passwords").write_text("", encoding="utf-8")
    (tmp_path / "secret").write_text("wrong\n", encoding="utf-8")
    settings = ("allow_anonymous false", f"password_file {tmp_path}/passwords")
    table = {"user": "me", "password_file": f"{tmp_path}/secret"}
    async with broker(tmp_path, *settings) as one, at_work(made(Log(), port=one.port, **table)):
        await wait_for(lambda: "refused: Not authorized" in caplog.text, caplog.text)
        await asyncio.sleep(1.0)  # a second try
    assert caplog.text.count("no MQTT broker 127.0.0.1") == 1


async def test_a_topic_that_the_broker_forbids_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "acl").write_text("topic read #\ntopic write device/+/status\n", encoding="utf-8")
    async with broker(tmp_path, f"acl_file {tmp_path}/acl") as one, at_work(made(Log(), port=one.port)):
        await wait_for(lambda: f"does not allow {ROOT}/state: refused: Not authorized" in caplog.text, caplog.text)


@pytest.mark.parametrize(
    "wrong", [{"pinned_certificate": "/nowhere"}, {"ca_file": "/nowhere"}, {"client_certificate": "/nowhere"}]
)
def test_a_certificate_that_is_not_there_is_a_wrong_configuration(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1: a certificate or key cannot be used"):
        made(Log(), tls=True, client_key="/nowhere", **wrong)


def test_a_password_that_cannot_be_read_is_a_wrong_configuration() -> None:
    with pytest.raises(ConfigError, match="password_file cannot be read"):
        made(Log(), user="me", password_file="/nowhere")


async def test_events_arrive_once_in_order_and_what_the_broker_has_is_remembered(tmp_path: Path) -> None:
    log = Log()
    log.minutes = [LoggedEvent(sequence=n, event={}) for n in range(1, 251)]
    log.logged = [LoggedEvent(sequence=n, event={"code": str(n)}) for n in range(1, 251)]
    async with broker(tmp_path) as one, listening(one.port, f"{ROOT}/event", f"{ROOT}/minute") as listener:
        async with at_work(made(log, newest=50, port=one.port)):
            await wait_for(lambda: len(listener.messages) == 450, "all events after the 50th")
        [slot] = log.slots.values()
        async with at_work(made(log, kept=slot, port=one.port)) as again:
            log.logged.append(LoggedEvent(sequence=900, event={"code": "900"}))
            again.wake()
            await wait_for(lambda: len(listener.messages) > 450, "the newest event")
    minutes = [b'{"id": "bms_SB0123456789-minute-%d"}' % n for n in range(1, 251)]
    assert listener.of(f"{ROOT}/minute") == minutes
    assert listener.of(f"{ROOT}/event") == [
        b'{"id": "bms_SB0123456789-event-%d", "code": "%d"}' % (n, n) for n in (*range(51, 251), 900)
    ]


async def test_what_may_not_be_said_or_heard_leaves_the_rest_and_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "acl").write_text(f"topic write {ROOT}/state\ntopic write {ROOT}/status\n", encoding="utf-8")
    caplog.set_level(logging.INFO)
    log = Log()
    log.logged = [LoggedEvent(sequence=1, event={})]
    table = {"commands": True, "homeassistant": True}
    async with broker(tmp_path, f"acl_file {tmp_path}/acl") as one, at_work(made(log, port=one.port, **table)):
        await wait_for(lambda: f"does not allow {ROOT}/event, it waits" in caplog.text, caplog.text)
        await asyncio.sleep(1.0)  # long enough to have come back twice
    assert caplog.text.count("connected to the MQTT broker") == 1
    assert "no MQTT broker" not in caplog.text
    assert {"event": 1} not in [{"event": slot.get("event")} for slot in log.slots.values()]


async def test_a_wish_for_what_is_called_so_long_gets_no_answer_and_harms_nobody(tmp_path: Path) -> None:
    """The topic of its answer would be longer than MQTT allows."""
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    async with (
        broker(tmp_path) as one,
        listening(one.port, "device/#") as listener,
        at_work(made(Log(), port=one.port, commands=True)),
    ):
        await listener.hears(f"{ROOT}/state")
        for length in (65_535 - len(f"{ROOT}/set/"), 65, 64):
            await asyncio.to_thread(listener.say, f"{ROOT}/set/" + "a" * length, b"1")
        await listener.hears(f"{ROOT}/set/{'a' * 64}/result")
        assert not listener.of(f"{ROOT}/set/{'a' * 65}/result")
    assert faults == []


async def test_a_broker_that_throws_us_out_is_asked_ever_more_seldom(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two of the same name throw each other out."""
    caplog.set_level(logging.INFO)
    async with broker(tmp_path) as one, at_work(made(Log(), port=one.port)), at_work(made(Log(), port=one.port)):
        await asyncio.sleep(3.0)
    assert caplog.text.count("no MQTT broker") <= 2
    assert caplog.text.count("connected to the MQTT broker") < 10


async def test_what_a_new_broker_misses_while_it_was_never_there_is_told_after_a_restart(tmp_path: Path) -> None:
    log = Log()
    log.logged = [LoggedEvent(sequence=1, event={})]
    made(log, newest=1)  # the first start, without the broker
    log.logged.append(LoggedEvent(sequence=2, event={}))
    [slot] = log.slots.values()
    async with (
        broker(tmp_path) as one,
        listening(one.port, f"{ROOT}/event") as listener,
        at_work(made(log, kept=slot, newest=2, port=one.port)),
    ):
        await listener.hears(f"{ROOT}/event")
    assert listener.of(f"{ROOT}/event") == [b'{"id": "bms_SB0123456789-event-2"}']
