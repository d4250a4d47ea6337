"""What publishing on D-Bus costs this process, on both libraries, against a private daemon.

    python bench/dbus_wire.py

Server and client are processes of their own; the figures are the server's CPU time (user + system).
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from velib_python._library import LibraryName
from velib_python.connection import Connection, connect
from velib_python.vedbus import VeDbusService

NAME = "com.victronenergy.battery.bench"
BUS_ITEM = "com.victronenergy.BusItem"
CHANGED_PATHS, ROUNDS = 150, 1000
ALL_PATHS, CALLS = 500, 300
LIBRARIES = ("dbus-next", "dbus-fast")


async def serve(bus: Connection) -> None:
    """Publish, then answer GetItems, printing the CPU time of each as the client says when."""
    service = VeDbusService(NAME, bus)
    for number in range(ALL_PATHS):
        service.add_path(f"/Bench/{number}/Voltage", 13.0, signature="d", gettext="%.2fV")
    paths = [f"/Bench/{number}/Voltage" for number in range(CHANGED_PATHS)]
    await service.register()
    print("ready", flush=True)

    await next_line()
    start_s = time.process_time()
    for turn in range(1, ROUNDS + 1):
        service.update({path: number + turn / 100 for number, path in enumerate(paths)})
        await asyncio.sleep(0)
    while bus.bytes_waiting:
        await asyncio.sleep(0.001)
    print(time.process_time() - start_s, flush=True)

    await next_line()
    start_s = time.process_time()
    print("ready", flush=True)
    await next_line()
    print(time.process_time() - start_s, flush=True)
    await next_line()


async def next_line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


async def measure(library: LibraryName, address: str) -> None:
    """Drive a server process of this library and print its figures."""
    received = 0

    def count(_: object) -> None:
        nonlocal received
        received += 1

    bus = await connect(address)
    await bus.add_signal_handler(count, interface=BUS_ITEM, member="ItemsChanged")
    command = [sys.executable, __file__, library, address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        await ask(server, "")
        publish_s = float(await ask(server, "publish"))
        await asyncio.sleep(0.5)
        await ask(server, "answer")
        for _ in range(CALLS):
            await bus.call(NAME, "/", BUS_ITEM, "GetItems")
        answer_s = float(await ask(server, "stop"))
        print("end", file=server.stdin, flush=True)
    per_path_us = publish_s / ROUNDS / CHANGED_PATHS * 1e6
    print(f"{library}, {ROUNDS} × {CHANGED_PATHS} changed paths: {publish_s:.3f} s CPU, {per_path_us:.2f} µs a path")
    print(f"{library}, {received} ItemsChanged arrived (those that met a full socket were merged)")
    print(f"{library}, GetItems of {ALL_PATHS} paths: {answer_s / CALLS * 1e3:.3f} ms CPU a call")
    await bus.close()


async def ask(server: subprocess.Popen[str], line: str) -> str:
    """Say a line to the server (none: just listen) and return its answer."""
    assert server.stdin and server.stdout
    if line:
        print(line, file=server.stdin, flush=True)
    return await asyncio.to_thread(server.stdout.readline)


@contextlib.contextmanager
def private_bus() -> Iterator[str]:
    """A bus daemon of our own: its address."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:path={Path(folder) / 'bus'}"
        command = ["dbus-daemon", "--session", "--nofork", "--print-address", f"--address={address}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
            assert daemon.stdout
            daemon.stdout.readline()
            yield address
            daemon.terminate()


async def main(arguments: list[str]) -> None:
    if arguments:
        library, address = arguments
        bus = await connect(address, library=cast(LibraryName, library))
        await serve(bus)
        await bus.close()
        return
    for library in LIBRARIES:
        with private_bus() as address:
            await measure(library, address)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
