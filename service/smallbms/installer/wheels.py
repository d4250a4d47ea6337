"""Other people's packages: pinned by version and hash, fetched once, unpacked without what nobody needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from smallbms.errors import InstallError
from smallbms.installer.tree import sha256

PYTHON = "3.12"  # of every Venus OS from v3.60 on
GLIBC_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")  # Venus OS v3.60 has glibc 2.39
_NOT_NEEDED = ("/RECORD", "/INSTALLER", "/REQUESTED", "/entry_points.txt", "/top_level.txt", ".pyc", ".pyi")
_NOT_SHIPPED = ("tests", "test", "__pycache__")


class Pin(NamedTuple):
    """One line of a requirements file."""

    requirement: str
    digest: str


def pins(requirements: Path) -> tuple[Pin, ...]:
    """Read `name==version --hash=sha256:…` lines; InstallError for anything else."""
    found = []
    for line in requirements.read_text(encoding="utf-8").splitlines():
        requirement, mark, digest = line.partition(" --hash=sha256:")
        if not line or line.startswith("#"):
            continue
        if "==" not in requirement or not mark or len(digest) != 64:
            raise InstallError(f"{requirements}: not a pinned wheel: {line}")
        found.append(Pin(requirement, digest))
    return tuple(found)


def fetched(requirements: Path, architecture: str, cache: Path) -> tuple[Path, ...]:
    """Return the wheels that a requirements file pins, in its order; pip is only asked for what the cache lacks."""
    wanted = pins(requirements)
    cache.mkdir(parents=True, exist_ok=True)
    if {pin.digest for pin in wanted} - _cached(cache).keys():
        _download(requirements, architecture, cache)
    cached = _cached(cache)
    return tuple(cached[pin.digest] for pin in wanted)


def members(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of what a GX needs of a wheel; licences and the WHEEL file stay."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            *directories, last = name.split("/")
            if not last or name.endswith(_NOT_NEEDED) or set(directories) & set(_NOT_SHIPPED):
                continue
            if not any(directory.endswith(".data") for directory in directories):
                yield name, archive.read(name)


def _cached(cache: Path) -> Mapping[str, Path]:
    return {sha256(wheel): wheel for wheel in sorted(cache.glob("*.whl"))}


def _download(requirements: Path, architecture: str, cache: Path) -> None:
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--require-hashes", "--requirement", str(requirements), "--dest", str(cache),
        "--python-version", PYTHON, "--implementation", "cp", "--abi", f"cp{PYTHON.replace('.', '')}",
        *(f"--platform={platform}_{architecture}" for platform in GLIBC_PLATFORMS),
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        reason = "\n".join(line for line in done.stderr.splitlines() if line.startswith("ERROR"))
        raise InstallError(f"the wheels of {requirements.name} cannot be fetched: {reason or done.stderr.strip()}")
