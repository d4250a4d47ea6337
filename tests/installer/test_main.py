"""The command line of the installer: what is refused is one sentence, whatever was wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smallbms.errors import InstallError
from smallbms.installer import __main__ as program
from smallbms.installer import venus

from .project import make_archive


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/opt/victronenergy").mkdir(parents=True)
    return tmp_path / "root"


@pytest.mark.parametrize("verb", ["bundle", "install", "upgrade", "rollback", "uninstall", "stick"])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program.main([verb, "--help"])
    assert end.value.code == 0
    assert f"usage: install.sh {verb}" in capsys.readouterr().out


def raising(error: BaseException) -> Callable[..., bool]:
    def uninstall(*arguments: object, **more: object) -> bool:
        raise error

    return uninstall


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InstallError("it is not installed"), "it is not installed\n"),
        (OSError(28, "No space left on device", "/data/x"), "/data/x: No space left on device\n"),
        (OSError("odd"), "odd\n"),
        (KeyboardInterrupt(), "stopped; the same command again does the rest\n"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    root: Path,
    error: BaseException,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(venus, "uninstall", raising(error))
    assert program.main(["--root", str(root), "uninstall", "--yes"]) == program.FAILED
    assert capsys.readouterr() == ("", said)


def test_what_it_writes_the_user_of_the_service_may_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever verb: an upgrade brings a version and a venv as an installation does."""

    def uninstall(*arguments: object, **more: object) -> bool:
        (root / "written").mkdir()
        return True

    monkeypatch.setattr(venus, "uninstall", uninstall)
    before = os.umask(0o077)
    try:
        assert program.main(["--root", str(root), "uninstall", "--yes"]) == program.DONE
    finally:
        os.umask(before)
    assert (root / "written").stat().st_mode & 0o777 == 0o755


def test_a_character_that_the_locale_lacks_ends_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "smallbms.installer", "upgrade", "--help"],
        env={**os.environ, "PYTHONIOENCODING": "iso-8859-1"}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (program.DONE, b"")
    assert b"dbus-smallbms-ng-?.tar.gz" in done.stdout


@pytest.mark.usefixtures("daemontools")
def test_what_is_no_bundle_cannot_be_installed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--root", str(root), "install", "--yes"]) == program.FAILED
    assert "is no unpacked bundle" in capsys.readouterr().err


def test_bundle_says_where_how_large_and_which_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = make_archive(tmp_path)
    monkeypatch.setattr(program, "HERE", tmp_path / "project-1.2.3")
    assert program.main(["bundle", "--out", str(tmp_path / "again"), "--arch", "x86_64"]) == program.DONE
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path}/again/x86_64/{archive.name}  0.0 MB  ")
    assert second.startswith(f"{tmp_path}/again/x86_64/venus-data.tar.gz  ")
