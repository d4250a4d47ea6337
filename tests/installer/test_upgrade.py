from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from smallbms.errors import InstallError
from smallbms.installer import guard
from smallbms.installer.bundle import File, packed
from smallbms.installer.console import Console
from smallbms.installer.tree import BUNDLE, Bundle, write_bundle
from smallbms.installer.upgrade import rollback, upgrade

from .project import make_tree, seal
from .virtual import NEW, OLD, OLDER, VirtualDevice

HEALTHY_S = 30.0
CHANGES = "# Changelog\n\n## 2.0.0\nBetter.\n\n## 1.0.0\nGood.\n\n## 0.9.0\nFirst.\n"
SELFTEST = 'import json\nprint(json.dumps({{"version": "{version}", "protocol": {protocol}}}))\n'


def console(answers: str = "y\n") -> Console:
    return Console(out=io.StringIO(), answers=io.StringIO(answers))


def said(where: Console) -> str:
    assert isinstance(where.out, io.StringIO)
    return where.out.getvalue()


def answering(tree: Path, version: str, program: str = SELFTEST, protocol: int = 1) -> Path:
    """A version that says this of itself when it is asked."""
    (tree / "CHANGELOG.md").write_text(CHANGES)
    (tree / "service/smallbms/__main__.py").write_text(program.format(version=version, protocol=protocol))
    return seal(tree)


def archive_of(tree: Path, folder: Path) -> Path:
    """The archive of a version, with its checksum beside it."""
    top = f"dbus-smallbms-ng-{tree.name}"
    content = {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*") if p.is_file()}
    file = folder / f"{top}.tar.gz"
    file.write_bytes(packed({f"{top}/{name}": File(content=data) for name, data in content.items()}, 0))
    checksum(file)
    return file


def checksum(file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_name(f"{file.name}.sha256").write_text(f"{digest}  {file.name}\n")


@pytest.fixture
def device(tmp_path: Path) -> VirtualDevice:
    made = VirtualDevice(tmp_path, {OLD, NEW, OLDER})
    for version in (OLD, OLDER):
        answering(make_tree(made.layout.version(version), version), version)
    made.layout.version(NEW).rmdir()
    return made


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return archive_of(answering(make_tree(tmp_path / NEW, NEW), NEW), tmp_path)


def versions(device: VirtualDevice) -> set[str]:
    return {path.name for path in device.layout.versions.iterdir()}


def test_the_changes_are_shown_before_anything_happens(device: VirtualDevice, archive: Path) -> None:
    doubtful = console("n\n")
    assert not upgrade(device.machine, doubtful, archive, None, HEALTHY_S)
    assert "## 2.0.0\nBetter." in said(doubtful)
    assert "Good." not in said(doubtful)
    assert "Nothing was changed." in said(doubtful)
    assert (device.links(), versions(device), device.restarted) == ((OLD, OLDER), {OLD, OLDER}, [])


def test_an_upgrade_and_back(device: VirtualDevice, archive: Path) -> None:
    assert upgrade(device.machine, console(), archive, None, HEALTHY_S)
    assert (device.links(), versions(device)) == ((NEW, OLD), {NEW, OLD})
    assert rollback(device.machine, console(), HEALTHY_S)
    assert (device.links(), versions(device)) == ((OLD, NEW), {NEW, OLD})


def test_to_an_older_version_what_is_taken_back_is_told(device: VirtualDevice, tmp_path: Path) -> None:
    device.layout.previous.unlink()
    older = archive_of(answering(make_tree(tmp_path / OLDER, OLDER), OLDER), tmp_path)
    where = console()
    assert upgrade(device.machine, where, older, None, HEALTHY_S)
    assert "0.9.0 is older than 1.0.0" in said(where)
    assert "## 1.0.0\nGood." in said(where)


@pytest.mark.parametrize("damage", ["cut", "swapped", "no checksum", "missing"])
def test_a_damaged_file_changes_nothing(device: VirtualDevice, archive: Path, damage: str) -> None:
    beside = archive.with_name(f"{archive.name}.sha256")
    match damage:
        case "cut":
            archive.write_bytes(archive.read_bytes()[:-100])
            checksum(archive)  # as it came
        case "swapped":
            archive.write_bytes(archive.read_bytes()[:-1] + b"x")
        case "no checksum":
            beside.unlink()
        case "missing":
            archive.unlink()
    with pytest.raises(InstallError, match=r"copy it|is not there"):
        upgrade(device.machine, console(), archive, None, HEALTHY_S)
    assert (device.links(), versions(device), device.restarted) == ((OLD, OLDER), {OLD, OLDER}, [])


def test_what_runs_already_is_refused(device: VirtualDevice, tmp_path: Path) -> None:
    same = archive_of(answering(make_tree(tmp_path / OLD, OLD), OLD), tmp_path)
    with pytest.raises(InstallError, match=r"1\.0\.0 runs already\. Nothing was changed\."):
        upgrade(device.machine, console(), same, None, HEALTHY_S)


def test_another_machine_is_refused(device: VirtualDevice, tmp_path: Path) -> None:
    tree = answering(make_tree(tmp_path / NEW, NEW), NEW)
    (tree / BUNDLE).write_bytes(write_bundle(Bundle(version=NEW, architecture="mips", python="2.7")))
    with pytest.raises(InstallError, match=r"this bundle is for mips.*\n.*Python 2\.7.*\nNothing was changed\."):
        upgrade(device.machine, console(), archive_of(seal(tree), tmp_path), None, HEALTHY_S)
    assert versions(device) == {OLD, OLDER}


@pytest.mark.parametrize("program", ["raise SystemExit('no pydantic here')", "print('{{}}')", "print('nonsense')"])
def test_a_version_that_cannot_run_here_is_taken_away_again(
    device: VirtualDevice, tmp_path: Path, program: str
) -> None:
    tree = answering(make_tree(tmp_path / NEW, NEW), NEW, program)
    with pytest.raises(InstallError, match=r"(?s)self-test of 2\.0\.0 .*Nothing was changed\. 1\.0\.0 runs\."):
        upgrade(device.machine, console(), archive_of(tree, tmp_path), None, HEALTHY_S)
    assert (device.links(), versions(device), device.restarted) == ((OLD, OLDER), {OLD, OLDER}, [])


def test_another_protocol_is_asked_for_by_itself(device: VirtualDevice, tmp_path: Path) -> None:
    tree = answering(make_tree(tmp_path / NEW, NEW), NEW, protocol=99)
    doubtful = console("y\nn\n")
    assert not upgrade(device.machine, doubtful, archive_of(tree, tmp_path), None, HEALTHY_S)
    assert "with BOTH outputs off" in said(doubtful)
    assert (device.links(), device.restarted) == ((OLD, OLDER), [])


def test_one_at_a_time_and_only_where_something_is_installed(device: VirtualDevice, archive: Path) -> None:
    with guard.alone(device.layout), pytest.raises(InstallError, match="running already"):
        upgrade(device.machine, console(), archive, None, HEALTHY_S)
    device.layout.current.unlink()
    with pytest.raises(InstallError, match=r"nothing is installed .* \./install\.sh install"):
        upgrade(device.machine, console(), archive, None, HEALTHY_S)


@pytest.mark.parametrize("previous", [None, OLD, "7.7.7"])
def test_without_a_previous_version_there_is_no_way_back(device: VirtualDevice, previous: str | None) -> None:
    device.layout.previous.unlink()
    if previous:
        device.layout.previous.symlink_to(f"versions/{previous}")
    with pytest.raises(InstallError, match="there is no previous version here"):
        rollback(device.machine, console(), HEALTHY_S)
