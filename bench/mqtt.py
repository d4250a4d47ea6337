"""What MQTT costs: memory, how long the loop is blocked, with a broker that is there, frozen, killed, and back; and
whether a step of the engine takes any longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figure import Figure, percentile
from bench.processes import resident_mb
from bench.rig import RigError, allowing

SECONDS = 20.0
SETTLE_S = 3.0
FROZEN_SHARE = 0.25  # of the time
LIKE = 1.25  # as good as unchanged, on a machine that does other work too
PROGRAM = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
TABLE = '[[mqtt]]\nhost = "127.0.0.1"\nport = {port}\nhomeassistant = true\nvenus = true\ncommands = true\n'


def measure(quick: bool) -> list[Figure]:
    """One battery, one broker with all that may be said to it; for the engine, two."""
    seconds, settle_s = (1.0, 0.0) if quick else (SECONDS, SETTLE_S)
    return [*asyncio.run(_measure(seconds, settle_s)), asyncio.run(_steps(seconds, settle_s))]


async def _measure(seconds: float, settle_s: float) -> list[Figure]:
    port = _free_port()
    with _Broker(port) as broker:
        async with allowing(extra=TABLE.format(port=port)) as (rig, _):
            with broker.subscriber():
                await asyncio.sleep(settle_s)
                memory_mb = resident_mb(rig.main)
        async with allowing(timed=True, extra=TABLE.format(port=port)) as (rig, _):
            await asyncio.sleep(settle_s)
            begin_s = time.monotonic()
            with broker.subscriber():
                await asyncio.sleep(seconds * (1 - 2 * FROZEN_SHARE))
                broker.signal(signal.SIGSTOP)
                await asyncio.sleep(seconds * FROZEN_SHARE)
                broker.kill()
                await asyncio.sleep(seconds * FROZEN_SHARE)
                broker.start()
                await asyncio.sleep(settle_s)
            end_s = time.monotonic()
            turns = [turn for turn in rig.turns() if begin_s <= turn[0] <= end_s]
    wall_ms, cpu_ms = [turn[1] * 1e3 for turn in turns], [turn[2] * 1e3 for turn in turns]
    return [
        Figure(what="resident memory, main process with MQTT", value=memory_mb, unit="MB", limit=45),
        Figure(what=f"loop stall with MQTT, {len(turns)} turns: max", value=max(wall_ms), unit="ms", limit=5),
        Figure(what="loop stall with MQTT: p99", value=percentile(wall_ms, 99), unit="ms"),
        Figure(what="loop stall with MQTT, CPU alone: max", value=max(cpu_ms), unit="ms"),
    ]


async def _steps(seconds: float, settle_s: float) -> Figure:
    """Two systems side by side, on one machine at one time: one with two brokers, one with none."""
    ports = _free_port(), _free_port()
    told = "".join(TABLE.format(port=port) for port in ports)
    with _Broker(ports[0]) as one, _Broker(ports[1]) as other:
        async with allowing(timed=True, extra=told) as (telling, _), allowing(timed=True) as (silent, _):
            with one.subscriber(), other.subscriber():
                await asyncio.sleep(settle_s)
                begin_s = time.monotonic()
                await asyncio.sleep(seconds)
                end_s = time.monotonic()
            cpu_s = [
                statistics.median(cpu_s for at_s, _, cpu_s in rig.steps() if begin_s <= at_s <= end_s)
                for rig in (telling, silent)
            ]
    what = f"engine step with two brokers, {cpu_s[0] * 1e3:.2f} ms of CPU, of one without: median"
    return Figure(what=what, value=cpu_s[0] / cpu_s[1], limit=LIKE)


class _Broker:
    """mosquitto on loopback, for the length of a block."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._folder = tempfile.TemporaryDirectory(prefix="smallbms-bench-")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> _Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        if PROGRAM is None:
            raise RigError("mosquitto is missing: apt-get install mosquitto")
        file = Path(self._folder.name, "mosquitto.conf")
        text = f"listener {self._port} 127.0.0.1\nallow_anonymous true\nlog_dest none\nuser root\n"
        file.write_text(text, encoding="ascii")
        self._process = subprocess.Popen([PROGRAM, "-c", str(file)], stderr=subprocess.DEVNULL)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def subscriber(self) -> Iterator[None]:
        """Somebody who hears all, and keeps the mirror alive."""
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2)
        client.on_connect = lambda client, *_: client.subscribe("#")
        client.on_message = lambda client, _, message: (
            client.publish(f"R/{message.topic.split('/')[1]}/keepalive")
            if message.topic.endswith("/system/0/Serial")
            else None
        )
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        try:
            yield
        finally:
            client.disconnect()
            client.loop_stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
