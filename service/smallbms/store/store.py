"""The store as the event loop sees it: nothing here waits for the disk but one worker thread."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from ..errors import StoreError
from .eventlog import EventLog, LoggedEvent
from .files import Files, JsonObject
from .outlet import Outlet
from .slots import LoadResult, SlotFile

SAVE_INTERVAL_S = 60.0
LOG_BYTES = 4_000_000  # 30 days of 300 events each
LOG_SEGMENTS = 16  # what is lost at once, and what is read at once, is little
MINUTE_BYTES = 4_000_000  # two weeks of minutes, then thinned: some 30 days of every fourth
LOOK_S = 0.05
MINUTES_S = 600.0  # so many are written at once
EVENTS_IN_MEMORY = 1000  # while the disk fails, the newest


class Store:
    """Slots by name and one event log in a directory.

    `save` and `log` never wait and never raise: a disk that fails makes `ok` False, and what is newest is tried
    again, at first after 1 s, later every 60 s. What they are given belongs to the store: do not change it after.
    """

    def __init__(
        self,
        directory: Path,
        *,
        interval_s: float = SAVE_INTERVAL_S,
        log_bytes: int = LOG_BYTES,
        files: Files | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._interval_s = interval_s
        self._files = files or Files()
        self._clock = clock
        self._log = EventLog(directory, "events", log_bytes, self._files, segments=LOG_SEGMENTS)
        self.on_logged: Callable[[], None] = lambda: None  # on the loop, each time that events are on the medium
        self._log_outlet = Outlet(self._log.append, capacity=EVENTS_IN_MEMORY, interval_s=0.0)
        self._minutes = EventLog(directory, "minutes", MINUTE_BYTES, self._files, thin=True)
        self._minutes_outlet = Outlet(self._minutes.append, capacity=EVENTS_IN_MEMORY, interval_s=MINUTES_S)
        self._slots: dict[str, tuple[SlotFile, Outlet]] = {}
        self._outlets = [self._log_outlet, self._minutes_outlet]
        self._changed = threading.Condition()  # guards the outlets; never held during a call of the disk
        self._thread: threading.Thread | None = None
        self._ended = asyncio.Event()
        self._closing = False
        self._completed = False

    @property
    def ok(self) -> bool:
        """Whether all that was tried last could be written."""
        return not any([outlet.error for outlet in self._outlets])  # asked at each step, so without the lock

    @property
    def error(self) -> str | None:
        """What cannot be written, and why."""
        with self._changed:
            errors = [outlet.error for outlet in self._outlets if outlet.error]
        return "; ".join(errors) or None

    @property
    def bytes_written(self) -> int:
        """Handed to the file system since the start; see `bytes_per_day` for what reaches the flash."""
        return self._files.bytes_written

    async def load(self, name: str) -> LoadResult:
        """What the slot holds; to be called before `run`. Never raises; sets `ok` where nothing can be kept."""
        slot, outlet = self._slot(name)
        result = await asyncio.to_thread(slot.load)
        outlet.error = await asyncio.to_thread(self._obstacle)
        if outlet.error:
            return LoadResult(data=result.data, notices=(*result.notices, outlet.error))
        return result

    def save(self, name: str, data: JsonObject, *, urgent: bool = False) -> None:
        """Keep the newest `data` of a slot: urgent at once, else at most every `interval_s`."""
        _, outlet = self._slot(name)
        self._put(outlet, data, urgent=urgent)

    def log(self, event: JsonObject) -> None:
        """Append to the event log at once."""
        self._put(self._log_outlet, event, urgent=True)

    def note(self, minute: JsonObject) -> None:
        """Append to the log of minutes, ten at a time."""
        self._put(self._minutes_outlet, minute, urgent=False)

    async def minutes_after(self, sequence: int, most: int) -> list[LoggedEvent]:
        """Like `events_after` of what was noted, the newest too. Raises StoreError."""
        with self._changed:
            self._minutes_outlet.hasten(self._clock())
            self._changed.notify()
        while self._minutes_outlet.is_waiting and self._minutes_outlet.error is None and not self._closing:
            await asyncio.sleep(LOOK_S)
        return await asyncio.to_thread(self._minutes.read_after, sequence, most)

    async def newest_event(self) -> int:
        """The number of the newest event; 0 if there is none, or nobody can tell."""
        return await _newest(self._log)

    async def newest_minute(self) -> int:
        """The same of what was noted."""
        return await _newest(self._minutes)

    async def events(self, newest: int) -> list[LoggedEvent]:
        """The newest that the log holds, oldest first. Raises StoreError."""
        return await asyncio.to_thread(self._log.read, newest)

    async def events_after(self, sequence: int, most: int) -> list[LoggedEvent]:
        """The oldest that the log holds with a higher number, at most so many. Raises StoreError."""
        return await asyncio.to_thread(self._log.read_after, sequence, most)

    async def run(self) -> None:
        """Write until `close`; a bug in the worker ends it with RuntimeError, its trace on stderr."""
        thread = self._start()
        await self._ended.wait()
        if not self._completed:
            await asyncio.to_thread(thread.join)  # so that its trace is out before the process ends
            raise RuntimeError("the store's worker died")

    async def close(self, timeout_s: float = 5.0) -> bool:
        """Write what waits, for at most `timeout_s`, and end `run`; whether all is on the medium."""
        with self._changed:
            self._closing = True
            for outlet in self._outlets:
                outlet.hasten(self._clock())
            self._changed.notify()
        self._start()
        try:
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        except TimeoutError:
            return False
        return self._completed and self.ok

    def _slot(self, name: str) -> tuple[SlotFile, Outlet]:
        if name not in self._slots:
            slot = SlotFile(self._directory, name, self._files)
            outlet = Outlet(partial(_write_newest, slot), capacity=1, interval_s=self._interval_s)
            self._slots[name] = slot, outlet
            with self._changed:
                self._outlets.append(outlet)
        return self._slots[name]

    def _put(self, outlet: Outlet, item: JsonObject, *, urgent: bool) -> None:
        with self._changed:
            outlet.put(item, self._clock(), urgent=urgent)
            self._changed.notify()

    def _obstacle(self) -> str | None:
        try:
            self._files.make_directory(self._directory)
        except OSError as error:
            return f"{self._directory} cannot be used: {error}"
        return None if self._files.writable(self._directory) else f"{self._directory} is read-only: nothing can be kept"

    def _start(self) -> threading.Thread:
        if self._thread is None:
            # A daemon: a disk that hangs must not keep the process from ending.
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._work, args=(loop,), name="store", daemon=True)
            self._thread.start()
        return self._thread

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while outlet := self._next():
                if self._write(outlet) and outlet is self._log_outlet:
                    loop.call_soon_threadsafe(self._logged)
            self._completed = True
        finally:
            with suppress(RuntimeError):  # the loop is closed: nobody waited any longer
                loop.call_soon_threadsafe(self._ended.set)

    def _logged(self) -> None:
        self.on_logged()

    def _next(self) -> Outlet | None:
        """Wait for the outlet that is due first; None when closing and nothing is due."""
        with self._changed:
            while True:
                outlet = min(self._outlets, key=lambda one: one.due_s)
                wait_s = outlet.due_s - self._clock()
                if wait_s <= 0:
                    return outlet
                if self._closing:
                    return None
                self._changed.wait(None if wait_s == math.inf else wait_s)

    def _write(self, outlet: Outlet) -> bool:
        with self._changed:
            batch = outlet.begin(self._clock())
        try:
            written = outlet.write([item for _, item in batch])
        except StoreError as error:
            with self._changed:
                outlet.failed(str(error), self._clock())
            return False
        with self._changed:
            outlet.done(batch, written, self._clock())
        return True


def _write_newest(slot: SlotFile, waiting: Sequence[JsonObject]) -> int:
    slot.write(waiting[-1])
    return len(waiting)


async def _newest(log: EventLog) -> int:
    try:
        return max((logged.sequence for logged in await asyncio.to_thread(log.read, 1)), default=0)
    except StoreError:
        return 0
