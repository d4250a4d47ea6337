"""Unpack an archive beside what runs: nothing of it is used before all of it is there and checked."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from smallbms.errors import InstallError
from smallbms.installer import disk, tree
from smallbms.installer.compiling import compile_tree
from smallbms.installer.layout import NAME, Layout
from smallbms.installer.tree import Bundle

CHECKSUM = ".sha256"
_BROKEN = (tarfile.TarError, EOFError, zlib.error)


def check_sum(archive: Path) -> None:
    """Raise InstallError unless the archive is the one that the .sha256 file beside it names."""
    beside = archive.with_name(archive.name + CHECKSUM)
    try:
        wanted = beside.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        raise InstallError(f"{beside} is missing: copy it together with the archive") from None
    if not archive.is_file():
        raise InstallError(f"{archive} is not there")
    if not wanted or tree.sha256(archive) != wanted[0]:
        raise InstallError(f"{archive} is not what {beside.name} says: copy it again")


@contextmanager
def unpacked(archive: Path, layout: Layout) -> Iterator[tuple[Path, Bundle]]:
    """Unpack below the layout's versions, check every file, hand out the tree; take it away again at the end.

    Raises InstallError for a damaged archive, one of something else, and one that would write elsewhere.
    """
    place = layout.versions / f"unpacking-{os.getpid()}"
    try:
        _extract(archive, place)
        (top, *more) = sorted(place.iterdir())
        if more or not top.name.startswith(NAME):
            raise InstallError(f"{archive} is no archive of {NAME}")
        bundle = tree.read_bundle(top)
        tree.verify(top)
        yield top, bundle
    finally:
        shutil.rmtree(place, ignore_errors=True)


def put_in_place(source: Path, layout: Layout) -> bool:
    """Copy the tree of a version to where it will run, and compile it; False if a whole one was there.

    A power cut leaves the old state or the new one: it is renamed when all of it is on the disk.
    """
    bundle = tree.read_bundle(source)
    target = layout.version(bundle.version)
    if tree.is_whole(target):
        return False
    tree.verify(source)
    partial, broken = target.with_name(f"{target.name}.partial"), target.with_name(f"{target.name}.broken")
    for left_over in (partial, broken):
        shutil.rmtree(left_over, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    for path in tree.files_of(source):
        copy = partial / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
        copy.chmod(_mode(path.stat().st_mode))
    compile_tree(partial, target)
    os.sync()
    if target.exists():
        target.rename(broken)
        if (broken / tree.VENV).is_dir():  # without a network there would be no other
            (broken / tree.VENV).rename(partial / tree.VENV)
    partial.rename(target)
    os.sync()
    shutil.rmtree(broken, ignore_errors=True)
    return True


def make_current(layout: Layout, version: str) -> None:
    """Let `current` point to a version that is in place."""
    if layout.linked_version(layout.current) != version:
        disk.point(layout.current, f"{layout.versions.name}/{version}")


def _extract(archive: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                _extract_one(tar, member, place)
    except _BROKEN as error:
        raise InstallError(f"{archive} is damaged ({error}): copy it again") from None
    except OSError as error:
        raise InstallError(f"{archive} cannot be unpacked: {error.strerror or error}") from error


def _extract_one(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    """Write a plain file; whatever else an archive may hold has no place in one of ours."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not member.isfile():
        raise InstallError(f"the archive holds {member.name!r}, which no archive of {NAME} does")
    target = place / name
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # of a plain file there is one
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(_mode(member.mode))
    os.utime(target, (member.mtime, member.mtime))


def _mode(found: int) -> int:
    """Everybody may read it, whatever the umask of whoever unpacked it was: the service runs as a user of its own."""
    return 0o755 if found & 0o100 else 0o644
