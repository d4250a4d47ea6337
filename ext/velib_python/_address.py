"""Bus addresses: which one is meant, and what is in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import unquote

_SYSTEM_BUS = "unix:path=/var/run/dbus/system_bus_socket"


def bus_address(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """`system` and `session` → the address of that bus; any other text is an address already."""
    if name == "system":
        return environment.get("DBUS_SYSTEM_BUS_ADDRESS") or _SYSTEM_BUS
    if name == "session":
        runtime = environment.get("XDG_RUNTIME_DIR")
        if address := environment.get("DBUS_SESSION_BUS_ADDRESS") or (runtime and f"unix:path={runtime}/bus"):
            return address
        raise ValueError("no session bus: DBUS_SESSION_BUS_ADDRESS is not set")
    return name


def socket_paths(address: str) -> list[str]:
    """The Unix sockets of an address in the order to try them (an abstract one starts with NUL); ValueError if none.

    Source: D-Bus specification, "Server Addresses".
    """
    found = []
    for part in address.split(";"):
        transport, _, listed = part.partition(":")
        pairs = (option.partition("=") for option in listed.split(","))
        options = {key: unquote(value) for key, _, value in pairs}
        if transport == "unix" and "path" in options:
            found.append(options["path"])
        elif transport == "unix" and "abstract" in options:
            found.append("\0" + options["abstract"])
    if not found:
        raise ValueError(f"{address!r}: expected unix:path=… or unix:abstract=…")
    return found
