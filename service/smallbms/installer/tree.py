"""The directory of one version: what belongs to it, whether all of it is as it was built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from smallbms.errors import InstallError
from smallbms.frozen import frozen

MANIFEST = "MANIFEST"  # the format of sha256sum, so that `sha256sum -c MANIFEST` does it by hand
BUNDLE = "bundle.json"
ANY = "any"  # the architecture and Python of a bundle without wheels, where the system has pip
VENV = "venv"  # made there, of no bundle
_COMPILED = "__pycache__"
_CHUNK = 1 << 20


@frozen
class Bundle:
    """What a version says of itself."""

    version: str
    architecture: str  # as `uname -m` says it
    python: str  # as "3.12": its wheels are for no other


def write_bundle(bundle: Bundle) -> bytes:
    """Return the content of bundle.json."""
    return (json.dumps(asdict(bundle), indent=2) + "\n").encode()


def read_bundle(tree: Path) -> Bundle:
    """Return what a version says of itself; InstallError if this is no unpacked bundle."""
    try:
        said = json.loads((tree / BUNDLE).read_bytes())
        bundle = Bundle(**said)
    except (OSError, ValueError, TypeError):
        raise InstallError(
            f"{tree} is no unpacked bundle: take dbus-smallbms-ng-….tar.gz, or make one with ./install.sh bundle"
        ) from None
    if not all(isinstance(value, str) and value for value in asdict(bundle).values()) or "/" in bundle.version:
        raise InstallError(f"{tree / BUNDLE} makes no sense")
    return bundle


def manifest_line(digest: str, name: str) -> str:
    """Return one line of a manifest."""
    return f"{digest}  {name}\n"


def verify(tree: Path) -> None:
    """Raise InstallError unless every file is there and as it was built, and none but compiled ones beside them."""
    wanted = dict(_manifest(tree))
    found = {str(path.relative_to(tree)) for path in files_of(tree)} - {MANIFEST}
    if missing := sorted(wanted.keys() - found):
        raise InstallError(f"{tree / missing[0]} is missing ({len(missing)} in all): unpack the archive again")
    if strange := sorted(found - wanted.keys()):
        raise InstallError(f"{tree / strange[0]} does not belong there ({len(strange)} in all)")
    for name, digest in wanted.items():
        if sha256(tree / name) != digest:
            raise InstallError(f"{tree / name} is not as it was built: copy and unpack the archive again")


def is_whole(tree: Path) -> bool:
    """Whether `verify` has nothing to say."""
    try:
        verify(tree)
    except InstallError:
        return False
    return True


def files_of(tree: Path) -> Iterator[Path]:
    """Every file and link of a tree but compiled ones and its venv; directories that links lead to are not entered."""
    for path in sorted(tree.rglob("*")):
        parts = path.relative_to(tree).parts
        if _COMPILED not in parts and parts[0] != VENV and (path.is_symlink() or not path.is_dir()):
            yield path


def size_of(tree: Path) -> int:
    """Return the bytes of its files."""
    return sum(path.lstat().st_size for path in files_of(tree))


def sha256(path: Path) -> str:
    """Return the checksum of a file; "" of what is none, a link too."""
    if path.is_symlink() or not path.is_file():
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _manifest(tree: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = (tree / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise InstallError(f"{tree / MANIFEST} is missing or not readable: unpack the archive again") from None
    for line in lines:
        digest, _, name = line.partition("  ")
        yield name, digest
