"""Build the archives that install offline; the same sources and wheels give the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from smallbms.errors import InstallError
from smallbms.frozen import frozen
from smallbms.installer import wheels
from smallbms.installer.archive import CHECKSUM
from smallbms.installer.layout import NAME
from smallbms.installer.tree import ANY, BUNDLE, MANIFEST, Bundle, manifest_line, write_bundle

ARCHITECTURES = ("armv7l", "aarch64")  # of every GX from v3.60 on
SHIPPED = ("service", "ext", "install.sh", "setup.cfg", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
HOOKS = ("pre-hook.sh", "post-hook.sh")  # in service/venus; update-data.sh of Venus OS runs them
INCOMING = f"apps/{NAME}/incoming"  # below /data, where Venus OS unpacks what lies on a stick
USB_ARCHIVE = "venus-data.tar.gz"
_LEFT_OUT = ("__pycache__", ".egg-info", "wheels-")
_NO_COMMIT_S = 315532800  # 1980-01-01, where there is no history to ask


@frozen
class File:
    """A file of an archive."""

    content: bytes
    executable: bool = False


Files = Mapping[str, File]


def build(project: Path, out: Path, architecture: str, cache: Path) -> tuple[Path, ...]:
    """Write the archive for `install` and `upgrade`, its checksum, and for a GX the one for a USB stick; return them.

    Raises InstallError if wheels cannot be had.
    """
    time_s = commit_time_s(project)
    top = f"{NAME}-{version_of(project)}"
    files = {f"{top}/{name}": file for name, file in tree_files(project, architecture, cache).items()}
    archive = File(content=packed(files, time_s))
    name = f"{top}-{architecture}.tar.gz"
    checksum = File(content=manifest_line(hashlib.sha256(archive.content).hexdigest(), name).encode())
    directory = out / architecture
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(archive.content)
    (directory / f"{name}{CHECKSUM}").write_bytes(checksum.content)
    if architecture == ANY:
        return (directory / name,)
    usb = {f"{INCOMING}/{name}": archive, f"{INCOMING}/{name}{CHECKSUM}": checksum}
    usb |= {
        f"rc/{hook}": File(content=(project / "service/venus" / hook).read_bytes(), executable=True) for hook in HOOKS
    }
    (directory / USB_ARCHIVE).write_bytes(packed(usb, time_s))
    return directory / name, directory / USB_ARCHIVE


def tree_files(project: Path, architecture: str, cache: Path) -> Files:
    """Return all files of one version, its manifest among them."""
    files = dict(_own(project))
    if architecture == ANY:
        return _sealed(files, Bundle(version=version_of(project), architecture=ANY, python=ANY))
    requirements = project / "service" / f"wheels-{architecture}.txt"
    if not requirements.is_file():
        raise InstallError(f"no bundle can be built for {architecture}: there is no {requirements}")
    for wheel in wheels.fetched(requirements, architecture, cache / architecture):
        files |= {f"lib/{name}": File(content=content) for name, content in wheels.members(wheel)}
    return _sealed(files, Bundle(version=version_of(project), architecture=architecture, python=wheels.PYTHON))


def write_tree(project: Path, directory: Path) -> None:
    """Write the sources as the unpacked bundle of a system that has pip."""
    for name, file in tree_files(project, ANY, directory).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(0o755 if file.executable else 0o644)


def _sealed(files: dict[str, File], bundle: Bundle) -> Files:
    """Add what a version says of itself, and the manifest."""
    files[BUNDLE] = File(content=write_bundle(bundle))
    lines = (manifest_line(hashlib.sha256(files[name].content).hexdigest(), name) for name in sorted(files))
    files[MANIFEST] = File(content="".join(lines).encode())
    return files


def packed(files: Files, time_s: int) -> bytes:
    """Return a .tar.gz: sorted, owned by root, one time for all, no name and no time in its head."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name].content)
            member.mtime = time_s
            member.mode = 0o755 if files[name].executable else 0o644
            member.uname = member.gname = "root"
            tar.addfile(member, io.BytesIO(files[name].content))
    result = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=result, mtime=0) as zipped:
        zipped.write(raw.getvalue())
    return result.getvalue()


def version_of(project: Path) -> str:
    """Return the version that the package states."""
    text = (project / "service/smallbms/__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"/]+)"$', text, re.MULTILINE)
    if found is None:
        raise InstallError(f"{project} states no version")
    return found[1]


def commit_time_s(project: Path) -> int:
    """Return the time of the last commit."""
    command = ["git", "-C", str(project), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return _NO_COMMIT_S
    return int(done.stdout) if done.returncode == 0 else _NO_COMMIT_S


def described(archives: Sequence[Path]) -> Iterator[str]:
    """Yield a line for each archive: where it is, how large, its checksum."""
    for archive in archives:
        content = archive.read_bytes()
        yield f"{archive}  {len(content) / 1e6:.1f} MB  {hashlib.sha256(content).hexdigest()}"


def _own(project: Path) -> Iterator[tuple[str, File]]:
    for shipped in SHIPPED:
        top = project / shipped
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and not any(part in str(path.relative_to(project)) for part in _LEFT_OUT):
                executable = bool(path.stat().st_mode & 0o100)
                yield str(path.relative_to(project)), File(content=path.read_bytes(), executable=executable)
