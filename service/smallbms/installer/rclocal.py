"""Our block in /data/rc.local, which Venus OS runs at each boot and other people use too.

It comes first in the file: an `exit` of somebody else must not keep it from being run, and it holds up nobody.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

from smallbms.installer import disk

LOG = "run/dbus-smallbms-ng-boot.log"
SHEBANG = b"#!/bin/sh\n"
_BLOCK = """\
# >>> dbus-smallbms-ng, taken out by its `install.sh uninstall`; the mode of this file was {mode:o} >>>
[ -x {door} ] && {door} boot >/{log} 2>&1 &
# <<< dbus-smallbms-ng <<<
"""
_OURS = re.compile(
    rb"# >>> dbus-smallbms-ng, [^\n]*; the mode of this file was ([0-7]+) >>>\n.*?\n# <<< dbus-smallbms-ng <<<\n", re.S
)
_NEW_FILE = 0  # as the mode of a file that was not there
_EXECUTABLE = 0o755


def put_in(path: Path, door: Path) -> None:
    """Have `door boot` run at each boot; every other byte of the file stays. Twice is once."""
    before, rest, mode = _taken_apart(path)
    head = rest[: rest.index(b"\n") + 1] if rest.startswith(b"#!") and b"\n" in rest else b""
    after = head + _BLOCK.format(mode=mode, door=door, log=LOG).encode() + rest[len(head) :]
    if (before, _mode(path)) != (after, _EXECUTABLE):
        disk.write(path.resolve(), after, _EXECUTABLE)


def take_out(path: Path) -> None:
    """Let the file be as it was before `put_in`, or gone if we made it; without our block nothing is touched."""
    before, rest, mode = _taken_apart(path)
    if before in (None, rest):
        return
    if mode == _NEW_FILE and rest == SHEBANG:
        disk.remove(path)
    else:
        disk.write(path.resolve(), rest, mode or _EXECUTABLE)


def _taken_apart(path: Path) -> tuple[bytes | None, bytes, int]:
    """Return the file, the file without our block, and the mode it had before us."""
    if not path.exists():
        return None, SHEBANG, _NEW_FILE
    text = path.read_bytes()
    there = _OURS.search(text)
    if there is None:
        return text, text, _mode(path)
    return text, text[: there.start()] + text[there.end() :], int(there[1], 8)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else _NEW_FILE
