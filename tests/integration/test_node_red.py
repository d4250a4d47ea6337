"""Each flow of contrib/node-red in a real Node-RED, between a real broker and the whole service."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from publish.mqtt.mosquitto import listening

from .programs import ROOT, wait_for
from .test_mqtt import Bms, at_a_broker

FLOWS = sorted((ROOT / "contrib" / "node-red").glob("*.json"))
NODE_RED = ROOT / ".cache" / "node-red" / "node_modules"
STARTED = b"Started flows"
SETTINGS = """module.exports = {{
    flowFile: "flows.json", uiPort: {port}, uiHost: "127.0.0.1", httpAdminRoot: false, disableEditor: true,
    nodesDir: [], telemetry: {{ enabled: false, updateNotification: false }}, credentialSecret: false,
    logging: {{ console: {{ level: "info", metrics: false, audit: false }} }},
}};
"""

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def node_red(folder: Path, bms: Bms, name: str, *, probe: str = "", **environment: str) -> AsyncIterator[None]:
    """Node-RED with one flow; what the node `probe` gives also goes to topics probe/<output>."""
    assert NODE_RED.is_dir(), "./install.sh test --all installs Node-RED"
    home = folder / "node-red"
    home.mkdir()
    (home / "node_modules").symlink_to(NODE_RED)
    nodes = json.loads((ROOT / "contrib" / "node-red" / f"{name}.json").read_text(encoding="utf-8"))
    (home / "flows.json").write_text(json.dumps(prepared(nodes, bms, probe, environment)), encoding="utf-8")
    (home / "package.json").write_text('{"name": "home", "dependencies": {"@flowfuse/node-red-dashboard": "*"}}')
    (home / "settings.js").write_text(SETTINGS.format(port=bms.broker.port + 1), encoding="utf-8")
    command = ("node", NODE_RED / "node-red" / "red.js", "--userDir", home, "--settings", home / "settings.js")
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=os.environ)
    assert process.stdout is not None
    said = b""
    reading: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(60):
            while STARTED not in said:
                line = await process.stdout.readline()
                said += line
                assert line, said.decode()
        assert b"missing types" not in said, said.decode()
        reading = asyncio.create_task(process.stdout.read())
        yield
    finally:
        process.kill()
        await process.wait()
        if reading is not None:
            said += await reading
        print(said.decode())  # pytest shows it beside a failure
    assert b"[error]" not in said, said.decode()


def prepared(nodes: list[dict[str, Any]], bms: Bms, probe: str, environment: dict[str, str]) -> list[dict[str, Any]]:
    """The flow as a user would adapt it: the broker's address, the variables; and the probes of the test."""
    probes = []
    for node in nodes:
        if node["type"] == "mqtt-broker":
            node["port"] = str(bms.broker.port)
        if node["type"] == "tab":
            for variable in node.get("env", ()):
                variable["value"] = environment[variable["name"]]
        if node["id"] == probe:
            for output, wires in enumerate(node["wires"]):
                probes.append({
                    "id": f"probe{output}", "type": "mqtt out", "z": node["z"], "topic": f"probe/{output}", "qos": "1",
                    "broker": "bms_broker", "x": 0, "y": 0, "wires": [],
                })  # fmt: skip
                wires.append(f"probe{output}")
    return nodes + probes


def test_there_is_a_test_for_each_flow() -> None:
    assert [flow.stem for flow in FLOWS] == [
        "alarm-to-message", "discharge-floor-by-season", "gauges", "generator-on-low-soc",
    ]  # fmt: skip


async def test_the_gauges_show_what_is_measured(tmp_path: Path) -> None:
    async with (
        at_a_broker(tmp_path) as bms,
        listening(bms.broker.port, "probe/#") as listener,
        node_red(tmp_path, bms, "gauges", probe="bms_values"),
    ):
        assert float(await listener.hears("probe/0")) == 60.0
        assert float(await listener.hears("probe/4")) == 3.303
        bms.system.pack.cells_v[0] = 3.35
        assert await listener.hears("probe/4", lambda payload: float(payload) == 3.35)


async def test_an_alarm_makes_a_message(tmp_path: Path) -> None:
    received: list[bytes] = []
    async with at_a_broker(tmp_path) as bms, listening(bms.broker.port, "battery/message") as listener:
        server = await asyncio.start_server(lambda reader, writer: taken(reader, writer, received), "127.0.0.1")
        port = server.sockets[0].getsockname()[1]
        async with server, node_red(tmp_path, bms, "alarm-to-message", MESSAGE_URL=f"http://127.0.0.1:{port}/ntfy"):
            await bms.trip()
            text = await listener.hears("battery/message", lambda payload: b"cell 3" in payload)
            assert "battery 1 cell 3 at 3.760 V" in text.decode()
            await wait_for(lambda: [one for one in received if b"cell 3" in one], "the message by HTTP")
    assert received[0].startswith(b"POST /ntfy")
    assert b"title: battery" in received[0].lower()


async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, received: list[bytes]) -> None:
    """One request, answered."""
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = [int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length")]
    received.append(head + await reader.readexactly(length))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_the_floor_of_the_month_is_set(tmp_path: Path) -> None:
    floors = [30, 30, 20, 10, 10, 10, 10, 10, 10, 20, 30, 30]
    async with at_a_broker(tmp_path) as bms:
        assert await bms.result("discharge_floor_pct", b"5") == {"accepted": True, "value": 5}
        async with node_red(tmp_path, bms, "discharge-floor-by-season"):
            await bms.system.shows({"/Settings/Battery/DischargeFloor": floors[datetime.now().astimezone().month - 1]})


async def test_the_generator_runs_on_low_soc_and_stops_with_the_service(tmp_path: Path) -> None:
    async with (
        at_a_broker(tmp_path) as bms,
        listening(bms.broker.port, "battery/generator") as listener,
        node_red(tmp_path, bms, "generator-on-low-soc"),
    ):
        assert await listener.hears("battery/generator") == b"0"
        await bms.result("soc_pct", b"15")
        assert await listener.hears("battery/generator", lambda payload: payload == b"1")
        await bms.system.main.kill()
        await wait_for(lambda: listener.of("battery/generator")[-1] == b"0", "the generator stops")
