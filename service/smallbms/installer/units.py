"""What lies outside of the versions on Debian: the units, the D-Bus policy, the command."""

from __future__ import annotations

from smallbms.installer import disk
from smallbms.installer.layout import Layout
from smallbms.installer.programs import call, obey

SOURCE = "service/systemd"  # in a version's directory
FILES = {
    "smallbms-outputs.service": "etc/systemd/system",
    "dbus-smallbms-ng.service": "etc/systemd/system",
    "com.victronenergy.smallbms.conf": "etc/dbus-1/system.d",
}
COMMAND = "usr/local/bin/smallbms"


def put(layout: Layout) -> None:
    """Put them as the current version has them."""
    for name, directory in FILES.items():
        place = layout.root / directory
        place.mkdir(parents=True, exist_ok=True)
        disk.write(place / name, (layout.current / SOURCE / name).read_bytes())
    command = layout.root / COMMAND
    command.parent.mkdir(parents=True, exist_ok=True)
    disk.point(command, f"/{(layout.current / SOURCE / 'smallbms').relative_to(layout.root)}")
    _tell()


def remove(layout: Layout) -> None:
    """Take them away."""
    for name, directory in FILES.items():
        (layout.root / directory / name).unlink(missing_ok=True)
    (layout.root / COMMAND).unlink(missing_ok=True)
    _tell()


def _tell() -> None:
    obey("systemctl", "daemon-reload")
    call("systemctl", "reload", "dbus.service")  # it looks by itself too
