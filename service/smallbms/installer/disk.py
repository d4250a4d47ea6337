"""Small changes that a power cut leaves done or not begun, never half."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Replace a file and its mode; on the medium when this returns. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)


def point(link: Path, target: str | None) -> None:
    """Let a link point to a relative target by one rename, or remove it; on the medium when this returns."""
    if target is None:
        link.unlink(missing_ok=True)
    else:
        fresh = link.with_name(f"{link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(link)
    sync(link.parent)


def remove(path: Path) -> None:
    """Remove a file if it is there; on the medium when this returns."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def sync(directory: Path) -> None:
    """Wait until the names in a directory are on the medium."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
