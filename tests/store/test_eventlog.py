from __future__ import annotations

import os
from errno import EIO, ENOSPC
from itertools import pairwise
from pathlib import Path

import pytest
from crash_disk import FailingFiles, Killed, RecordingFiles, images, lay_out
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.bench_battery import Rig
from smallbms.errors import StoreError
from smallbms.loop import event_record
from smallbms.store import EventLog, Files, JsonObject, LoggedEvent
from smallbms.store.eventlog import SEGMENTS
from smallbms.store.record import seal
from smallbms.store.store import LOG_BYTES, LOG_SEGMENTS

MAX_BYTES = 2000


def log(directory: Path, files: Files | None = None, max_bytes: int = MAX_BYTES) -> EventLog:
    return EventLog(directory, "events", max_bytes, files or Files())


def numbers(one: EventLog, newest: int = 10_000) -> list[object]:
    return [logged.event["n"] for logged in one.read(newest)]


def total_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def test_nothing_logged_reads_as_nothing(tmp_path: Path) -> None:
    assert log(tmp_path / "missing").read(10) == []


def test_events_come_back_in_order_with_rising_numbers(tmp_path: Path) -> None:
    assert log(tmp_path).append([{"n": 1}, {"n": 2}]) == 2
    assert log(tmp_path).append([{"n": 3}]) == 1
    assert log(tmp_path).read(2) == [LoggedEvent(sequence=2, event={"n": 2}), LoggedEvent(sequence=3, event={"n": 3})]
    assert log(tmp_path).read(0) == []


def test_what_is_read_after_a_number_is_the_oldest_beyond_it(tmp_path: Path) -> None:
    one = log(tmp_path)
    assert one.read_after(0, 10) == []
    for number in range(1, 301):
        one.append([{"n": number}])
    kept = [logged.sequence for logged in one.read(1000)]
    assert len(list(tmp_path.iterdir())) == SEGMENTS
    for after in (0, kept[0] - 1, kept[0], kept[10], kept[-2], kept[-1], 1000):
        for most in (1, 7, 1000):
            found = [logged.sequence for logged in log(tmp_path).read_after(after, most)]
            assert found == [number for number in kept if number > after][:most]


def test_a_log_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    log(tmp_path).append([{"n": 1}])
    broken = FailingFiles("read", EIO)
    with pytest.raises(StoreError, match="cannot be read"):
        log(tmp_path, broken).read_after(0, 1)


@pytest.mark.parametrize("reopened", [False, True])
def test_the_log_is_bounded_and_keeps_the_newest(tmp_path: Path, reopened: bool) -> None:
    one = log(tmp_path)
    for number in range(300):
        if reopened:
            one = log(tmp_path)
        one.append([{"n": number}])
        assert total_bytes(tmp_path) <= MAX_BYTES
    found = numbers(one)
    assert found == list(range(300 - len(found), 300))
    assert total_bytes(tmp_path) > MAX_BYTES * (SEGMENTS - 2) // SEGMENTS
    sequences = [logged.sequence for logged in one.read(10_000)]
    assert sequences == list(range(301 - len(found), 301))


def test_30_days_of_a_battery_that_is_lost_40_times_a_day_are_kept_whole(tmp_path: Path) -> None:
    rig = Rig(4, series=2).start()
    before = len(rig.events)
    rig.batteries[2].answers = False
    rig.advance(12.0)
    rig.batteries[2].answers = True
    rig.advance(70.0)
    loss = [event_record(event) for event in rig.events[before:]]
    assert len(loss) >= 6
    one = EventLog(tmp_path, "events", LOG_BYTES, Files(), segments=LOG_SEGMENTS)
    for day in range(60):
        today: list[JsonObject] = [{**event, "day": day} for event in loss * 40]
        while today:
            today = today[one.append(today) :]
        assert total_bytes(tmp_path) <= LOG_BYTES
    days = [logged.event["day"] for logged in one.read(1_000_000)]
    assert days[0] > 0
    assert [day for day in days if day >= 30] == [day for day in range(30, 60) for _ in loss * 40]


def test_a_log_that_thins_keeps_a_trace_of_everything(tmp_path: Path) -> None:
    one = EventLog(tmp_path, "minutes", MAX_BYTES, Files(), thin=True)
    for number in range(1, 401):
        one.append([{"n": number}])
        assert total_bytes(tmp_path) <= MAX_BYTES
    found = [logged.sequence for logged in EventLog(tmp_path, "minutes", MAX_BYTES, Files()).read_after(0, 1000)]
    assert found == sorted(set(found))
    assert found[0] == 1
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert gaps[-5:] == [1] * 5
    assert gaps[0] > 8
    assert sum(gaps[: len(gaps) // 2]) > sum(gaps[len(gaps) // 2 :])


def test_a_power_cut_while_thinning_keeps_the_newest_and_doubles_nothing(tmp_path: Path) -> None:
    writing, cut = tmp_path / "writing", tmp_path / "cut"
    cut.mkdir()
    files = RecordingFiles()
    one = EventLog(writing, "minutes", 4 * 100, files, thin=True)  # two lines a segment
    confirmed = [0]
    for number in range(1, 16):
        one.append([{"n": number}])
        confirmed += [number - 1] * (len(files.calls) - len(confirmed)) + [number]
    for calls, sure in enumerate(confirmed):
        for image in images(files, calls):
            lay_out(image, cut)
            found = [logged.sequence for logged in EventLog(cut, "minutes", 400, Files()).read_after(0, 100)]
            assert found == sorted(set(found))
            assert max(found, default=0) in (sure, sure + 1), (calls, image)
            assert min(sure, 1) in (0, *found)


def test_a_batch_larger_than_a_segment_is_taken_in_parts(tmp_path: Path) -> None:
    one, rest = log(tmp_path), list(range(30))
    parts = 0
    while rest:
        rest = rest[one.append([{"n": number} for number in rest]) :]
        parts += 1
    assert 1 < parts < 30
    assert numbers(one) == list(range(30))


@pytest.mark.parametrize(
    ("event", "why"),
    [({"x": float("inf")}, "JSON"), ({"x": object()}, "object"), ({"x": "y" * MAX_BYTES}, "20")],
)
def test_what_cannot_be_stored_leaves_a_trace(tmp_path: Path, event: JsonObject, why: str) -> None:
    log(tmp_path).append([{"n": 1}])
    assert log(tmp_path).append([event]) == 1
    [_, logged] = log(tmp_path).read(10)
    assert why in str(logged.event["unstorable"])
    assert logged.sequence == 2


@pytest.mark.parametrize("line", [seal({"n": 1}), seal({"sequence": 1}), seal({"sequence": "1", "event": {}})])
def test_a_line_that_is_no_event_is_skipped(tmp_path: Path, line: bytes) -> None:
    log(tmp_path).append([{"n": 1}])
    [path] = tmp_path.iterdir()
    path.write_bytes(line + path.read_bytes())
    assert log(tmp_path).append([{"n": 2}]) == 1
    assert numbers(log(tmp_path)) == [1, 2]


def test_foreign_files_beside_it_do_no_harm(tmp_path: Path) -> None:
    for name in ("events.old.log", "events.7.log.bak", "other.0000000001.log"):
        (tmp_path / name).write_text("not ours")
    log(tmp_path).append([{"n": 1}])
    assert numbers(log(tmp_path)) == [1]
    assert (tmp_path / "events.old.log").read_text() == "not ours"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(spoil=st.data())
def test_spoilt_bytes_cost_their_lines_only_and_no_number_twice(tmp_path: Path, spoil: st.DataObject) -> None:
    lay_out({}, tmp_path)
    log(tmp_path).append([{"n": number} for number in range(1, 6)])
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    start = spoil.draw(st.integers(0, len(whole)))
    noise = spoil.draw(st.binary(max_size=len(whole) - start))
    path.write_bytes(whole[:start] + noise + whole[start + len(noise) :])
    survivors = log(tmp_path).read(10)
    assert all(logged.sequence == logged.event["n"] for logged in survivors)
    hit = whole[start : start + len(noise)].count(b"\n") + 1
    assert len(survivors) >= 5 - hit
    log(tmp_path).append([{"n": "after"}])
    *before, after = log(tmp_path).read(10)
    assert before == survivors
    assert after.event == {"n": "after"}
    assert after.sequence > 5


def test_a_power_cut_at_any_instant_keeps_what_was_confirmed(tmp_path: Path) -> None:
    writing, cut = tmp_path / "writing", tmp_path / "cut"
    cut.mkdir()
    files = RecordingFiles()
    one = log(writing, files, max_bytes=4 * 100)  # two lines a segment
    confirmed = [0]
    for number in range(1, 12):
        one.append([{"n": number}])
        confirmed += [number - 1] * (len(files.calls) - len(confirmed)) + [number]
    for calls, sure in enumerate(confirmed):
        for image in images(files, calls):
            lay_out(image, cut)
            again = log(cut, max_bytes=4 * 100)
            found = again.read(100)
            newest = found[-1].sequence if found else 0
            assert newest in (sure, sure + 1), (calls, image)
            assert [logged.sequence for logged in found] == list(range(newest - len(found) + 1, newest + 1))
            assert len(found) >= min(sure, 2 * (SEGMENTS - 1) - 1)
            again.append([{"n": "after"}])
            assert again.read(1)[0].sequence > newest


def test_a_kill_and_then_a_power_cut_keeps_what_was_confirmed(tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    for kill_at in range(1, 40):
        writing = tmp_path / str(kill_at)
        files = RecordingFiles(kill_at)
        one = log(writing, files, max_bytes=4 * 100)
        with pytest.raises(Killed):
            for number in range(100):
                one.append([{"n": number}])
        log(writing, files, max_bytes=4 * 100).append([{"n": "confirmed"}])
        for image in images(files, len(files.calls)):
            lay_out(image, cut)
            assert log(cut).read(1)[0].event == {"n": "confirmed"}


@pytest.mark.parametrize("call", ["make_directory", "names", "extend", "write", "fsync", "fsync_directory"])
@pytest.mark.parametrize("number", [ENOSPC, EIO])
def test_a_failed_append_can_be_repeated(tmp_path: Path, call: str, number: int) -> None:
    files = FailingFiles(call, number)
    one = log(tmp_path, files)
    for _ in range(3):
        with pytest.raises(StoreError, match=os.strerror(number)):
            one.append([{"n": 1}])
    files.failing = False
    one.append([{"n": 1}])
    assert numbers(log(tmp_path)) == [1]


class HalfWritingFiles(Files):
    """A full disk that takes the first bytes, and then not even a cut."""

    full = False

    def write(self, descriptor: int, content: bytes) -> None:
        super().write(descriptor, content[:20] if self.full else content)
        if self.full:
            raise OSError(ENOSPC, os.strerror(ENOSPC))

    def truncate(self, descriptor: int, size: int) -> None:
        if self.full:
            raise OSError(EIO, os.strerror(EIO))
        super().truncate(descriptor, size)


def test_a_half_written_line_is_cut_off_before_the_next(tmp_path: Path) -> None:
    files = HalfWritingFiles()
    one = log(tmp_path, files)
    one.append([{"n": 1}])
    files.full = True
    with pytest.raises(StoreError):
        one.append([{"n": 2}])
    assert numbers(one) == [1]
    files.full = False
    one.append([{"n": 2}])
    assert numbers(log(tmp_path)) == [1, 2]


def test_reading_beside_a_rotation_skips_what_is_gone(tmp_path: Path) -> None:
    class Rotated(Files):
        def read(self, path: Path) -> bytes:
            path.unlink()
            return super().read(path)

    log(tmp_path).append([{"n": 1}])
    assert log(tmp_path, Rotated()).read(10) == []


def test_a_disk_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="Not a directory"):
        log(tmp_path / "file").read(10)
