"""Disks that fail: one refuses calls; one records them and gives all images a power cut may leave behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from smallbms.store import Files

SHORT_BYTES, HEAD_BYTES, STRIDE_BYTES = 1000, 40, 499

Image = dict[str, bytes]  # file name -> content
Call = tuple[object, ...]


class Killed(BaseException):
    """The process ended right after a call."""


class RecordingFiles(Files):
    """Does all for real and notes what changes the disk, one inode number a created file; may die at one call."""

    def __init__(self, kill_at: int | None = None) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._kill_at = kill_at
        self._inodes: dict[str, int] = {}
        self._open: dict[int, int] = {}
        self._over: set[int] = set()

    def _note(self, *call: object) -> None:
        self.calls.append(call)
        if len(self.calls) == self._kill_at:
            raise Killed

    @contextmanager
    def create(self, path: Path) -> Iterator[int]:
        inode = self._inodes[path.name] = len(self.calls)
        with super().create(path) as descriptor:
            self._open[descriptor] = inode
            self._note("link", path.name, inode)
            yield descriptor

    @contextmanager
    def overwrite(self, path: Path) -> Iterator[int]:
        with super().overwrite(path) as descriptor:
            self._open[descriptor] = self._inodes[path.name]
            self._over.add(descriptor)
            try:
                yield descriptor
            finally:
                self._over.remove(descriptor)

    @contextmanager
    def extend(self, path: Path) -> Iterator[int]:
        created = path.name not in self._inodes
        inode = self._inodes.setdefault(path.name, len(self.calls))
        with super().extend(path) as descriptor:
            self._open[descriptor] = inode
            if created:
                self._note("link", path.name, inode)
            yield descriptor

    def write(self, descriptor: int, content: bytes) -> None:
        super().write(descriptor, content)
        self._note("over" if descriptor in self._over else "write", self._open[descriptor], content)

    def fsync(self, descriptor: int) -> None:
        super().fsync(descriptor)
        self._note("fsync", self._open[descriptor])

    def fdatasync(self, descriptor: int) -> None:
        super().fdatasync(descriptor)
        self._note("fsync", self._open[descriptor])

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        inode = self._inodes[target.name] = self._inodes.pop(source.name)
        self._note("rename", source.name, target.name, inode)

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._inodes.pop(path.name, None)
        self._note("unlink", path.name)

    def fsync_directory(self, path: Path) -> None:
        super().fsync_directory(path)
        self._note("fsync directory")


class FailingFiles(Files):
    """Fails one kind of call with one errno while `failing`."""

    def __init__(self, call: str, number: int) -> None:
        super().__init__()
        self.failing = True
        real = getattr(self, call)

        def checked(*arguments: object) -> object:
            if self.failing:
                raise OSError(number, os.strerror(number))
            return real(*arguments)

        setattr(self, call, checked)


def images(files: RecordingFiles, calls: int) -> Iterator[Image]:
    """Every image that power lost after so many calls may leave.

    Names that were not made durable by an fsync of the directory are there or not, in any combination; content that was
    not made durable is lost, torn at any byte, or there in length but zero; what was written over a file of the same
    length is there, not there, or torn between new and old in either order, or between new and zero.
    """
    durable: dict[int, bytes] = {}
    loose: dict[int, bytes] = {}
    over: dict[int, bytes] = {}
    names: dict[str, int] = {}
    pending: list[Call] = []
    for call in files.calls[:calls]:
        match call:
            case ("write", int(inode), bytes(content)):
                loose[inode] = loose.get(inode, b"") + content
            case ("over", int(inode), bytes(content)):
                over[inode] = content
            case ("fsync", int(inode)):
                durable[inode] = over.pop(inode, durable.get(inode, b"")) + loose.pop(inode, b"")
            case ("fsync directory",):
                _apply(names, pending)
                pending = []
            case _:
                pending.append(call)
    for kept in product((True, False), repeat=len(pending)):
        linked = dict(names)
        _apply(linked, [call for call, keep in zip(pending, kept, strict=True) if keep])
        for torn, mixed in product(_torn(loose), _mixed(durable, over)):
            found = durable | mixed
            yield {name: found.get(inode, b"") + torn.get(inode, b"") for name, inode in linked.items()}


def _apply(names: dict[str, int], calls: list[Call]) -> None:
    for call in calls:
        match call:
            case ("link", str(name), int(inode)):
                names[name] = inode
            case ("rename", str(source), str(target), int(inode)):
                names.pop(source, None)
                names[target] = inode
            case ("unlink", str(name)):
                names.pop(name, None)


def _torn(loose: dict[int, bytes]) -> Iterator[dict[int, bytes]]:
    yield loose
    for inode, content in loose.items():
        for end in _places(content):
            yield {**loose, inode: content[:end]}
            yield {**loose, inode: content[:end] + bytes(len(content) - end)}


def _mixed(durable: dict[int, bytes], over: dict[int, bytes]) -> Iterator[dict[int, bytes]]:
    yield over
    for inode, content in over.items():
        old = durable[inode]
        assert len(content) == len(old)
        for end in _places(content):
            yield {**over, inode: content[:end] + old[end:]}
            yield {**over, inode: old[:end] + content[end:]}
            yield {**over, inode: content[:end] + bytes(len(content) - end)}


def _places(content: bytes) -> Iterator[int]:
    """Where it may be torn: anywhere, of long content every byte of its head and some of its rest."""
    head = len(content) if len(content) <= SHORT_BYTES else HEAD_BYTES
    yield from range(head)
    yield from range(head, len(content), STRIDE_BYTES)


def lay_out(image: Image, directory: Path) -> None:
    """Make the directory hold exactly the image."""
    for path in directory.iterdir():
        path.unlink()
    for name, content in image.items():
        (directory / name).write_bytes(content)
