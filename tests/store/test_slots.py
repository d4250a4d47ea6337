from __future__ import annotations

import os
import signal
import subprocess
import sys
from errno import EACCES, EIO, ENOSPC, EROFS
from pathlib import Path

import pytest
from crash_disk import FailingFiles, Image, Killed, RecordingFiles, images, lay_out
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smallbms.errors import StoreError
from smallbms.store import Files, LoadResult, SlotFile, bytes_per_day
from smallbms.store.record import seal
from smallbms.store.slots import KEPT_BROKEN

_reused_directory = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def slot(directory: Path, files: Files | None = None) -> SlotFile:
    return SlotFile(directory, "state", files or Files())


def image_of(directory: Path) -> Image:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_first_start_finds_nothing_and_says_nothing(tmp_path: Path) -> None:
    assert slot(tmp_path / "missing").load() == LoadResult(data=None)


@settings(_reused_directory, max_examples=25)
@given(data=st.dictionaries(st.text(), _json))
def test_what_is_written_is_read(tmp_path: Path, data: dict[str, object]) -> None:
    slot(tmp_path).write(data)
    assert slot(tmp_path).load() == LoadResult(data=data)


def test_the_two_files_are_used_in_turn(tmp_path: Path) -> None:
    one = slot(tmp_path)
    for number in range(5):
        before = image_of(tmp_path)
        one.write({"n": number})
        after = image_of(tmp_path)
        assert len(after) <= 2
        assert sum(after[name] != content for name, content in before.items()) <= 1
        assert slot(tmp_path).load() == LoadResult(data={"n": number})


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_a_restart_never_writes_over_the_newest(tmp_path: Path, writes: int) -> None:
    one = slot(tmp_path)
    for number in range(writes):
        before = image_of(tmp_path)
        one.write({"n": number})
    newest = [name for name, content in image_of(tmp_path).items() if before.get(name) != content]
    kept = {name: (tmp_path / name).read_bytes() for name in newest}
    slot(tmp_path).write({"n": "after"})
    assert {name: (tmp_path / name).read_bytes() for name in newest} == kept


def test_power_cut_at_any_instant_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    writing, cut = tmp_path / "writing", tmp_path / "cut"
    cut.mkdir()
    files = RecordingFiles()
    one = slot(writing, files)
    confirmed = [0]  # by number of calls: what had been confirmed then
    for written in range(1, 5):
        one.write({"n": written})
        confirmed += [written - 1] * (len(files.calls) - len(confirmed)) + [written]
    assert len(confirmed) == len(files.calls) + 1
    seen = 0
    for calls, sure in enumerate(confirmed):
        for image in images(files, calls):
            lay_out(image, cut)
            found = slot(cut).load()
            number = (found.data or {"n": 0})["n"]
            assert number in (sure, sure + 1), (calls, image)
            slot(cut).write({"n": "next"})
            assert slot(cut).load().data == {"n": "next"}
            seen += 1
    assert seen > 500


def test_a_kill_and_then_a_power_cut_never_goes_back(tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    for kill_at in range(1, 11):
        writing = tmp_path / str(kill_at)
        files = RecordingFiles(kill_at)
        one, confirmed = slot(writing, files), 0
        with pytest.raises(Killed):
            while True:
                one.write({"n": confirmed + 1})
                confirmed += 1
        killed = len(files.calls)
        slot(writing, files).write({"n": 100})
        for calls in range(killed, len(files.calls) + 1):
            for image in images(files, calls):
                lay_out(image, cut)
                found = slot(cut).load().data or {"n": 0}
                assert found["n"] in ((confirmed, confirmed + 1, 100) if calls < len(files.calls) else (100,))


@pytest.fixture(scope="module")
def two_generations(tmp_path_factory: pytest.TempPathFactory) -> Image:
    directory = tmp_path_factory.mktemp("two")
    one = slot(directory)
    one.write({"n": 1})
    one.write({"n": 2})
    return image_of(directory)


@_reused_directory
@given(spoil=st.data())
def test_one_spoilt_file_costs_at_most_one_generation(
    tmp_path: Path, two_generations: Image, spoil: st.DataObject
) -> None:
    name = spoil.draw(st.sampled_from(sorted(two_generations)))
    whole = two_generations[name]
    at = spoil.draw(st.integers(0, len(whole) - 1))
    bad = spoil.draw(st.sampled_from((whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], bytes(at))))
    lay_out(two_generations | {name: bad}, tmp_path)
    found = slot(tmp_path).load()
    assert found.data == {"n": 2 if name == "state.a.json" else 1}
    assert name in found.notices[0]
    assert "checksum" in found.notices[0]
    assert (tmp_path / f"{name}.broken-1").read_bytes() == bad
    assert slot(tmp_path).load() == LoadResult(data=found.data)


@_reused_directory
@given(first=st.binary(), second=st.binary())
def test_two_spoilt_files_are_a_loss_that_is_told(tmp_path: Path, first: bytes, second: bytes) -> None:
    lay_out({"state.a.json": first, "state.b.json": second}, tmp_path)
    one = slot(tmp_path)
    found = one.load()
    assert found.data is None
    assert len(found.notices) == 2
    one.write({"n": 1})
    assert slot(tmp_path).load() == LoadResult(data={"n": 1})


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"format": 2, "generation": 9, "data": {}}, "its format is 2, known is 1"),
        ({"generation": 9, "data": {}}, "its format is None"),
        ({"format": 1, "data": {}}, "generation or data"),
        ({"format": 1, "generation": 9, "data": []}, "generation or data"),
    ],
)
def test_a_file_of_another_version_is_kept_aside(tmp_path: Path, record: dict[str, object], why: str) -> None:
    slot(tmp_path).write({"n": 1})
    (tmp_path / "state.b.json").write_bytes(seal(record))
    found = slot(tmp_path).load()
    assert found.data == {"n": 1}
    assert why in found.notices[0]
    assert "state.b.json.broken-1" in found.notices[0]
    assert "generation 1" in found.notices[1]


def test_a_sealed_line_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.a.json").write_bytes(seal([]))  # type: ignore[arg-type]
    assert "it holds no object" in slot(tmp_path).load().notices[0]


def test_few_broken_files_are_kept_and_the_newest_of_them(tmp_path: Path) -> None:
    (tmp_path / "7").touch()
    for number in range(1, KEPT_BROKEN + 4):
        (tmp_path / "state.a.json").write_text(f"broken {number}")
        slot(tmp_path).load()
    kept = {path.name: path.read_text() for path in tmp_path.glob("*.broken-*")}
    assert kept == {f"state.a.json.broken-{number}": f"broken {number}" for number in range(4, KEPT_BROKEN + 4)}


@pytest.mark.parametrize("call", ["make_directory", "create", "write", "fsync", "rename", "fsync_directory"])
@pytest.mark.parametrize("number", [ENOSPC, EROFS, EACCES, EIO])
def test_a_failed_write_leaves_a_whole_state_and_can_be_repeated(tmp_path: Path, call: str, number: int) -> None:
    slot(tmp_path).write({"n": 1})
    files = FailingFiles(call, number)
    one = slot(tmp_path, files)
    for _ in range(3):
        with pytest.raises(StoreError, match=os.strerror(number)):
            one.write({"n": 2})
        assert slot(tmp_path).load().data in ({"n": 1}, {"n": 2})
        assert not (tmp_path / "state.tmp").exists()
    files.failing = False
    one.write({"n": 3})
    assert slot(tmp_path).load() == LoadResult(data={"n": 3})


def test_what_fits_into_a_block_is_written_in_place_once_both_files_are_our_own(tmp_path: Path) -> None:
    files = RecordingFiles()
    for number in range(3):
        slot(tmp_path, files).write({"n": number})
    one = slot(tmp_path, files)
    for number in range(7):
        one.write({"n": number})
    one.write({"n": 8, "fill": "x" * 5000})
    ways = [call[0] for call in files.calls if call[0] in ("rename", "over")]
    assert ways == ["rename"] * 3 + ["rename"] * 2 + ["over"] * 5 + ["rename"]
    assert slot(tmp_path).load() == LoadResult(data={"n": 8, "fill": "x" * 5000})


@pytest.mark.parametrize("call", ["overwrite", "write", "fdatasync"])
@pytest.mark.parametrize("number", [ENOSPC, EROFS, EACCES, EIO])
def test_a_failed_write_in_place_leaves_the_newest_and_is_repeated(tmp_path: Path, call: str, number: int) -> None:
    files = FailingFiles(call, number)
    files.failing = False
    one = slot(tmp_path, files)
    for written in (1, 2):
        one.write({"n": written})
    files.failing = True
    with pytest.raises(StoreError, match=os.strerror(number)):
        one.write({"n": 3})
    assert slot(tmp_path).load().data in ({"n": 2}, {"n": 3})
    files.failing = False
    one.write({"n": 4})
    assert slot(tmp_path).load() == LoadResult(data={"n": 4})


@pytest.mark.parametrize("data", [{"x": float("nan")}, {"x": object()}])
def test_what_is_not_json_is_refused_before_the_disk_is_touched(tmp_path: Path, data: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="JSON"):
        slot(tmp_path / "none").write(data)
    assert not (tmp_path / "none").exists()


def test_a_file_that_cannot_be_read_is_named_and_kept_aside(tmp_path: Path) -> None:
    slot(tmp_path).write({"n": 1})
    (tmp_path / "state.b.json").mkdir()
    found = slot(tmp_path).load()
    assert found.data == {"n": 1}
    assert "Is a directory" in found.notices[0]


def test_a_file_in_place_of_the_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = slot(tmp_path / "file").load()
    assert found.data is None
    assert "Not a directory" in found.notices[0]
    assert "could not be kept aside" in found.notices[0]


_WRITER = """
import sys
from pathlib import Path
from smallbms.store import Files, SlotFile
slot = SlotFile(Path(sys.argv[1]), "state", Files())
found = slot.load()
assert not found.notices, found
number = found.data["n"] if found.data else 0
while True:
    number += 1
    slot.write({"n": number, "fill": "x" * 5000})
    sys.stdout.buffer.write(b"%d\\n" % number)
    sys.stdout.buffer.flush()
"""


def test_kill_at_any_time_never_goes_back(tmp_path: Path) -> None:
    last = 0
    for turn in range(24):
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            for _ in range(1 + turn % 5):
                assert writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            confirmed = int((writer.stdout.read().split() or [b"0"])[-1])
        found = slot(tmp_path).load()
        assert found.data
        assert found.notices == ()
        number = found.data["n"]
        assert isinstance(number, int)
        assert number >= max(last + 1 + turn % 5, confirmed)
        last = number


def test_the_flash_budget_follows_interval_and_blocks() -> None:
    assert bytes_per_day(100, 60.0) == 1440 * 2 * 4096
    assert bytes_per_day(4097, 60.0) == 1440 * 17 * 4096
    assert bytes_per_day(100, 30.0) == 2 * bytes_per_day(100, 60.0)
