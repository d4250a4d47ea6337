"""What a USB stick brings at boot: nobody is there to ask, and it may stay plugged in for years."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from smallbms.errors import OutputError
from smallbms.installer import tree, venus
from smallbms.installer.changelog import version_key
from smallbms.installer.console import Console
from smallbms.installer.journal import HEALTHY_S
from smallbms.installer.update import Machine
from smallbms.installer.upgrade import upgrade

BOOTED_S = 180.0  # for the version that is there to be in control: it judges and, if need be, comes back


def arrive(machine: Machine, console: Console, source: Path, archive: Path, given: Path | None) -> bool:
    """Install the version in `source`, or upgrade an older one from its `archive`.

    A newer one stays, and so does one that was rolled back to: the stick may have been forgotten.
    """
    layout = machine.layout
    brought, current = tree.read_bundle(source).version, layout.linked_version(layout.current)
    if current is None or current == brought:
        return venus.install(layout, console, source, given)
    if version_key(current) > version_key(brought) or brought == layout.linked_version(layout.previous):
        console.say(f"{current} is installed and stays: {brought} on the stick is older, or was rolled back.")
        return True
    _wait_for_control(machine)
    return upgrade(machine, console, archive, None, HEALTHY_S)


def _wait_for_control(machine: Machine) -> None:
    end_s = machine.clock() + BOOTED_S
    while machine.clock() < end_s:
        with suppress(OutputError):
            if machine.outputs.state().armed:
                return
        machine.sleep(machine.times.poll_s)
