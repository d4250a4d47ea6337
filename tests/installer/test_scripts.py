"""The shell scripts that daemontools and people start: which version they run, and with what."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from smallbms.installer import boot, disk
from smallbms.installer.archive import put_in_place
from smallbms.installer.layout import MAIN, OUTPUTS, SUPERVISED, Layout, venus

from .project import ROOT, make_tree, seal

SCRIPTS = sorted(
    path for path in (ROOT / "service").rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh")
)
SHELLS = (["bash"], ["dash"], ["busybox", "sh"])
LOG = "dbus-smallbms-ng-install.log"
SOURCED = sorted((ROOT / "service").rglob("*.sh"))


@pytest.mark.parametrize("script", sorted({*SCRIPTS, *SOURCED}), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_script_is_one_for_the_shell_of_busybox(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
    assert os.access(script, os.X_OK) or script.suffix == ".sh"
    assert "[[" not in script.read_text()


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("protected", [False, True])
def test_a_stick_is_taken_though_it_may_be_write_protected(tmp_path: Path, shell: list[str], protected: bool) -> None:
    stick, incoming = tmp_path / "media/sda1", tmp_path / "data/apps/dbus-smallbms-ng/incoming"
    unpacked = tmp_path / "dbus-smallbms-ng-1"
    for folder in (stick, incoming, unpacked, tmp_path / "data/log"):
        folder.mkdir(parents=True)
    (stick / "venus-data.tar.gz").touch()
    (unpacked / "install.sh").write_text('#!/bin/sh\necho "$*"\n')
    (unpacked / "install.sh").chmod(0o755)
    subprocess.run(["tar", "czf", incoming / "x.tar.gz", "-C", tmp_path, unpacked.name], check=True)
    if protected:
        (stick / LOG).mkdir()  # this root may not write to either
    hook = (ROOT / "service/venus/post-hook.sh").read_text()
    for place in ("/data/", "/media/"):
        hook = hook.replace(place, f"{tmp_path}{place}")
    done = subprocess.run([*shell, "-c", f"{hook}\nwait\n", "hook", "success"], capture_output=True, check=True)
    assert done.stderr == b""
    log = (tmp_path / "data/log" if protected else stick) / LOG
    assert log.read_text() == f"stick {incoming}/x.tar.gz\n"
    assert not incoming.exists()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Version 1.2.3 is current; each of its processes prints how it was started."""
    source = make_tree(tmp_path / "source")
    for name in SUPERVISED:
        (source / f"service/{name}/run").write_text('#!/bin/sh\necho "$0"\n')
    (source / "install.sh").write_text('#!/bin/sh\necho "$0 $*"\n')
    (source / "install.sh").chmod(0o755)
    layout = venus(tmp_path / "root")
    layout.services.mkdir(parents=True)
    put_in_place(seal(source), layout)
    disk.point(layout.current, "versions/1.2.3")
    boot.put_wrappers(layout)
    return layout


def started(layout: Layout, name: str) -> list[str]:
    """Start a wrapper as supervise does, in its directory."""
    done = subprocess.run(["./run"], cwd=layout.wrappers / name, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", SUPERVISED)
def test_a_process_is_started_from_its_version_and_not_through_the_link(layout: Layout, name: str) -> None:
    """So that it never loads a part of another version after the link has been switched."""
    assert started(layout, name) == [f"{layout.version('1.2.3')}/service/{name}/run"]


def test_an_update_that_was_cut_short_is_seen_to_before_the_main_process_starts(layout: Layout) -> None:
    layout.journal.write_text("{}")
    assert started(layout, MAIN) == ["current/install.sh resume", f"{layout.version('1.2.3')}/service/{MAIN}/run"]
    assert started(layout, OUTPUTS) == [f"{layout.version('1.2.3')}/service/{OUTPUTS}/run"]


def test_where_the_current_version_cannot_the_previous_sees_to_it(layout: Layout) -> None:
    layout.journal.write_text("{}")
    (layout.version("1.2.3") / "install.sh").write_text("#!/bin/sh\nexit 1\n")
    previous = layout.version("1.2.2")
    previous.mkdir()
    (previous / "install.sh").write_text('#!/bin/sh\necho "$0 $*"\n')
    (previous / "install.sh").chmod(0o755)
    disk.point(layout.previous, "versions/1.2.2")
    assert started(layout, MAIN)[0] == "previous/install.sh resume"


def test_the_log_of_each_is_kept_small_and_under_its_own_name(layout: Layout, tmp_path: Path) -> None:
    multilog = tmp_path / "bin/multilog"
    multilog.parent.mkdir()
    multilog.write_text('#!/bin/sh\necho "$*"\n')
    multilog.chmod(0o755)
    for name in SUPERVISED:
        done = subprocess.run(
            ["./run"], cwd=layout.wrappers / name / "log", capture_output=True, text=True, check=True,
            env={"PATH": f"{multilog.parent}:{os.environ['PATH']}"},
        )  # fmt: skip
        assert done.stdout == f"t s25000 n4 /var/log/{name}\n"


def test_the_command_runs_the_current_version_with_its_own_packages(layout: Layout) -> None:
    done = subprocess.run([layout.home / "smallbms", "why", "--json"], capture_output=True, text=True, check=True)
    assert done.stdout == "why --json\n"
