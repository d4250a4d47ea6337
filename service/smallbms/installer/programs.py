"""Run the programs of the system."""

from __future__ import annotations

import subprocess

from smallbms.errors import InstallError


def call(*command: str) -> tuple[int, str]:
    """Run it; its status and what it said. A program that is not there fails like any other, with 127."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}"
    return done.returncode, (done.stdout + done.stderr).strip()


def ask(*command: str) -> str:
    """Run it; what it says, whatever its status."""
    return call(*command)[1]


def obey(*command: str) -> None:
    """Run it; InstallError with what it says if it fails."""
    status, said = call(*command)
    if status:
        raise InstallError(f"{' '.join(command)} failed: {said}")
