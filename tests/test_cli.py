"""The command line itself: help for every command, one clear sentence for what is misused."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from smallbms import __version__
from smallbms.cli import FAILED, MISUSED, main

COMMANDS = (
    "run", "demo", "emulate", "simulate", "status", "why", "settings", "history", "check", "set", "synchronise",
    "reset-to-defaults", "schema", "acknowledge", "forget-settings", "selftest",
)  # fmt: skip


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--version") == 0
    assert capsys.readouterr().out == f"smallbms {__version__}\n"


def test_the_help_lists_every_command_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--help") == 0
    listed = re.findall(r"^    ([a-z-]+)(?= |$)", capsys.readouterr().out, flags=re.MULTILINE)
    assert tuple(sorted(listed)) == tuple(sorted(COMMANDS))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(command, "--help") == 0
    assert f"usage: smallbms {command}" in capsys.readouterr().out


def test_a_package_that_this_python_cannot_import_is_one_sentence() -> None:
    """As after a firmware update with another Python: what was compiled for the old one is not found."""
    program = (
        "import sys; sys.modules['pydantic_core'] = None; from smallbms.cli import main; sys.exit(main(['check']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert re.fullmatch(
        r"pydantic_core cannot be imported by Python 3\.\d+: install a version made for it\n", done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("fly",), "invalid choice: 'fly'"),
        (("run",), "the following arguments are required: --config"),
        (("set", "mode"), "the following arguments are required: VALUE"),
        (("demo", "--seconds", "0"), "0 is not within 0…1000000 s"),
        (("demo", "--seconds", "soon"), "invalid _seconds value: 'soon'"),
        (("emulate", "lynx"), "invalid choice: 'lynx'"),
        (("status", "--colour"), "unrecognized arguments: --colour"),
    ],
)
def test_misuse_is_one_sentence(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(*arguments) == MISUSED
    assert said in capsys.readouterr().err
