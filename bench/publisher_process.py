"""A service with many paths, in a process of its own: python -m bench.publisher_process LIBRARY ADDRESS PATHS

Each line of stdin is a JSON object: `publish` = so many rounds of changed paths; `cpu` asks for the CPU time so far.
The answer: `cpu_s`, and `closed`: whether the connection is lost.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

from velib_python._library import LibraryName
from velib_python.connection import Connection, connect
from velib_python.vedbus import VeDbusService

NAME = "com.victronenergy.battery.bench"
CHANGED_PATHS = 150


def path(number: int) -> str:
    return f"/Bench/{number}/Voltage"


def published(number: int, turn: int) -> float:
    """The value of a path after so many rounds."""
    return number + turn / 100


async def serve(library: LibraryName, address: str, paths: int) -> None:
    bus = await connect(address, library=library)
    service = VeDbusService(NAME, bus)
    for number in range(paths):
        service.add_path(path(number), published(number, 0), signature="d", gettext="%.2fV")
    await service.register()
    _answer(bus, time.process_time())
    while line := await asyncio.to_thread(sys.stdin.readline):
        begin_s = time.process_time()
        order = json.loads(line)
        for turn in range(1, order.get("publish", 0) + 1):
            service.update({path(number): published(number, turn) for number in range(CHANGED_PATHS)})
            await asyncio.sleep(0)
        _answer(bus, begin_s if "publish" in order else 0.0)
    await bus.close()


def _answer(bus: Connection, begin_s: float) -> None:
    print(json.dumps({"cpu_s": time.process_time() - begin_s, "closed": bus.closed}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(cast(LibraryName, sys.argv[1]), sys.argv[2], int(sys.argv[3])))
