"""Single values of other services, for who follows none of them (`dbusmonitor` does)."""

from __future__ import annotations

from typing import Any

from velib_python._tree import BUS_ITEM
from velib_python.connection import UNKNOWN_METHOD, UNKNOWN_OBJECT, Connection
from velib_python.errors import DbusError
from velib_python.ve_utils import unwrap_dbus_value, wrap_dbus_value

__all__ = ["BUS_ITEM", "find_value", "get_value", "set_value"]


async def get_value(bus: Connection, service: str, path: str, *, timeout_s: float = 10.0) -> Any:
    """What a path shows, None if invalid. Raises as `Connection.call`."""
    (variant,) = await bus.call(service, path, BUS_ITEM, "GetValue", timeout_s=timeout_s)
    return unwrap_dbus_value(variant)


async def find_value(bus: Connection, service: str, path: str, *, timeout_s: float = 10.0) -> Any:
    """The same, None also where the service has no such path."""
    try:
        return await get_value(bus, service, path, timeout_s=timeout_s)
    except DbusError as error:
        if error.name in (UNKNOWN_METHOD, UNKNOWN_OBJECT):
            return None
        raise


async def set_value(bus: Connection, service: str, path: str, value: object) -> bool:
    """Write a value: whether the service took it. Raises as `Connection.call`."""
    (code,) = await bus.call(service, path, BUS_ITEM, "SetValue", "v", wrap_dbus_value(value))
    return int(code) == 0
