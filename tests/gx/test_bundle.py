"""What is shipped: for the right machine, no newer glibc than a GX has, small, and the same twice."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from smallbms.installer import bundle

from . import archives, elf

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SHIPPED = bundle.ARCHITECTURES
GLIBC = (2, 39)  # of Venus OS v3.60
PYTHON = "cp312"
LARGEST_MB = 12


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This version as it is now, with its history."""
    return with_history(archives.PROJECT, tmp_path_factory.mktemp("project") / "copy")


@pytest.fixture(scope="module")
def built(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The archive of each architecture."""
    out = tmp_path_factory.mktemp("out")
    return {name: archives.build(out, project, name) for name in SHIPPED}


def with_history(project: Path, folder: Path) -> Path:
    """A copy whose files are newer, and whose last commit is the same."""
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", archives.PROJECT, folder], check=True)
    for name in bundle.SHIPPED:
        source = project / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder / name)
        os.utime(folder / name)
    return folder


def files(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile()]
        return {member.name.partition("/")[2]: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]


@pytest.mark.parametrize("architecture", SHIPPED)
def test_every_shared_object_runs_on_the_machine(architecture: str, built: Mapping[str, Path]) -> None:
    content = files(built[architecture])
    objects = {name: elf.read(data) for name, data in content.items() if name.endswith(".so") or data[:4] == b"\x7fELF"}
    assert any("pydantic_core" in name for name in objects)
    for name, found in objects.items():
        assert found.machine == architecture, name
        assert () < found.glibc <= GLIBC, (name, found)
        assert found.hard_float == (architecture == "armv7l"), name
        assert f".cpython-312-{'arm' if architecture == 'armv7l' else architecture}-linux-gnu" in name


@pytest.mark.parametrize("architecture", SHIPPED)
def test_every_wheel_is_for_this_python_and_machine(architecture: str, built: Mapping[str, Path]) -> None:
    wheels = {name: data.decode() for name, data in files(built[architecture]).items() if name.endswith("/WHEEL")}
    assert len(wheels) >= 6
    for name, text in wheels.items():
        for tag in re.findall(r"^Tag: (\S+)$", text, re.MULTILINE):
            python, abi, platforms = tag.split("-")
            pure = (abi, platforms) == ("none", "any") and python in ("py3", "py2")
            linux = all(re.fullmatch(rf"manylinux\w+_{architecture}", platform) for platform in platforms.split("."))
            compiled = (python, abi) == (PYTHON, PYTHON) and linux
            assert pure or compiled, (name, tag)


@pytest.mark.parametrize("architecture", SHIPPED)
def test_it_is_small_and_holds_what_a_gx_needs_and_no_more(architecture: str, built: Mapping[str, Path]) -> None:
    archive = built[architecture]
    for packed in (archive, archives.beside(archive)):
        assert packed.stat().st_size < LARGEST_MB * 1e6
    names = set(files(archive))
    assert {"install.sh", "CHANGELOG.md", "LICENSE", "README.md", "service/smallbms/app.py"} <= names
    assert not [name for name in names if re.search(r"\.pyc$|(^|/)tests?/|/RECORD$", name)]


@pytest.mark.parametrize("architecture", SHIPPED)
def test_built_twice_it_is_the_same(
    architecture: str, project: Path, built: Mapping[str, Path], tmp_path: Path
) -> None:
    again = archives.build(tmp_path / "out", with_history(project, tmp_path / "copy"), architecture)
    assert digests(again) == digests(built[architecture])


def digests(archive: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(archive.parent.iterdir())}


def test_the_reader_tells_machine_and_glibc_of_a_fresh_object(tmp_path: Path) -> None:
    source, shared = tmp_path / "x.c", tmp_path / "x.so"
    source.write_text('#include <stdio.h>\nint x(void) { return puts("x"); }\n', encoding="utf-8")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shared, source], check=True)
    found = elf.read(shared.read_bytes())
    versions = subprocess.run(["objdump", "-T", shared], check=True, capture_output=True, text=True).stdout
    newest = max(tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([\d.]+)", versions))
    assert found.glibc == newest
    assert found.machine == subprocess.run(["uname", "-m"], check=True, capture_output=True, text=True).stdout.strip()
    with pytest.raises(ValueError, match="no ELF"):
        elf.read(b"#!/bin/sh\n")
