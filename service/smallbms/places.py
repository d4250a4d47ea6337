"""Where state and sockets live on this machine, and by which names we are found."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from .errors import ConfigError

BUS_FILE = "bus"  # in the runtime directory: which bus, and our name on it, a line each
SERVICE_PREFIX = "com.victronenergy.battery.smallbms_"  # the serial follows

_ROOT = Path("/")


def _writable(directory: Path) -> bool:
    return os.access(directory, os.W_OK | os.X_OK)


def state_directory(
    environ: Mapping[str, str],
    *,
    root: Path = _ROOT,
    uid: int | None = None,
    writable: Callable[[Path], bool] = _writable,
) -> Path:
    """Where state is kept; only says where, creates nothing.

    Venus OS: `/data/conf/dbus-smallbms-ng`. Elsewhere `/var/lib/smallbms` if it is ours or can be created, else
    `$XDG_STATE_HOME/smallbms`. A place that has become read-only stays the place: its trips and SoC still count.
    """
    uid = os.geteuid() if uid is None else uid
    if (root / "opt/victronenergy").is_dir() and (root / "data/conf").is_dir():
        return root / "data/conf/dbus-smallbms-ng"
    system = root / "var/lib/smallbms"
    if _ours(system, uid) or _usable(system, writable):
        return system
    home = Path(environ.get("HOME", "/"))
    return _absolute(environ.get("XDG_STATE_HOME"), home / ".local/state") / "smallbms"


def runtime_directory(
    environ: Mapping[str, str],
    *,
    root: Path = _ROOT,
    temporary: Path | None = None,
    uid: int | None = None,
    writable: Callable[[Path], bool] = _writable,
) -> Path:
    """The directory for sockets and locks: the first of `runtime_candidates` that can be used, created if missing.

    Raises ConfigError if even the one under the temporary directory is not private to this user.
    """
    *shared, private = runtime_candidates(environ, root=root, temporary=temporary, uid=uid)
    for directory in shared:
        if _usable(directory, writable):
            directory.mkdir(exist_ok=True)
            return directory
    return _private(private, os.geteuid() if uid is None else uid)


def runtime_candidates(
    environ: Mapping[str, str],
    *,
    root: Path = _ROOT,
    temporary: Path | None = None,
    uid: int | None = None,
) -> tuple[Path, ...]:
    """Where a service of this machine may have put its sockets, best first; for clients that look for it.

    `/run/smallbms`, `$XDG_RUNTIME_DIR/smallbms`, `smallbms-<uid>` in the temporary directory.
    """
    uid = os.geteuid() if uid is None else uid
    session = environ.get("XDG_RUNTIME_DIR", "")
    of_session = (Path(session, "smallbms"),) if os.path.isabs(session) else ()
    return (root / "run/smallbms", *of_session, (temporary or Path(tempfile.gettempdir())) / f"smallbms-{uid}")


def _absolute(value: str | None, default: Path) -> Path:
    """The XDG rule: a relative path counts as not set."""
    return Path(value) if value and os.path.isabs(value) else default


def _ours(directory: Path, uid: int) -> bool:
    return directory.is_dir() and uid in (0, directory.stat().st_uid)


def _usable(directory: Path, writable: Callable[[Path], bool]) -> bool:
    """Whether it is a directory to write to, or its parent is one to create it in."""
    place = directory if directory.exists() else directory.parent
    return place.is_dir() and writable(place)


def _private(directory: Path, uid: int) -> Path:
    """Anyone may have put something of that name there before us: trust only what is ours and closed to others."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise ConfigError(f"{directory} cannot be created ({error}); set XDG_RUNTIME_DIR") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise ConfigError(f"{directory} is not private to user {uid}; remove it or set XDG_RUNTIME_DIR")
    return directory
