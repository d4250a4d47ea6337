"""At each boot of a GX: make anew what it forgets. `python3 -m smallbms.installer.boot`, light, for a busy moment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from smallbms.installer import disk
from smallbms.installer.layout import SUPERVISED, Layout, venus
from smallbms.installer.services import Daemontools

WRAPPER = "service/venus/supervised"  # in a version's directory
COMMAND = "service/venus/smallbms"
_FILES = ("run", "log/run")


def main(argv: Sequence[str] | None = None) -> int:
    """Boot; the only argument is a root other than /."""
    arguments = sys.argv[1:] if argv is None else argv
    layout = venus(*map(Path, arguments))
    if not layout.journal.exists():
        boot(layout)
        return 0
    from smallbms.installer import guard, update  # seldom needed, and heavy

    with guard.settled(update.machine_of(layout, print)):
        boot(layout)
    return 0


def boot(layout: Layout) -> None:
    """Put what supervise runs, and link it in /service: both processes start."""
    put_wrappers(layout)
    supervise(layout)


def put_wrappers(layout: Layout) -> None:
    """Put what supervise runs beside the versions, as the current version has it, and the command `smallbms`."""
    for name in SUPERVISED:
        for file in _FILES:
            wrapper = layout.wrappers / name / file
            content = (layout.current / WRAPPER / file).read_bytes()
            if not wrapper.exists() or wrapper.read_bytes() != content:
                wrapper.parent.mkdir(parents=True, exist_ok=True)
                disk.write(wrapper, content, mode=0o755)
    command = layout.home / "smallbms"
    if not command.is_symlink():
        disk.point(command, f"{layout.current.name}/{COMMAND}")


def supervise(layout: Layout) -> None:
    """Link both in /service and have svscan look."""
    services = Daemontools(layout.services, proc=layout.root / "proc")
    for name in SUPERVISED:
        services.adopt(name, layout.wrappers / name)


if __name__ == "__main__":
    sys.exit(main())
