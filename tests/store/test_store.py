from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from errno import EIO, ENOSPC
from pathlib import Path

import pytest
from crash_disk import FailingFiles, RecordingFiles

from smallbms.errors import StoreError
from smallbms.store import Files, JsonObject, LoadResult, SlotFile, Store
from smallbms.store.outlet import FIRST_RETRY_S
from smallbms.store.store import LOG_SEGMENTS

DEADLINE_S = 10.0


@asynccontextmanager
async def running(store: Store) -> AsyncIterator[Store]:
    async with asyncio.TaskGroup() as group:
        group.create_task(store.run())
        yield store
        await store.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


def kept(directory: Path, name: str = "state") -> JsonObject | None:
    return SlotFile(directory, name, Files()).load().data


class SteppedClock:
    """Monotonic time that stands still but for what a test adds."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class HeldFiles(Files):
    """A disk whose fsync waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.go = threading.Event()

    def fsync(self, descriptor: int) -> None:
        self.reached.set()
        self.go.wait(DEADLINE_S)
        super().fsync(descriptor)


async def test_slots_and_events_survive_a_restart(tmp_path: Path) -> None:
    async with running(Store(tmp_path)) as store:
        assert await store.load("state") == LoadResult(data=None)
        store.save("state", {"soc": 50.0})
        store.save("events", {"a": "slot of the log's name"})
        store.log({"n": 1})
        store.log({"n": 2})
    again = Store(tmp_path)
    assert await again.load("state") == LoadResult(data={"soc": 50.0})
    assert (await again.load("events")).data == {"a": "slot of the log's name"}
    assert [logged.event for logged in await again.events(1)] == [{"n": 2}]
    assert again.ok


async def test_urgent_is_written_at_once_and_the_rest_at_its_interval(tmp_path: Path) -> None:
    async with running(Store(tmp_path, interval_s=3600.0)) as store:
        store.save("state", {"n": 1})  # the first of a start has nothing to wait for
        await until(lambda: kept(tmp_path) == {"n": 1})
        store.save("state", {"n": 2})
        store.log({"event": "written after what was due before it"})
        async with asyncio.timeout(DEADLINE_S):
            while not await store.events(1):
                await asyncio.sleep(0.005)
        assert kept(tmp_path) == {"n": 1}
        store.save("state", {"n": 3}, urgent=True)
        await until(lambda: kept(tmp_path) == {"n": 3})
        store.save("state", {"n": 4})
    assert kept(tmp_path) == {"n": 4}  # close leaves nothing behind


async def test_the_interval_bounds_the_writes(tmp_path: Path) -> None:
    files = RecordingFiles()
    async with running(Store(tmp_path, interval_s=0.1, files=files)) as store:
        begun_s = time.monotonic()
        number = 0
        while time.monotonic() < begun_s + 0.5:
            number += 1
            store.save("state", {"n": number})
            await asyncio.sleep(0.001)
        passed_s = time.monotonic() - begun_s
    content = [call[2] for call in files.calls if call[0] in ("write", "over")]
    assert 2 <= len(content) <= passed_s / 0.1 + 2
    assert store.bytes_written == sum(len(one) for one in content if isinstance(one, bytes))
    assert kept(tmp_path) == {"n": number}


async def test_the_latest_wins_while_a_write_is_under_way(tmp_path: Path) -> None:
    files = HeldFiles()
    async with running(Store(tmp_path, files=files)) as store:
        store.save("state", {"n": 0}, urgent=True)
        await until(files.reached.is_set)
        for number in range(1, 100):
            store.save("state", {"n": number}, urgent=True)
        files.go.set()
        await until(lambda: kept(tmp_path) == {"n": 99})
    assert kept(tmp_path) == {"n": 99}
    assert '"generation":2,' in (tmp_path / "state.b.json").read_text()


async def test_a_slow_disk_never_holds_up_the_loop(tmp_path: Path) -> None:
    class SlowFiles(Files):
        def __init__(self) -> None:
            super().__init__()
            self.threads: set[str] = set()

        def fsync(self, descriptor: int) -> None:
            self.threads.add(threading.current_thread().name)
            time.sleep(0.5)
            super().fsync(descriptor)

    worst_s, files = 0.0, SlowFiles()
    async with running(Store(tmp_path, files=files)) as store:
        begun_s = last_s = time.monotonic()
        while last_s < begun_s + 0.7:
            store.save("state", {"at": last_s}, urgent=True)
            store.log({"at": last_s})
            assert store.ok
            await asyncio.sleep(0.005)
            worst_s, last_s = max(worst_s, time.monotonic() - last_s), time.monotonic()
    assert worst_s < 0.4
    assert files.threads == {"store"}


@pytest.mark.parametrize("call", ["make_directory", "create", "write", "fsync", "rename", "fsync_directory"])
async def test_a_failing_disk_is_told_and_got_over(tmp_path: Path, call: str) -> None:
    clock = SteppedClock()
    files = FailingFiles(call, ENOSPC)
    store = Store(tmp_path, files=files, clock=clock)
    async with running(store):
        store.save("state", {"n": 1}, urgent=True)
        await until(lambda: not store.ok)
        assert os.strerror(ENOSPC) in str(store.error)
        store.save("state", {"n": 2})  # waits for the back-off, in memory
        files.failing = False
        clock.now_s += FIRST_RETRY_S
        store.log({"n": "wakes the worker"})
        await until(lambda: store.ok)
        assert store.error is None
        assert kept(tmp_path) == {"n": 2}


async def test_the_log_keeps_what_a_failing_disk_did_not_take(tmp_path: Path) -> None:
    files = FailingFiles("extend", EIO)
    async with running(Store(tmp_path, log_bytes=100 * LOG_SEGMENTS, files=files)) as store:
        for number in range(4):
            store.log({"n": number})
        await until(lambda: not store.ok)
        files.failing = False
        store.log({"n": 4})
        await until(lambda: store.ok)
    assert [logged.event["n"] for logged in await store.events(10)] == [0, 1, 2, 3, 4]


async def test_what_is_not_json_is_an_alarm_and_not_an_exception(tmp_path: Path) -> None:
    async with running(Store(tmp_path)) as store:
        store.save("state", {"soc": float("nan")}, urgent=True)
        await until(lambda: not store.ok)
        store.save("state", {"soc": None}, urgent=True)
        await until(lambda: store.ok)
    assert kept(tmp_path) == {"soc": None}


async def test_a_read_only_directory_is_read_and_told(tmp_path: Path) -> None:
    class ReadOnlyFiles(Files):
        def writable(self, directory: Path) -> bool:
            return False

    SlotFile(tmp_path, "state", Files()).write({"n": 1})
    store = Store(tmp_path, files=ReadOnlyFiles())
    found = await store.load("state")
    assert found.data == {"n": 1}
    assert "read-only" in found.notices[0]
    assert not store.ok
    async with running(store):
        store.save("state", {"n": 2}, urgent=True)
        await until(lambda: store.ok)  # what can be written after all clears it


async def test_a_file_in_place_of_the_directory_does_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file")
    found = await store.load("state")
    assert found.data is None
    assert "cannot be used" in found.notices[-1]
    assert not store.ok
    async with running(store):
        store.save("state", {"n": 1}, urgent=True)
        store.log({"n": 1})
        with pytest.raises(StoreError):
            await store.events(1)
    assert await store.close() is False


async def test_close_gives_up_on_a_disk_that_hangs(tmp_path: Path) -> None:
    files = HeldFiles()
    store = Store(tmp_path, files=files)
    store.save("state", {"n": 1}, urgent=True)
    assert await store.close(timeout_s=0.05) is False
    files.go.set()
    assert await store.close(timeout_s=DEADLINE_S) is True
    assert kept(tmp_path) == {"n": 1}


async def test_close_after_a_cancelled_run_writes_what_waits_once(tmp_path: Path) -> None:
    files = HeldFiles()
    store = Store(tmp_path, files=files)
    task = asyncio.create_task(store.run())
    store.log({"n": 1})
    await until(files.reached.is_set)
    task.cancel()
    await asyncio.wait({task})
    store.log({"n": 2})
    store.save("state", {"n": 3})
    files.go.set()
    assert await store.close() is True
    assert [logged.event["n"] for logged in await store.events(10)] == [1, 2]
    assert kept(tmp_path) == {"n": 3}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_bug_in_the_worker_is_not_hidden(tmp_path: Path) -> None:
    class BuggyFiles(Files):
        def fsync(self, descriptor: int) -> None:
            raise AssertionError("a bug")

    store = Store(tmp_path, files=BuggyFiles())
    store.save("state", {"n": 1}, urgent=True)
    with pytest.raises(RuntimeError, match="worker"):
        await store.run()
    assert await store.close() is False
