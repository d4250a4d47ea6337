"""The configuration file as far as installing cares: an example if there is none, whether somebody filled it in."""

from __future__ import annotations

import subprocess
from pathlib import Path

from smallbms.errors import InstallError
from smallbms.installer import disk
from smallbms.installer.layout import Layout, System
from smallbms.installer.module import module_of

EXAMPLE = "service/smallbms.example.toml"  # in a version's directory; every line of it is a comment


def is_filled_in(file: Path) -> bool:
    """Whether it says anything; a file of comments, as the example, does not."""
    if not file.exists():
        return False
    return any(line.strip() and not line.startswith("#") for line in file.read_text(errors="replace").splitlines())


def provide(layout: Layout, example: Path, given: Path | None) -> str:
    """Put `given`, else the example, where there is no configuration yet; a sentence on what is there now."""
    file = layout.configuration
    if is_filled_in(file):
        return f"{file} is kept" + (f"; {given} is not used" if given else "")
    if given is not None and not given.is_file():
        raise InstallError(f"{given} is not there")
    file.parent.mkdir(parents=True, exist_ok=True)
    # the password of a broker may be in it; on a GX all are root, on Debian another user has to read it
    mode = 0o600 if layout.system is System.VENUS else 0o644
    if given is not None:
        disk.write(file, given.read_bytes(), mode)
        return f"{given} is now {file}"
    if not file.exists():
        disk.write(file, example.read_bytes(), mode)
    return f"{file} is an example: say there what you have, and the BMS starts by itself"


def judged(layout: Layout, version: str) -> str:
    """Return what `smallbms check` of a version says of the configuration; the service says the same in its log."""
    program = module_of(layout.version(version), "smallbms", "check", "--config", str(layout.configuration))
    done = subprocess.run(program.command, env=program.environment, capture_output=True, text=True, check=False)
    return (done.stderr or done.stdout).strip()
