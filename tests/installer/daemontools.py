"""A stand-in for daemontools' programs: scripts on PATH that keep each service's state in a file."""

from __future__ import annotations

import os
from pathlib import Path

SVC = """#!/bin/sh
echo "svc $*" >>"$FAKE/calls"
flags=$1
shift
for directory; do
    [ -d "$directory/supervise" ] || { echo "svc: warning: unable to control $directory"; exit 0; }
    case $flags in
        -u) echo up >"$directory/supervise/fake" ;;
        -d) [ -f "$directory/stubborn" ] || echo down >"$directory/supervise/fake" ;;
        -t) [ -f "$directory/stubborn" ] || echo $$ >"$directory/supervise/pid" ;;
        -k) [ -f "$directory/immortal" ] || echo $$ >"$directory/supervise/pid" ;;
        -dx) rm -r "$directory/supervise" ;;
    esac
done
"""
SVSTAT = """#!/bin/sh
if [ -f "$1/supervise/fake" ]; then
    read -r state <"$1/supervise/fake"
    pid=77
    [ ! -f "$1/supervise/pid" ] || read -r pid <"$1/supervise/pid"
    [ "$state" = down ] && echo "$1: down 5 seconds" || echo "$1: up (pid $pid) 5 seconds"
else
    echo "$1: unable to open supervise/ok: file does not exist"
fi
"""


class FakeDaemontools:
    """The scripts, installed; `calls` is what was asked of them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()
        for name, script in {"svc": SVC, "svstat": SVSTAT}.items():
            self.program(name, script)
        self.environment = {"FAKE": str(directory), "PATH": f"{directory}:{os.environ['PATH']}"}

    def program(self, name: str, script: str) -> None:
        """Add or replace a program on PATH."""
        path = self._directory / name
        path.write_text(script)
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """What svc was asked, in order."""
        file = self._directory / "calls"
        return file.read_text().splitlines() if file.exists() else []


def supervise(wrapper: Path, state: str = "up") -> None:
    """As if svscan had found the service."""
    for directory in (wrapper, wrapper / "log"):
        (directory / "supervise").mkdir(parents=True, exist_ok=True)
        (directory / "supervise/fake").write_text(f"{state}\n")
