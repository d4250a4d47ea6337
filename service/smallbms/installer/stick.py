"""What a USB stick brings at boot: nobody is there to ask, and it may stay plugged in for years."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from smallbms.errors import OutputError
from smallbms.installer import disk, tree, venus
from smallbms.installer.changelog import version_key
from smallbms.installer.console import Console
from smallbms.installer.journal import HEALTHY_S
from smallbms.installer.layout import Layout
from smallbms.installer.update import Machine
from smallbms.installer.upgrade import upgrade

BOOTED_S = 180.0  # for the version that is there to be in control: it judges and, if need be, comes back


def arrive(machine: Machine, console: Console, source: Path, archive: Path, given: Path | None) -> bool:
    """Install the version in `source`, or upgrade an older one from its `archive`.

    A newer one stays, so does one that was rolled back to, and what was not healthy is not tried again: the stick may
    have been forgotten.
    """
    layout = machine.layout
    brought, current = tree.read_bundle(source).version, layout.linked_version(layout.current)
    if current is None or current == brought:
        return venus.install(layout, console, source, given)
    if version_key(current) > version_key(brought) or brought == layout.linked_version(layout.previous):
        console.say(f"{current} is installed and stays: {brought} on the stick is older, or was rolled back.")
        return True
    checksum = tree.sha256(archive)
    if _refused(layout) == checksum:
        console.say(
            f"{current} stays: {brought} on the stick was not healthy here. Take the stick out, or put another."
        )
        return True
    _wait_for_control(machine)
    done = upgrade(machine, console, archive, None, HEALTHY_S)
    if not done:
        disk.write(layout.refused, checksum)
    return done


def _refused(layout: Layout) -> str | None:
    try:
        return layout.refused.read_text(encoding="ascii")
    except (OSError, ValueError):
        return None


def _wait_for_control(machine: Machine) -> None:
    end_s = machine.clock() + BOOTED_S
    while machine.clock() < end_s:
        with suppress(OutputError):
            if machine.outputs.state().armed:
                return
        machine.sleep(machine.times.poll_s)
