"""OpenSSL: 5 MB of memory that asyncio and pydantic load where they find it, needed only for MQTT."""

from __future__ import annotations

import sys

_MODULES = ("ssl", "_hashlib")


def leave_out() -> None:
    """To be called before anything else is imported: whoever looks for it finds none and does without."""
    sys.modules.update(dict.fromkeys(_MODULES))  # type: ignore[arg-type]


def bring_back() -> None:
    """Let who is imported from now on find it."""
    for name in _MODULES:
        if name in sys.modules and sys.modules[name] is None:
            del sys.modules[name]
