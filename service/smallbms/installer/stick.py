"""What a USB stick brings at boot: nobody is there to ask, and it may stay plugged in for years."""

from __future__ import annotations

from pathlib import Path

from smallbms.installer import tree, venus
from smallbms.installer.changelog import version_key
from smallbms.installer.console import Console
from smallbms.installer.journal import HEALTHY_S
from smallbms.installer.layout import Layout
from smallbms.installer.update import machine_of
from smallbms.installer.upgrade import upgrade


def arrive(layout: Layout, console: Console, source: Path, archive: Path, given: Path | None) -> bool:
    """Install the version in `source`, or upgrade an older one from its `archive`; a newer one stays."""
    brought, current = tree.read_bundle(source).version, layout.linked_version(layout.current)
    if current is None or current == brought:
        return venus.install(layout, console, source, given)
    if version_key(current) > version_key(brought):
        console.say(f"{current} is installed and newer than {brought} on the stick: it stays.")
        return True
    return upgrade(machine_of(layout, console.say), console, archive, None, HEALTHY_S)
