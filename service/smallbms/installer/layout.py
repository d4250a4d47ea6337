"""Every place that installing touches, on Venus OS and on Debian, below a root that tests choose."""

from __future__ import annotations

from enum import Enum, auto
from pathlib import Path

from smallbms.errors import InstallError
from smallbms.frozen import frozen

HERE = Path(__file__).parents[3]  # the directory of the version, or of the sources, that this code is of
NAME = "dbus-smallbms-ng"
MAIN = NAME
OUTPUTS = "smallbms-outputs"
SUPERVISED = (OUTPUTS, MAIN)  # in the order in which they are started

_ROOT = Path("/")


class System(Enum):
    """Which kind of machine it is."""

    VENUS = auto()
    DEBIAN = auto()


@frozen
class Layout:
    """The places of one machine; nothing of it needs to exist."""

    system: System
    root: Path
    home: Path
    configuration: Path
    state: Path
    services: Path  # where the supervisor looks: /service or /etc/systemd/system

    @property
    def versions(self) -> Path:
        """One directory for each unpacked version."""
        return self.home / "versions"

    @property
    def current(self) -> Path:
        """Link to the version that runs."""
        return self.home / "current"

    @property
    def previous(self) -> Path:
        """Link to the version before it, for a rollback."""
        return self.home / "previous"

    @property
    def journal(self) -> Path:
        """What a running update has done; there only while one runs."""
        return self.home / "update.json"

    @property
    def lock(self) -> Path:
        """Held (flock) by whoever carries out an update."""
        return self.home / "update.lock"

    @property
    def refused(self) -> Path:
        """The checksum of the archive on a stick that came to nothing here, so that it is not tried at each boot."""
        return self.home / "refused"

    @property
    def wrappers(self) -> Path:
        """The directories that supervise runs in: outside of any version, so that an update may remove one."""
        return self.home / "service"

    @property
    def runtime(self) -> Path:
        """Sockets and locks."""
        return self.root / "run/smallbms"

    @property
    def outputs_socket(self) -> Path:
        """The socket of the outputs process."""
        return self.runtime / "outputs.sock"

    def version(self, version: str) -> Path:
        """Where a version is, or would be."""
        return self.versions / version

    def linked_version(self, link: Path) -> str | None:
        """Return the version that `current` or `previous` points to; None if it points to nothing that is there."""
        return link.readlink().name if link.is_symlink() and link.is_dir() else None


def venus(root: Path = _ROOT) -> Layout:
    """A GX: all of it below /data, which alone outlives a firmware update."""
    own = root / "data/conf" / NAME
    return Layout(
        system=System.VENUS,
        root=root,
        home=root / "data/apps" / NAME,
        configuration=own / "smallbms.toml",
        state=own,
        services=root / "service",
    )


def debian(root: Path = _ROOT) -> Layout:
    """Debian and Raspberry Pi OS."""
    return Layout(
        system=System.DEBIAN,
        root=root,
        home=root / "opt" / NAME,
        configuration=root / "etc/smallbms/smallbms.toml",
        state=root / "var/lib/smallbms",
        services=root / "etc/systemd/system",
    )


def layout_of(root: Path = _ROOT) -> Layout:
    """The layout of this machine; InstallError if it is neither Venus OS nor a Debian."""
    if (root / "opt/victronenergy").is_dir():
        return venus(root)
    if (root / "etc/debian_version").is_file():
        return debian(root)
    raise InstallError("this is neither Venus OS nor Debian / Raspberry Pi OS: there is no recipe for it")
