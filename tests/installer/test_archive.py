from __future__ import annotations

import errno
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from smallbms.errors import InstallError
from smallbms.installer import archive, tree
from smallbms.installer.layout import Layout, venus

from .project import make_archive, make_tree, seal


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return venus(tmp_path / "root")


def test_what_was_bundled_comes_out_whole_and_leaves_no_trace(tmp_path: Path, layout: Layout) -> None:
    file = make_archive(tmp_path)
    archive.check_sum(file)
    with archive.unpacked(file, layout) as (top, bundle):
        assert (bundle.version, bundle.architecture, bundle.python) == ("1.2.3", "x86_64", "3.12")
        assert os.access(top / "install.sh", os.X_OK)
        assert not os.access(top / "README.md", os.X_OK)
        assert archive.put_in_place(top, layout)
    assert os.listdir(layout.versions) == ["1.2.3"]
    tree.verify(layout.version("1.2.3"))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [(None, "is missing"), ("", "is not what"), (f"{'0' * 64}  x.tar.gz\n", "is not what"), ("\udc80", "is missing")],
)
def test_an_archive_other_than_its_checksum_says_is_refused(tmp_path: Path, said: str | None, sentence: str) -> None:
    file = tmp_path / "x.tar.gz"
    file.write_bytes(b"content")
    if said is not None:
        file.with_name("x.tar.gz.sha256").write_bytes(said.encode("utf-8", "surrogateescape"))
    with pytest.raises(InstallError, match=sentence):
        archive.check_sum(file)


def test_an_archive_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz.sha256").write_text("0")
    with pytest.raises(InstallError, match=r"x\.tar\.gz is not there"):
        archive.check_sum(tmp_path / "x.tar.gz")


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_an_archive_cut_short_is_refused_and_leaves_nothing(tmp_path: Path, layout: Layout, keep: float) -> None:
    file = make_archive(tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InstallError), archive.unpacked(file, layout):
        pytest.fail("handed out")
    assert os.listdir(layout.versions) == []


def strange(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = "/etc/passwd"
    return member


@pytest.mark.parametrize(
    "member",
    [
        strange("/etc/cron.d/x"),
        strange("dbus-smallbms-ng-1/../../../x"),
        strange("dbus-smallbms-ng-1/x", tarfile.SYMTYPE),
        strange("dbus-smallbms-ng-1/x", tarfile.LNKTYPE),
        strange("dbus-smallbms-ng-1/x", tarfile.CHRTYPE),
        strange("dbus-smallbms-ng-1/x", tarfile.FIFOTYPE),
        strange("dbus-smallbms-ng-1/x", tarfile.DIRTYPE),
    ],
    ids=lambda member: f"{member.type!r} {member.name}",
)
def test_an_archive_that_would_write_elsewhere_is_refused(
    tmp_path: Path, layout: Layout, member: tarfile.TarInfo
) -> None:
    file = tmp_path / "x.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        tar.addfile(member, io.BytesIO(b""))
    with pytest.raises(InstallError, match="which no archive of"), archive.unpacked(file, layout):
        pytest.fail("handed out")
    assert [path for path in tmp_path.rglob("*") if path.name == "x"] == []


def test_a_disk_that_fills_up_is_told_and_nothing_is_left(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = make_archive(tmp_path)
    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(InstallError, match="cannot be unpacked: No space left"), archive.unpacked(file, layout):
        pytest.fail("handed out")
    assert os.listdir(layout.versions) == []


def test_an_archive_of_something_else_is_refused(tmp_path: Path, layout: Layout) -> None:
    file = tmp_path / "x.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        tar.addfile(strange("other/file"), io.BytesIO(b""))
    with pytest.raises(InstallError, match="no archive of dbus-smallbms-ng"), archive.unpacked(file, layout):
        pytest.fail("handed out")


@pytest.mark.parametrize("damage", ["changed", "missing", "more", "a link"])
def test_a_damaged_tree_is_never_put_in_place(tmp_path: Path, layout: Layout, damage: str) -> None:
    source = make_tree(tmp_path / "source")
    file = source / "README.md"
    match damage:
        case "changed":
            file.write_text("x")
        case "missing":
            file.unlink()
        case "more":
            (source / "lib.py").touch()
        case "a link":
            file.rename(tmp_path / "README.md")
            file.symlink_to(tmp_path / "README.md")
    with pytest.raises(InstallError):
        archive.put_in_place(source, layout)
    assert not layout.version("1.2.3").exists()


def test_a_version_that_is_there_is_left_alone_and_a_broken_one_replaced(tmp_path: Path, layout: Layout) -> None:
    source, place = make_tree(tmp_path / "source"), layout.version("1.2.3")
    assert archive.put_in_place(source, layout)
    assert not archive.put_in_place(source, layout)
    (place / "README.md").unlink()
    assert archive.put_in_place(source, layout)
    tree.verify(place)
    assert os.listdir(layout.versions) == ["1.2.3"]


def test_the_venv_of_a_broken_version_is_kept(tmp_path: Path, layout: Layout) -> None:
    """Without a network nobody could make another."""
    source, place = make_tree(tmp_path / "source"), layout.version("1.2.3")
    archive.put_in_place(source, layout)
    (place / "venv/bin").mkdir(parents=True)
    (place / "venv/bin/python").touch()
    (place / "README.md").unlink()
    assert archive.put_in_place(source, layout)
    assert (place / "venv/bin/python").exists()
    assert os.listdir(layout.versions) == ["1.2.3"]


def test_everybody_may_read_it_whoever_unpacked_the_archive(tmp_path: Path, layout: Layout) -> None:
    """By hand, with a umask of 077."""
    source = make_tree(tmp_path / "source")
    (source / "README.md").chmod(0o600)
    (source / "install.sh").chmod(0o700)
    archive.put_in_place(source, layout)
    modes = [(layout.version("1.2.3") / name).stat().st_mode & 0o777 for name in ("README.md", "install.sh")]
    assert modes == [0o644, 0o755]


def test_a_broken_version_does_not_repair_itself_from_itself(tmp_path: Path, layout: Layout) -> None:
    archive.put_in_place(make_tree(tmp_path / "source"), layout)
    (layout.version("1.2.3") / "README.md").unlink()
    with pytest.raises(InstallError, match="unpack the archive again"):
        archive.put_in_place(layout.version("1.2.3"), layout)
    assert (layout.version("1.2.3") / "install.sh").exists()


def test_it_is_compiled_once_so_that_no_start_has_to(tmp_path: Path, layout: Layout) -> None:
    source = make_tree(tmp_path / "source")
    (source / "service/smallbms/for_another_python.py").write_text("def (:\n")
    archive.put_in_place(seal(source), layout)
    place = layout.version("1.2.3")
    compiled = list((place / "service/smallbms/__pycache__").iterdir())
    assert [file.name.partition(".")[0] for file in sorted(compiled)] == ["__init__", "__main__"]
    command = f"PYTHONPATH={place}/service {os.sys.executable} -v -B -c 'import smallbms' 2>&1"
    with os.popen(command) as said:
        assert f"matches {place}/service/smallbms/__init__.py" in said.read()


@pytest.mark.parametrize("said", ["{}", "[]", "x", '{"version": "../x", "architecture": "a", "python": "3.12"}'])
def test_a_directory_that_says_nothing_sensible_is_no_bundle(tmp_path: Path, said: str) -> None:
    (tmp_path / tree.BUNDLE).write_text(said)
    with pytest.raises(InstallError):
        tree.read_bundle(tmp_path)
