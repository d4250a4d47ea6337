"""CAN interfaces without a wire: what one socket sends on one, all others there receive."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def vcan(name: str = "vcan0") -> Iterator[str]:
    """An interface that is up, by its name."""
    _ip("link", "add", name, "type", "vcan")
    switch(name, up=True)
    try:
        yield name
    finally:
        _ip("link", "delete", name)


def switch(name: str, *, up: bool) -> None:
    """Switch an interface on or off."""
    _ip("link", "set", name, "up" if up else "down")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
