from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from smallbms.errors import InstallError
from smallbms.installer.services import Daemontools

from .daemontools import FakeDaemontools, supervise


@pytest.fixture
def wrapper(tmp_path: Path) -> Path:
    path = tmp_path / "home/bms"
    path.mkdir(parents=True)
    (tmp_path / "service").mkdir()
    return path


def test_a_service_that_is_not_there_is_down_and_stopped_already(tmp_path: Path, daemontools: FakeDaemontools) -> None:
    services = Daemontools(tmp_path)
    assert not services.is_up("bms")
    services.stop("bms")
    assert daemontools.calls == []


def test_stop_start_and_restart(tmp_path: Path, wrapper: Path, daemontools: FakeDaemontools) -> None:
    services = Daemontools(tmp_path / "service", proc=tmp_path / "proc")
    services.adopt("bms", wrapper)
    supervise(wrapper)
    assert services.is_up("bms")
    services.stop("bms")
    assert not services.is_up("bms")
    services.start("bms")
    assert services.is_up("bms")
    services.restart("bms")
    path = tmp_path / "service/bms"
    assert daemontools.calls == [f"svc -d {path}", f"svc -u {path}", f"svc -t {path}"]


def test_one_that_does_not_obey_is_killed(tmp_path: Path, wrapper: Path, daemontools: FakeDaemontools) -> None:
    services = Daemontools(tmp_path / "service", proc=tmp_path / "proc", stop_s=0.1)
    services.adopt("bms", wrapper)
    supervise(wrapper)
    (wrapper / "stubborn").touch()
    path = tmp_path / "service/bms"
    services.restart("bms")
    assert daemontools.calls[-2:] == [f"svc -t {path}", f"svc -k {path}"]
    supervise(wrapper)
    services.stop("bms")
    assert daemontools.calls[-2:] == [f"svc -d {path}", f"svc -k {path}"]


def test_one_that_cannot_even_be_killed_is_told(tmp_path: Path, wrapper: Path, daemontools: FakeDaemontools) -> None:
    services = Daemontools(tmp_path / "service", proc=tmp_path / "proc", stop_s=0.1)
    services.adopt("bms", wrapper)
    supervise(wrapper)
    (wrapper / "stubborn").touch()
    (wrapper / "immortal").touch()
    with pytest.raises(InstallError, match="bms does not end"):
        services.stop("bms")


def test_adopting_replaces_a_link_of_old_and_dismissing_ends_supervise_and_log(
    tmp_path: Path, wrapper: Path, daemontools: FakeDaemontools
) -> None:
    link = tmp_path / "service/bms"
    link.symlink_to("/somewhere/else")
    services = Daemontools(tmp_path / "service", proc=tmp_path / "proc")
    services.adopt("bms", wrapper)
    services.adopt("bms", wrapper)
    assert link.readlink() == wrapper
    supervise(wrapper)
    services.dismiss("bms")
    assert not link.is_symlink()
    assert not (wrapper / "supervise").exists()
    assert not (wrapper / "log/supervise").exists()
    services.dismiss("bms")
    assert daemontools.calls[-1] == f"svc -dx {wrapper} {wrapper}/log"


def test_dismissing_waits_until_supervise_has_ended(
    tmp_path: Path, wrapper: Path, daemontools: FakeDaemontools
) -> None:
    services = Daemontools(tmp_path / "service", proc=tmp_path / "proc")
    services.adopt("bms", wrapper)
    supervise(wrapper, "down")
    daemontools.program("svc", '#!/bin/sh\n(sleep 0.2; rm -r "$2/supervise" "$3/supervise") >/dev/null &\n')
    services.dismiss("bms")
    assert not (wrapper / "log/supervise").exists()


def test_adopting_tells_svscan_and_not_what_it_has_just_forked(
    tmp_path: Path, wrapper: Path, daemontools: FakeDaemontools
) -> None:
    with subprocess.Popen(("sleep", "30")) as svscan, subprocess.Popen(("sleep", "30")) as forked:
        for pid, name, parent in (
            (svscan.pid, "svscan", 1),
            (forked.pid, "svscan", svscan.pid),  # supervise in a moment
            (os.getpid(), "a (b", 1),
        ):
            (tmp_path / f"proc/{pid}").mkdir(parents=True)
            (tmp_path / f"proc/{pid}/stat").write_text(f"{pid} ({name}) S {parent} 1 1")
        (tmp_path / "proc/77/stat").mkdir(parents=True)  # ended while we look
        gone = subprocess.Popen(("true",))
        gone.wait()
        (tmp_path / f"proc/{gone.pid}").mkdir()
        (tmp_path / f"proc/{gone.pid}/stat").write_text(f"{gone.pid} (svscan) Z 1 1 1")  # ended before we tell it
        Daemontools(tmp_path / "service", proc=tmp_path / "proc").adopt("bms", wrapper)
        assert svscan.wait(5) == -signal.SIGALRM
        assert forked.poll() is None
        forked.kill()


def test_nobody_sees_a_link_missing_while_two_adopt(
    tmp_path: Path, wrapper: Path, daemontools: FakeDaemontools, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Daemontools(tmp_path / "service", proc=tmp_path / "proc")
    link = tmp_path / "service/bms"
    link.symlink_to("/somewhere/else")
    seen: list[bool] = []
    symlink_to = Path.symlink_to

    def watched(path: Path, target: Path) -> None:
        seen.append(link.is_symlink())
        symlink_to(path, target)
        seen.append(link.is_symlink())
        services.adopt("bms", link.readlink())  # the other one, just now

    monkeypatch.setattr(Path, "symlink_to", watched)
    services.adopt("bms", wrapper)
    assert seen == [True, True]
    assert link.readlink() == wrapper
    assert [path.name for path in link.parent.iterdir()] == ["bms"]


def test_programs_that_are_not_there_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    services = Daemontools(tmp_path)
    assert not services.is_up("bms")
    with pytest.raises(InstallError, match="svc: No such file"):
        services.restart("bms")
