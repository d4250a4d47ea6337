"""Victron's BusItem protocol for asyncio: services (`vedbus`), watching others (`dbusmonitor`), localsettings
(`settingsdevice`), on a connection made by `connection.connect`.

Written from the protocol; module and class names are those of Victron's own velib_python, which runs on dbus-python
and GLib only. It knows nothing of batteries.

    bus = await connect("system")
    service = VeDbusService("com.victronenergy.tank.example", bus)
    service.add_path("/DeviceInstance", 20, signature="u")
    service.add_path("/Level", None, signature="d", gettext="%.0f%%")
    await service.register()
    service.update({"/Level": 55.0})
    lost = await bus.wait_closed()
"""

from __future__ import annotations

from velib_python.connection import Connection, connect
from velib_python.dbusmonitor import DbusMonitor
from velib_python.errors import DbusError, NameTakenError, SettingRefusedError, VelibError
from velib_python.settingsdevice import Setting, SettingsDevice, allocate_vrm_instance
from velib_python.vedbus import VeDbusService

__all__ = [
    "Connection",
    "DbusError",
    "DbusMonitor",
    "NameTakenError",
    "Setting",
    "SettingRefusedError",
    "SettingsDevice",
    "VeDbusService",
    "VelibError",
    "allocate_vrm_instance",
    "connect",
]
