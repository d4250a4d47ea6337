"""OpenSSL: 4 MB of memory that asyncio and pydantic load where they find it, needed only by an MQTT broker with TLS."""

from __future__ import annotations

import sys
from types import ModuleType

_MODULES = ("ssl", "_hashlib")


def leave_out() -> None:
    """To be called before anything else is imported: whoever looks for it finds none and does without."""
    sys.modules.update(dict.fromkeys(_MODULES))  # type: ignore[arg-type]


def bring_back() -> None:
    """Let who is imported from now on find it."""
    for name in _MODULES:
        if name in sys.modules and sys.modules[name] is None:
            del sys.modules[name]


def stand_in() -> None:
    """Let paho-mqtt, imported next, name the exceptions of TLS, which no plain connection raises."""
    if sys.modules.get("ssl") is None:
        module = ModuleType("ssl")
        for name in ("SSLError", "SSLWantReadError", "SSLWantWriteError"):
            setattr(module, name, type(name, (OSError,), {}))
        sys.modules["ssl"] = module
