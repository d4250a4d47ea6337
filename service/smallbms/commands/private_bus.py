"""A bus of one's own, where there is no system bus to own a name on."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from smallbms.errors import LinkError
from velib_python.connection import connect
from velib_python.errors import DbusError

PROBE_NAME = "com.victronenergy.battery.smallbms_probe"
START_S = 10.0


async def may_own_names(bus: str) -> bool:
    """Whether this user may have a name on that bus."""
    try:
        connection = await connect(bus)
    except (ConnectionError, ValueError):
        return False
    try:
        await connection.call_daemon("RequestName", "su", PROBE_NAME, 4)
        await connection.call_daemon("ReleaseName", "s", PROBE_NAME)
    except (DbusError, ConnectionError, TimeoutError):
        return False
    finally:
        await connection.close()
    return True


@contextlib.asynccontextmanager
async def private_bus(directory: Path) -> AsyncIterator[str]:
    """Start a dbus-daemon for as long as the block lasts; its address. Raises LinkError if that fails."""
    if shutil.which("dbus-daemon") is None:
        raise LinkError("dbus-daemon is missing; install it (Debian: apt-get install dbus)")
    socket = directory / "dbus.sock"
    socket.unlink(missing_ok=True)
    daemon = await asyncio.create_subprocess_exec(
        "dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={socket}", "--print-address",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(START_S):
            line = await daemon.stdout.readline() if daemon.stdout else b""
        if not line:
            raise LinkError("dbus-daemon ended at once")
        yield f"unix:path={socket}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            daemon.terminate()
        await daemon.wait()
