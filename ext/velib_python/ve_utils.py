"""Small things every Victron program needs: values to and from the wire, the id of this GX."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from velib_python._item import INVALID
from velib_python._marshal import Variant

VEDBUS_INVALID = INVALID

_INT32 = range(-(1 << 31), 1 << 31)
_UNIQUE_ID = re.compile(r"[0-9a-f]{12}")


def wrap_dbus_value(value: Any) -> Variant:
    """A Python value as the variant that Victron programs send for it; None is invalid.

    Raises TypeError for what has no such form.
    """
    if value is None:
        return VEDBUS_INVALID
    if isinstance(value, bool):
        return Variant("b", value)
    if isinstance(value, int):
        return Variant("i" if value in _INT32 else "x", value)
    if isinstance(value, float):
        return Variant("d", value)
    if isinstance(value, str):
        return Variant("s", value)
    if isinstance(value, (list, tuple)):
        return Variant("av", [wrap_dbus_value(element) for element in value]) if value else Variant("au", [])
    if isinstance(value, dict):
        return Variant("a{sv}", {key: wrap_dbus_value(element) for key, element in value.items()})
    raise TypeError(f"{value!r} has no D-Bus form")


def unwrap_dbus_value(value: Any) -> Any:
    """A received value, or variant, as plain Python; an empty array is None, Victron's invalid."""
    if isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, dict):
        return {key: unwrap_dbus_value(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "signature"):
        return [unwrap_dbus_value(element) for element in value] or None
    return unwrap_dbus_value(value.value)


def get_vrm_portal_id(
    unique_id: Path = Path("/data/venus/unique-id"), interfaces: Path = Path("/sys/class/net")
) -> str | None:
    """The VRM portal id of this GX: 12 hex digits, from its file or else the MAC of the first Ethernet port.

    None if there is neither. It reads two small files.
    """
    for source in (unique_id, interfaces / "eth0" / "address", interfaces / "end0" / "address"):
        try:
            digits = source.read_text(encoding="ascii", errors="replace").strip().replace(":", "").lower()
        except OSError:
            continue
        if _UNIQUE_ID.fullmatch(digits):
            return digits
    return None
