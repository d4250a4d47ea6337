"""A real MQTT broker on loopback, and a client of it that is not ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

DEADLINE_S = 20.0
# Else it drops, from a thousand messages on, what a busy listener has not read yet.
ALWAYS = ("log_dest none", "user root", "max_queued_messages 100000")
PROGRAM = shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


class Mosquitto:
    """One broker in a folder; `settings` are further lines of its configuration."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.port = _free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        access = () if any(line.startswith("allow_anonymous") for line in settings) else ("allow_anonymous true",)
        lines = [f"listener {self.port} 127.0.0.1", *ALWAYS, *access, *settings]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    async def start(self) -> None:
        assert PROGRAM is not None, "mosquitto is missing; ./install.sh test installs it"
        self._process = subprocess.Popen([PROGRAM, "-c", str(self._folder / "mosquitto.conf")])
        async with asyncio.timeout(DEADLINE_S):
            while not self._serves():
                assert self._process.poll() is None, "mosquitto ended"
                await asyncio.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> None:
        """In order: it keeps what it has, if its settings say so."""
        self._leave(signal.SIGTERM)

    def kill(self) -> None:
        self._leave(signal.SIGKILL)

    def _leave(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(DEADLINE_S)
            self._process = None

    def _serves(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """Another program at the broker: hears all, may say something; with a `session` the broker keeps all for it."""

    def __init__(self, port: int, *filters: str, session: str = "", **login: str) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self._client = Client(CallbackAPIVersion.VERSION2, session, clean_session=not session)
        self._client.reconnect_delay_set(1, 1)
        if login:
            self._client.username_pw_set(**login)
        self._subscribed = False
        self._client.on_connect = lambda client, *_: client.subscribe([(name, 1) for name in filters])
        self._client.on_message = self._heard
        self._client.on_subscribe = self._ready
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    async def until_subscribed(self) -> None:
        await wait_for(lambda: self._subscribed, "the listener has no subscription")

    def say(self, topic: str, payload: bytes, **how: Any) -> None:
        self._client.publish(topic, payload, qos=1, **how).wait_for_publish(DEADLINE_S)

    def of(self, topic: str) -> list[bytes]:
        """The payloads on a topic so far, oldest first."""
        return [payload for name, payload, _ in self.messages if name == topic]

    async def hears(self, topic: str, matches: Callable[[bytes], object] = lambda payload: True) -> bytes:
        """The newest matching payload on a topic, once there is one."""
        await wait_for(lambda: [p for p in self.of(topic) if matches(p)], f"nothing fitting on {topic}")
        return [payload for payload in self.of(topic) if matches(payload)][-1]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _heard(self, client: Client, data: object, message: MQTTMessage) -> None:
        self.messages.append((message.topic, message.payload, message.retain))

    def _ready(self, *_: object) -> None:
        self._subscribed = True


async def wait_for(condition: Callable[[], object], what: str, seconds: float = DEADLINE_S) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(what) from None


@contextlib.asynccontextmanager
async def broker(folder: Path, *settings: str) -> AsyncIterator[Mosquitto]:
    """A broker for the length of a block."""
    one = Mosquitto(folder, *settings)
    try:
        await one.start()
        yield one
    finally:
        one.kill()


@contextlib.asynccontextmanager
async def listening(port: int, *filters: str, **login: str) -> AsyncIterator[Listener]:
    """A listener that has its subscriptions, for the length of a block."""
    one = Listener(port, *filters, **login)
    try:
        await one.until_subscribed()
        yield one
    finally:
        one.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
