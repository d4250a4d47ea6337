from __future__ import annotations

import hashlib
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from smallbms import __version__
from smallbms.errors import InstallError
from smallbms.installer import bundle, wheels

from .project import ROOT, make_archive, make_project


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


def make_wheel(cache: Path, members: dict[str, str]) -> wheels.Pin:
    cache.mkdir(parents=True, exist_ok=True)
    wheel = cache / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return wheels.Pin("thing==1.0", hashlib.sha256(wheel.read_bytes()).hexdigest())


def test_built_twice_the_bytes_are_the_same_whatever_the_files_times_and_the_name(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    first = bundle.build(project, tmp_path / "a", "x86_64", tmp_path / "cache")
    for path in project.rglob("*"):
        os.utime(path, (1, 1))
    (project / "service/smallbms/__pycache__").mkdir()
    (project / "service/smallbms/__pycache__/x.pyc").touch()
    second = bundle.build(project, tmp_path / "b", "x86_64", tmp_path / "cache")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_an_archive_is_sorted_owned_by_root_and_holds_no_compiled_file(tmp_path: Path) -> None:
    with tarfile.open(make_archive(tmp_path)) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "root", "root")}
    assert {member.mode for member in members} == {0o644, 0o755}
    assert len({member.mtime for member in members}) == 1
    assert all(member.isfile() and member.name.startswith("dbus-smallbms-ng-1.2.3/") for member in members)


def test_the_stick_brings_the_hook_and_the_archive_where_venus_looks(tmp_path: Path) -> None:
    """update-data.sh of Venus OS takes `rc` apart from the rest and unpacks the rest to /data."""
    archive = make_archive(tmp_path)
    incoming = "apps/dbus-smallbms-ng/incoming/dbus-smallbms-ng-1.2.3-x86_64.tar.gz"
    hooks = ["rc/post-hook.sh", "rc/pre-hook.sh"]
    assert names(archive.with_name("venus-data.tar.gz")) == [incoming, f"{incoming}.sha256", *hooks]


def test_the_checksum_file_is_one_of_sha256sum(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    assert os.system(f"cd {archive.parent} && sha256sum --check --status {archive.name}.sha256") == 0


def test_what_nobody_needs_of_a_wheel_is_left_out_and_its_licence_is_not(tmp_path: Path) -> None:
    needed = ["thing/__init__.py", "thing/core.so", "thing-1.0.dist-info/METADATA", "thing-1.0.dist-info/LICENSE"]
    left_out = ["thing/tests/test_x.py", "thing/core.pyi", "thing-1.0.dist-info/RECORD", "thing-1.0.data/scripts/run"]
    pin = make_wheel(tmp_path / "cache/x86_64", dict.fromkeys(needed + left_out, "x"))
    project = make_project(tmp_path / "project")
    (project / "service/wheels-x86_64.txt").write_text(f"{pin.requirement} --hash=sha256:{pin.digest}\n")
    archive, _ = bundle.build(project, tmp_path / "out", "x86_64", tmp_path / "cache")
    lib = [name.partition("/lib/")[2] for name in names(archive) if "/lib/" in name]
    assert sorted(lib) == sorted(needed)


@pytest.mark.parametrize("line", ["thing", "thing>=1 --hash=sha256:" + "0" * 64, "thing==1 --hash=sha256:12"])
def test_what_is_not_pinned_by_version_and_hash_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "wheels.txt"
    file.write_text(f"# a comment\n\n{line}\n")
    with pytest.raises(InstallError, match="not a pinned wheel"):
        wheels.pins(file)


def test_an_unknown_architecture_is_told(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="no bundle can be built for mips"):
        bundle.build(make_project(tmp_path / "project"), tmp_path, "mips", tmp_path)


def test_a_project_without_a_version_is_told(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project / "service/smallbms/__init__.py").write_text("")
    with pytest.raises(InstallError, match="states no version"):
        bundle.build(project, tmp_path, "x86_64", tmp_path)


def test_every_gx_has_the_same_versions_pinned_and_only_the_wheel_differs() -> None:
    pinned = {
        architecture: {pin.requirement for pin in wheels.pins(ROOT / f"service/wheels-{architecture}.txt")}
        for architecture in (*bundle.ARCHITECTURES, "x86_64")
    }
    assert pinned["armv7l"] == pinned["aarch64"] == pinned["x86_64"]
    assert "dbus-next==0.2.3" in pinned["armv7l"]


def test_the_version_is_read_without_importing_it() -> None:
    assert bundle.version_of(ROOT) == __version__
