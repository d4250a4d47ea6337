"""The programs of a Debian that installing asks: scripts on PATH that write down what they were told."""

from __future__ import annotations

import os
from pathlib import Path

TOLD = """#!/bin/sh
echo "$(basename "$0") $*" >>"{calls}"
"""
SYSTEMCTL = (
    TOLD
    + """
case $1 in
    show) cat "{state}/$(echo "$4" | sed 's/.service//').pid" 2>/dev/null || echo 0 ;;
    start) echo 100 >"{state}/$(echo "$3" | sed 's/.service//').pid" ;;
    restart) echo 101 >"{state}/$(echo "$3" | sed 's/.service//').pid" ;;
    stop) rm -f "{state}/$(echo "$2" | sed 's/.service//').pid" ;;
esac
"""
)
ID = TOLD + """[ -e "{state}/user" ]\n"""
USERADD = TOLD + """touch "{state}/user"\n"""
USERDEL = TOLD + """rm "{state}/user"\n"""
GETENT = TOLD + """[ "$2" != i2c ]\n"""
UDEVADM = (
    TOLD + """for last; do :; done\ncat "{state}/${{last##*/}}" 2>/dev/null || cat "{state}/properties" 2>/dev/null\n"""
)

PROGRAMS = {
    "systemctl": SYSTEMCTL,
    "id": ID,
    "useradd": USERADD,
    "userdel": USERDEL,
    "usermod": TOLD,
    "chgrp": TOLD,
    "getent": GETENT,
    "udevadm": UDEVADM,
    "systemd-run": TOLD,
}


class DebianPrograms:
    """The scripts, installed; `calls` is what they were told."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "state"
        self._calls = directory / "calls"
        self.state.mkdir(parents=True)
        for name, script in PROGRAMS.items():
            program = directory / name
            program.write_text(script.format(calls=self._calls, state=self.state))
            program.chmod(0o755)
        self.path = f"{directory}:{os.environ['PATH']}"

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []
