"""What must hold before anything is changed; each fault is a sentence that says what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from smallbms.errors import InstallError
from smallbms.installer.layout import Layout, System
from smallbms.installer.tree import ANY, Bundle, size_of

SPARE_BYTES = 20_000_000  # for state, logs and everyone else
_ROOM = 3  # a version, compiled, and while it is copied


def check(layout: Layout, source: Path, bundle: Bundle) -> None:
    """Raise InstallError with every fault that keeps this bundle from running here."""
    faults = [*_who(), *_machine(layout, bundle), *_place(layout, size_of(source) * _ROOM + SPARE_BYTES)]
    if faults:
        raise InstallError("\n".join([*faults, "Nothing was changed."]))


def refuse_other(layout: Layout, version: str) -> None:
    """Raise InstallError where another version is installed: exchanging it is not installing."""
    other = layout.linked_version(layout.current)
    if other not in (None, version):
        raise InstallError(f"{other} is installed: `install.sh upgrade FILE` exchanges it for {version}")


def _who() -> Iterator[str]:
    if os.geteuid() != 0:
        yield "only root may do this: log in as root, or put sudo before it"


def _machine(layout: Layout, bundle: Bundle) -> Iterator[str]:
    machine = os.uname().machine
    wanted = machine if layout.system is System.VENUS else ANY
    if wanted != bundle.architecture:
        yield f"this bundle is for {bundle.architecture}, this machine is {machine}: take the archive …-{wanted}.tar.gz"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if bundle.python not in (python, ANY):
        yield f"this bundle is for Python {bundle.python}, here is {python}: take a newer version of it"


def _place(layout: Layout, wanted_bytes: int) -> Iterator[str]:
    place = layout.home
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        yield f"{place} cannot be written to: reboot; if that does not help, the flash memory is worn out"
    free_bytes = shutil.disk_usage(place).free
    if free_bytes < wanted_bytes:
        yield f"{place} has {free_bytes / 1e6:.0f} MB free, {wanted_bytes / 1e6:.0f} MB are needed: remove something"
