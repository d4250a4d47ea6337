"""Whose a port is, in a /proc of the test's own and in the real one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from smallbms.links.holders import holder

SLEEPER = 4711


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with one other process, one port, and /dev/ttyS0 as its console."""
    (tmp_path / f"proc/{SLEEPER}/fd").mkdir(parents=True)
    (tmp_path / f"proc/{SLEEPER}/comm").write_text("vedirect\n")
    (tmp_path / f"proc/{os.getpid()}/fd").mkdir(parents=True)
    (tmp_path / "proc/consoles").write_text("ttyS0                -W- (EC p a)    4:64\n")
    (tmp_path / "var/lock").mkdir(parents=True)
    (tmp_path / "port").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "port")
    return tmp_path


def test_nobody_has_it(root: Path) -> None:
    (root / f"proc/{os.getpid()}/fd/3").symlink_to(root / "port")  # ourselves
    assert holder(str(root / "by-id"), root=root) is None


def test_a_program_that_has_it_open_is_named_by_whatever_name_it_is_asked_for(root: Path) -> None:
    (root / f"proc/{SLEEPER}/fd/3").symlink_to("socket:[1]")
    (root / f"proc/{SLEEPER}/fd/4").symlink_to(root / "port")
    assert holder(str(root / "by-id"), root=root) == f"vedirect ({SLEEPER})"
    assert holder(str(root / "port"), root=root) == f"vedirect ({SLEEPER})"
    (root / f"proc/{SLEEPER}/comm").unlink()
    assert holder(str(root / "port"), root=root) == f"a program ({SLEEPER})"


@pytest.mark.parametrize(
    ("text", "locked"),
    [(f"      {SLEEPER}\n", True), ("99999999", False), (str(os.getpid()), False), ("", False), ("\xff\0", False)],
    ids=["alive", "gone", "ourselves", "empty", "garbage"],
)
def test_a_lock_file_counts_while_who_made_it_lives(root: Path, text: str, locked: bool) -> None:
    (root / "var/lock/LCK..port").write_text(text, encoding="latin-1")
    assert (holder(str(root / "port"), root=root) is not None) == locked


def test_the_console_is_left_alone(root: Path) -> None:
    assert holder("/dev/ttyS0", root=root) == "the kernel's console"


def test_a_machine_without_any_of_it(tmp_path: Path) -> None:
    assert holder("/dev/ttyUSB7", root=tmp_path) is None


def test_a_real_process_with_a_real_file(tmp_path: Path) -> None:
    port = tmp_path / "port"
    port.touch()
    program = "import sys; f = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        assert str(process.pid) in (holder(str(port)) or "")
        process.stdin.close()
        process.wait(10)
    assert holder(str(port)) is None


def test_a_pseudo_terminal_is_not_held_by_who_made_it() -> None:
    master, slave = pty.openpty()
    try:
        assert holder(os.ttyname(slave)) is None
    finally:
        os.close(master)
        os.close(slave)
