"""Who has a port: what must not be disturbed is not opened."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

PSEUDO_TERMINALS = "/dev/pts/"  # whoever made one has it open
LOCKS = "var/lock/LCK..{name}"


def holder(port: str, *, root: Path = Path("/")) -> str | None:
    """The program that has a port open or locked, or the kernel's console; None: nobody whom we may see."""
    device = os.path.realpath(port)
    name = Path(device).name
    if name in _consoles(root):
        return "the kernel's console"
    pid = _locked_by(root, name)
    if pid is None and not device.startswith(PSEUDO_TERMINALS):
        pid = next(_open_at(root, device), None)
    return None if pid is None else f"{_text(root / f'proc/{pid}/comm') or 'a program'} ({pid})"


def _consoles(root: Path) -> tuple[str, ...]:
    return tuple(line.split()[0] for line in _text(root / "proc/consoles").splitlines() if line)


def _locked_by(root: Path, name: str) -> int | None:
    """The living process that a lock file of the old kind names."""
    words = _text(root / LOCKS.format(name=name)).split()
    if not words or not words[0].isdigit():
        return None
    pid = int(words[0])
    return pid if pid != os.getpid() and (root / f"proc/{pid}").exists() else None


def _open_at(root: Path, device: str) -> Iterator[int]:
    for folder in (root / "proc").glob("[0-9]*/fd"):
        pid = int(folder.parent.name)
        if pid == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it has ended, or is none of our business
            if any(os.readlink(entry) == device for entry in folder.iterdir()):
                yield pid


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
