"""A log of JSON objects, one a line, in a few segments of which the oldest goes first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from smallbms.frozen import frozen

from ..errors import StoreError
from .files import Files, JsonObject
from .record import seal, unseal

SEGMENTS = 4


@frozen
class LoggedEvent:
    """An event as the caller gave it, and its number: rising, with gaps, never given twice."""

    sequence: int
    event: JsonObject


@frozen
class _Tail:
    """Where the next line goes."""

    path: Path
    size: int
    sequence: int


class EventLog:
    """The log `name` in a directory, of at most `max_bytes`; one process, one writing thread.

    A full log loses its oldest segment, or, with `thin`, every second entry of its two oldest.
    """

    def __init__(
        self, directory: Path, name: str, max_bytes: int, files: Files, *, segments: int = SEGMENTS, thin: bool = False
    ) -> None:
        self._directory = directory
        self._name = name
        self._pattern = re.compile(rf"{re.escape(name)}\.\d+\.log", re.ASCII)
        self._most_segments = segments
        self._segment_bytes = max_bytes // segments
        self._files = files
        self._thin = thin
        self._tail: _Tail | None = None

    def append(self, events: Sequence[JsonObject]) -> int:
        """Write as many as the segment takes, at least one; how many that were, once they are on the medium.

        An event that is not JSON, or larger than a segment, is replaced by {"unstorable": why}.
        Raises StoreError; the log is as before then.
        """
        try:
            tail = self._tail or self._recover()
            self._tail = None  # until the write has succeeded, the end of the file is not known
            count, self._tail = self._append(tail, events)
        except OSError as error:
            raise StoreError(f"{self._directory}: the event log cannot be written: {error}") from error
        return count

    def read(self, newest: int) -> list[LoggedEvent]:
        """The newest events, oldest first; skips damaged lines. Safe beside a writing thread. Raises StoreError."""
        found: list[LoggedEvent] = []
        try:
            for path in reversed(self._segments()):
                with suppress(FileNotFoundError):  # rotated away meanwhile
                    found[:0] = [event for _, event in _lines(self._files.read(path))]
                if len(found) >= newest:
                    break
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self._directory}: the event log cannot be read: {error}") from error
        return found[max(0, len(found) - newest) :]

    def read_after(self, sequence: int, most: int) -> list[LoggedEvent]:
        """The oldest events with a higher number, at most so many. Safe beside a writing thread. Raises StoreError."""
        found: list[LoggedEvent] = []
        try:
            segments = self._segments()
            for path, following in zip(segments, [*segments[1:], None], strict=False):
                if following is not None and _first_sequence(following) <= sequence + 1:
                    continue
                with suppress(FileNotFoundError):  # rotated away meanwhile
                    for _, logged in _lines(self._files.read(path)):
                        if logged.sequence > sequence:  # a line may be there twice, see _merge
                            sequence = logged.sequence
                            found.append(logged)
                if len(found) >= most:
                    break
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self._directory}: the event log cannot be read: {error}") from error
        return found[:most]

    def _append(self, tail: _Tail, events: Sequence[JsonObject]) -> tuple[int, _Tail]:
        files = self._files
        if tail.size and tail.size + len(self._line(tail.sequence, events[0])) > self._segment_bytes:
            tail = self._rotate(tail)
        content, count = b"", 0
        for event in events:
            line = self._line(tail.sequence + count, event)
            if count and tail.size + len(content) + len(line) > self._segment_bytes:
                break
            content, count = content + line, count + 1
        with files.extend(tail.path) as descriptor:
            try:
                files.write(descriptor, content)
                files.fsync(descriptor)
            except OSError:
                with suppress(OSError):
                    files.truncate(descriptor, tail.size)
                raise
        return count, _Tail(path=tail.path, size=tail.size + len(content), sequence=tail.sequence + count)

    def _line(self, sequence: int, event: JsonObject) -> bytes:
        try:
            line = seal({"sequence": sequence, "event": event})
        except ValueError as error:
            return seal({"sequence": sequence, "event": {"unstorable": str(error)}})
        if len(line) > self._segment_bytes:
            return seal({"sequence": sequence, "event": {"unstorable": f"{len(line)} bytes"}})
        return line

    def _rotate(self, tail: _Tail) -> _Tail:
        while len(segments := self._segments()) >= self._most_segments:
            if self._thin:
                self._merge(*segments[:2])
            else:
                self._files.unlink(segments[0])
        return self._begin_segment(tail.sequence)

    def _merge(self, older: Path, newer: Path) -> None:
        """Every second line of both in the place of the older; a power cut between leaves some lines twice."""
        thinned = b"".join(
            line for path in (older, newer) for line in self._files.read(path).splitlines(keepends=True)[::2]
        )
        temporary = older.with_suffix(".tmp")
        with self._files.create(temporary) as descriptor:
            self._files.write(descriptor, thinned[: self._segment_bytes])
            self._files.fsync(descriptor)
        self._files.rename(temporary, older)
        self._files.fsync_directory(self._directory)
        self._files.unlink(newer)

    def _begin_segment(self, sequence: int) -> _Tail:
        path = self._directory / f"{self._name}.{sequence:010d}.log"
        with self._files.extend(path):
            pass
        self._files.fsync_directory(self._directory)
        return _Tail(path=path, size=0, sequence=sequence)

    def _recover(self) -> _Tail:
        """The end of the newest segment, after cutting off what a power cut left torn."""
        self._files.make_directory(self._directory)
        segments = self._segments()
        if not segments:
            return self._begin_segment(1)
        self._files.fsync_directory(self._directory)  # a process killed after creating the newest had no time for it
        path = segments[-1]
        content = self._files.read(path)
        size, sequence = 0, _first_sequence(path)
        for end, last in _lines(content):
            size, sequence = end, last.sequence + 1
        torn = len(content) - size
        if torn:
            with self._files.extend(path) as descriptor:
                self._files.truncate(descriptor, size)
            sequence += 1 + torn // _SHORTEST_LINE_BYTES  # as many numbers as the torn part can have used
        return _Tail(path=path, size=size, sequence=sequence)

    def _segments(self) -> list[Path]:
        """Oldest first."""
        names = (name for name in self._files.names(self._directory) if self._pattern.fullmatch(name))
        return sorted((self._directory / name for name in names), key=_first_sequence)


def _first_sequence(segment: Path) -> int:
    return int(segment.name.split(".")[-2])


_SHORTEST_LINE_BYTES = len(seal({"sequence": 1, "event": {}}))


def _lines(content: bytes) -> Iterator[tuple[int, LoggedEvent]]:
    """The valid lines, each with the position of its end."""
    end = 0
    for line in content.splitlines(keepends=True):
        end += len(line)
        try:
            record = unseal(line)
        except ValueError:
            continue
        sequence, event = record.get("sequence"), record.get("event")
        if isinstance(sequence, int) and isinstance(event, dict):
            yield end, LoggedEvent(sequence=sequence, event=event)
