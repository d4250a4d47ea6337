"""Archives as `install.sh bundle` builds them, of this version and of others that differ in a line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from smallbms import __version__
from smallbms.installer import bundle

from .root import CACHE

PROJECT = Path(__file__).parents[2]
ARCHITECTURE = "x86_64"  # of the Venus-like root
THIS, NEWER, BAD = __version__, "98.0.0", "99.0.0"

VERSION = "service/smallbms/__init__.py"
RUN = "service/dbus-smallbms-ng/run"


def build(out: Path, project: Path = PROJECT, architecture: str = ARCHITECTURE) -> Path:
    """Build the archives of a project into `out`; the one to install or upgrade from. The other lies beside it."""
    return bundle.build(project, out, architecture, CACHE / "wheels")[0]


def beside(archive: Path) -> Path:
    """The one for a USB stick."""
    return archive.parent / bundle.USB_ARCHIVE


def another(folder: Path, version: str, replaced: Mapping[str, str] | None = None) -> Path:
    """A copy of the project that states another version, with other contents of some files."""
    for name in bundle.SHIPPED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    stated = (folder / VERSION).read_text(encoding="utf-8")
    (folder / VERSION).write_text(re.sub(r'(__version__ = )".*"', rf'\1"{version}"', stated), encoding="utf-8")
    changes = (folder / "CHANGELOG.md").read_text(encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## {version}\n- Something is new in {version}.\n\n{changes}")
    for name, content in (replaced or {}).items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder
