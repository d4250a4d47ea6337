"""Finds batteries that other services have on the D-Bus; what shows no cells is a battery monitor, and no battery."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from smallbms.drivers.victron_dbus import CONNECTED, PATHS, VictronBattery
from smallbms.errors import LinkError
from smallbms.links.found import Found
from smallbms.places import SERVICE_PREFIX
from velib_python import DbusError, DbusMonitor, connect

CLASS = "com.victronenergy.battery"


async def probe_bus(bus: str, *, say: Callable[[str], None]) -> tuple[Found, ...]:
    """The batteries of other services, but our own; raises LinkError if there is no bus."""
    try:
        connection = await connect(bus)
    except (OSError, ValueError) as error:
        raise LinkError(str(error)) from error
    try:
        monitor = DbusMonitor(connection, {CLASS: PATHS})
        await monitor.start()
        names = sorted(name for name in monitor.get_service_list(CLASS) if not name.startswith(SERVICE_PREFIX))
        found = [(name, _found(monitor, name)) for name in names]
    except (OSError, DbusError) as error:
        raise LinkError(str(error)) from error
    finally:
        await connection.close()
    for name, battery in found:
        if battery is None:
            say(f"{name}: shows no cells; if it measures the whole bank, name it as [shunt]")
    return tuple(battery for _, battery in found if battery is not None)


def _found(monitor: DbusMonitor, name: str) -> Found | None:
    now_s = asyncio.get_running_loop().time()
    battery = VictronBattery(key=f"victron-dbus:{name}")
    for path in (CONNECTED, *PATHS):  # nothing counts before that
        if monitor.seen(name, path):
            battery.take(path, monitor.get_value(name, path), now_s)
    reading = battery.reading(now_s)
    if reading is None or reading.cell_min_v is None:
        return None
    return Found(table={"driver": "victron-dbus", "service": name}, reading=reading)
