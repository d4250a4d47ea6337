"""backoff.sh: how long the main process pauses before it is started again, with no program that a GX lacks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .project import ROOT

SHELLS = (["bash"], ["dash"], ["busybox", "sh"])
OF_A_GX = ("cat", "md5sum")  # by its busybox, and what else the script may ask
SOURCING = f"version=/v config=$1/smallbms.toml runtime=$1\n. {ROOT}/service/backoff.sh\n"
SLEEP = '#!/bin/sh\necho slept >>"${0%/*}/../slept"\necho "# changed" >>"${0%/*}/../smallbms.toml"\n'

pytestmark = pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])


def start(shell: list[str], folder: Path) -> int:
    """Do what comes before a start; how often it slept. Each time it sleeps, the configuration is changed."""
    programs = folder / "bin"
    if not programs.exists():
        programs.mkdir()
        for name in OF_A_GX:
            (programs / name).symlink_to(str(shutil.which(name)))
        (programs / "sleep").write_text(SLEEP)
        (programs / "sleep").chmod(0o755)
    program = [str(shutil.which(shell[0])), *shell[1:], "-c", SOURCING, "sh", str(folder)]
    done = subprocess.run(program, env={"PATH": str(programs)}, capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    slept = folder / "slept"
    return len(slept.read_text().splitlines()) if slept.exists() else 0


def test_a_pause_ends_when_the_file_is_changed(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "smallbms.toml").write_text("# as it failed\n")
    assert start(shell, tmp_path) == 0
    file = tmp_path / "start"
    file.write_text(file.read_text().replace("/v 0 ", "/v 5 "))  # the next pause would take a minute
    assert start(shell, tmp_path) == 1


def test_a_file_that_is_not_there_is_no_line_in_the_log(shell: list[str], tmp_path: Path) -> None:
    assert start(shell, tmp_path) == 0
    version, failures, _, fingerprint = (tmp_path / "start").read_text().split(maxsplit=3)
    assert (version, failures, fingerprint) == ("/v", "0", "none\n")
