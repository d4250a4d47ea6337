"""The tests in `inside`, each file on a test bed of its own; and what a boot promises."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path

import pytest

from . import kernel
from .inside.waiting import wait_for
from .machine import NEVER_ENDED, PROJECT, boot

FILES = sorted(Path(__file__).parent.glob("inside/test_*.py"))
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--color=no")

pytestmark = pytest.mark.timeout(900)  # the first boot may have to build the kernel


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_inside(file: Path) -> None:
    status, text = boot([*PYTEST, str(file.relative_to(PROJECT))])
    assert status == 0, text


def test_status_and_output_come_back() -> None:
    told = 'echo "1: $HOME"; echo "2: $0" >&2; exit 7'
    assert boot(["sh", "-c", told, "a word's"]) == (7, "1: /run/home\n2: a word's\n")


def test_nothing_outside_can_be_written() -> None:
    file = kernel.CACHE / "written-from-inside"
    status, text = boot(["touch", str(file)])
    assert (status, file.exists()) == (1, False)
    assert "Read-only file system" in text


def test_a_command_without_end_is_killed_with_all_that_it_started() -> None:
    status, text = boot(["sh", "-c", "echo begun; sleep 1000 & sleep 1000"], seconds=5)
    assert (status, text.splitlines()[0]) == (NEVER_ENDED, "begun")
    assert text.endswith("killed after 5 s")
    wait_for(lambda: not _left_behind(), "the end of all processes")


def _left_behind() -> list[Path]:
    """The processes of boots that are over: the folder in their command is gone."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            folder = re.search(rb"uml_dir=([^\0]+)", (process / "cmdline").read_bytes())
            if folder and not Path(folder[1].decode()).exists():
                found.append(process)
    return found


def test_what_cannot_be_built_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "CACHE", tmp_path)
    monkeypatch.setattr(kernel, "mirror", lambda: f"file:{tmp_path}/nowhere")
    with pytest.raises(kernel.KernelError, match=r"cannot be built: apt-get .* update failed:\n.*nowhere"):
        kernel.built()
    assert [file.name for file in tmp_path.iterdir()] == ["hwbed.lock"]


def test_another_machine_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(kernel.KernelError, match="a program for x86_64, this is aarch64"):
        kernel.built()
