"""The machine that figures were taken on."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
from pathlib import Path

LIBRARIES = (("dbus_fast", "dbus-fast"), ("dbus_next", "dbus-next"))  # in the order of preference


def describe() -> dict[str, str]:
    """CPU, cores, kernel, Python, D-Bus library, load."""
    return {
        "CPU": _cpu(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "D-Bus library": library(),
        "load average": "{:.2f} {:.2f} {:.2f}".format(*os.getloadavg()),
    }


def library() -> str:
    """The D-Bus library in use, and its version."""
    for module, distribution in LIBRARIES:
        try:
            importlib.import_module(module)
        except ImportError:
            continue
        return f"{distribution} {importlib.metadata.version(distribution)}"
    return "none"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()
