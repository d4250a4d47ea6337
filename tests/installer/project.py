"""A small project to bundle: what a version needs to be installed, and nothing that must be fetched."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from smallbms.installer import bundle
from smallbms.installer.tree import BUNDLE, MANIFEST, Bundle, manifest_line, sha256, write_bundle

ROOT = Path(__file__).parents[2]
COPIED = (
    "service/venus/environment.sh",
    "service/venus/post-hook.sh",
    "service/venus/pre-hook.sh",
    "service/venus/smallbms",
    "service/venus/supervised/run",
    "service/venus/supervised/log/run",
    "service/backoff.sh",
    "service/dbus-smallbms-ng/run",
    "service/smallbms-outputs/run",
    "service/smallbms.example.toml",
    "install.sh",
)
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def make_project(directory: Path, version: str = "1.2.3") -> Path:
    """Write a project of this version; its package says what it was told and no more."""
    for name in COPIED:
        copy = directory / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
        copy.chmod((ROOT / name).stat().st_mode)
    package = directory / "service/smallbms"
    package.mkdir()
    (package / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (package / "__main__.py").write_text("import sys\n\nprint(*sys.argv[1:])\n")
    (directory / "ext").mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        (directory / name).write_text(f"{name} of {version}\n")
    (directory / "service/wheels-x86_64.txt").write_text("# none\n")
    return directory


def make_tree(directory: Path, version: str = "1.2.3") -> Path:
    """Write the unpacked bundle of such a project, for this machine and this Python."""
    make_project(directory, version)
    said = Bundle(version=version, architecture=os.uname().machine, python=PYTHON)
    (directory / BUNDLE).write_bytes(write_bundle(said))
    return seal(directory)


def seal(directory: Path) -> Path:
    """Write the manifest of what is there."""
    names = sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())
    lines = [manifest_line(sha256(directory / name), name) for name in names if name != MANIFEST]
    (directory / MANIFEST).write_text("".join(lines))
    return directory


def make_archive(tmp_path: Path, version: str = "1.2.3") -> Path:
    """Bundle such a project, for x86_64."""
    project = make_project(tmp_path / f"project-{version}", version)
    return bundle.build(project, tmp_path / "out", "x86_64", tmp_path / "cache")[0]
