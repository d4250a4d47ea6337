"""One JSON object kept in two files in turn, so that a power cut at any instant leaves a whole one.

What fits into one block is written over the older file in place, which moves a block of data and hardly more: at worst
that file is torn, and the newer one is there. A larger object, and the first ones of a process, go to a new file that
is renamed.
"""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

from smallbms.frozen import frozen

from ..errors import StoreError
from .files import Files, JsonObject
from .record import seal, unseal

FORMAT = 1
KEPT_BROKEN = 4  # files kept aside for each slot

# What one write costs on ext4 besides the content, measured: commits of the journal and the blocks they describe.
_BLOCK_BYTES = 4096
_BLOCKS_BESIDES_IN_PLACE = 1
_BLOCKS_BESIDES = 15


@frozen
class LoadResult:
    """What was found; no data and no notices is a first start, no data with notices is a loss."""

    data: JsonObject | None
    notices: tuple[str, ...] = ()


@frozen
class _Slot:
    generation: int
    data: JsonObject


class SlotFile:
    """The object `name` in a directory; one process, one thread at a time."""

    def __init__(self, directory: Path, name: str, files: Files) -> None:
        self._directory = directory
        self._paths = (directory / f"{name}.a.json", directory / f"{name}.b.json")
        self._temporary = directory / f"{name}.tmp"
        self._files = files
        self._generation: int | None = None
        self._target = 0
        # Of the two files in bytes, as this process wrote them: what it found may not be on the medium yet, left by one
        # that was killed, and before that is sure nothing may be written over the other.
        self._sizes = [0, 0]

    def load(self) -> LoadResult:
        """The newest valid object; never raises: what cannot be read is kept aside and named in a notice."""
        notices: list[str] = []
        found = [self._read(path, notices) for path in self._paths]
        generations = [slot.generation if slot else 0 for slot in found]
        self._generation = max(generations)
        self._target = generations.index(min(generations))
        newest = found[generations.index(self._generation)]
        if notices and newest:
            notices.append(f"generation {newest.generation} of the other file is used; newer state may be lost")
        return LoadResult(data=newest.data if newest else None, notices=tuple(notices))

    def write(self, data: JsonObject) -> None:
        """Put `data` in place of the older of the two; back only when it is on the medium.

        Raises StoreError; the previous object or this one is there then.
        """
        if self._generation is None:
            self.load()
        generation = (self._generation or 0) + 1
        target, size = self._paths[self._target], self._sizes[self._target]
        self._sizes[self._target] = 0
        try:
            content = seal({"format": FORMAT, "generation": generation, "data": data}, multiple=_BLOCK_BYTES)
            if len(content) == size == _BLOCK_BYTES:
                self._overwrite(target, content)
            else:
                self._replace(target, content)
        except (OSError, ValueError) as error:
            raise StoreError(f"{target} cannot be written: {error}") from error
        self._sizes[self._target] = len(content)
        self._generation = generation
        self._target = 1 - self._target

    def _overwrite(self, target: Path, content: bytes) -> None:
        with self._files.overwrite(target) as descriptor:
            self._files.write(descriptor, content)
            self._files.fdatasync(descriptor)

    def _replace(self, target: Path, content: bytes) -> None:
        files = self._files
        try:
            files.make_directory(self._directory)
            with files.create(self._temporary) as descriptor:
                files.write(descriptor, content)
                files.fsync(descriptor)
            files.rename(self._temporary, target)
        except OSError:
            with suppress(OSError):
                files.unlink(self._temporary)  # gives the room back to a full disk
            raise
        files.fsync_directory(self._directory)

    def _read(self, path: Path, notices: list[str]) -> _Slot | None:
        try:
            return _parse(self._files.read(path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            notices.append(f"{path} cannot be used ({error}); {self._set_aside(path)}")
            return None

    def _set_aside(self, path: Path) -> str:
        prefix = f"{path.name}.broken-"
        try:
            parts = (name.partition(prefix) for name in self._files.names(self._directory))
            kept = sorted(int(number) for before, _, number in parts if not before and number.isdecimal())
            aside = path.with_name(f"{prefix}{kept[-1] + 1 if kept else 1}")
            self._files.rename(path, aside)
            for number in kept[: 1 - KEPT_BROKEN]:
                self._files.unlink(path.with_name(f"{prefix}{number}"))
        except OSError as error:
            return f"it could not be kept aside ({error})"
        return f"it is kept as {aside.name}"


def _parse(content: bytes) -> _Slot:
    """Raises ValueError, which says what is wrong."""
    record = unseal(content)
    if record.get("format") != FORMAT:
        raise ValueError(f"its format is {record.get('format')!r}, known is {FORMAT}")
    generation, data = record.get("generation"), record.get("data")
    if not isinstance(generation, int) or not isinstance(data, dict):
        raise ValueError("its generation or data is missing")
    return _Slot(generation=generation, data=data)


def bytes_per_day(slot_bytes: int, interval_s: float) -> int:
    """What reaches the flash in a day when a slot of that size is written once in every interval."""
    blocks = math.ceil(slot_bytes / _BLOCK_BYTES)
    blocks += _BLOCKS_BESIDES_IN_PLACE if blocks == 1 else _BLOCKS_BESIDES
    return round(blocks * _BLOCK_BYTES * 86_400 / interval_s)
