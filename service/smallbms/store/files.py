"""The one door to the disk, so that tests can record, break and slow down every call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

JsonObject = dict[str, object]


class Files:
    """Calls of the operating system that the store needs; each raises OSError as the system does."""

    def __init__(self) -> None:
        self.bytes_written = 0

    def make_directory(self, path: Path) -> None:
        """Create the directory and its parents; it may exist already."""
        path.mkdir(parents=True, exist_ok=True)

    def writable(self, directory: Path) -> bool:
        """Whether files can be created there; False on a file system mounted read-only, for root as well."""
        return os.access(directory, os.W_OK | os.X_OK)

    def names(self, directory: Path) -> list[str]:
        """The names in a directory, in no order."""
        return os.listdir(directory)

    def read(self, path: Path) -> bytes:
        """The whole file."""
        return path.read_bytes()

    @contextmanager
    def create(self, path: Path) -> Iterator[int]:
        """An empty file open for writing."""
        with self._opened(path, os.O_CREAT | os.O_TRUNC) as descriptor:
            yield descriptor

    @contextmanager
    def overwrite(self, path: Path) -> Iterator[int]:
        """A file that is there, open for writing over what it holds."""
        with self._opened(path, 0) as descriptor:
            yield descriptor

    @contextmanager
    def extend(self, path: Path) -> Iterator[int]:
        """A file open for writing at its end, created where it is missing."""
        with self._opened(path, os.O_CREAT | os.O_APPEND) as descriptor:
            yield descriptor

    @contextmanager
    def _opened(self, path: Path, flags: int) -> Iterator[int]:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, 0o644)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def write(self, descriptor: int, content: bytes) -> None:
        """Write all of it; a full disk may leave a part."""
        rest = memoryview(content)
        while rest:
            count = os.write(descriptor, rest)
            self.bytes_written += count
            rest = rest[count:]

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to a size in bytes."""
        os.ftruncate(descriptor, size)

    def fsync(self, descriptor: int) -> None:
        """Return when the file's content is on the medium."""
        os.fsync(descriptor)

    def fdatasync(self, descriptor: int) -> None:
        """The same where neither size nor place of the file has changed."""
        os.fdatasync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Move a file, replacing the target in one step."""
        os.replace(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a file; it may be missing."""
        path.unlink(missing_ok=True)

    def fsync_directory(self, path: Path) -> None:
        """Return when the directory's names are on the medium."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
