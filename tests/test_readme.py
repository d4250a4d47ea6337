"""README's tables are those of the code, and what it shows works."""

from __future__ import annotations

import re

from readme_tables import README, written
from smallbms.cli import main
from smallbms.commands.check import known_drivers
from smallbms.config import parse


def test_the_tables_of_readme_are_those_of_the_code() -> None:
    text = README.read_text(encoding="utf-8")
    assert written(text) == text, "run: .venv/bin/python tests/readme_tables.py"


def test_the_example_configuration_is_valid() -> None:
    example, *more = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    config = parse("\n".join((example, *more)), "README.md", known_drivers())
    assert config.bank_spec().members[0].model is not None


def test_every_command_that_readme_names_exists(capsys: object) -> None:
    text = README.read_text(encoding="utf-8")
    names = set(re.findall(r"smallbms ((?:[a-z]+)(?:-[a-z]+)*)", text)) - {"on"}
    for name in sorted(names):
        try:
            main([name, "--help"])
        except SystemExit as end:
            assert end.code == 0, f"smallbms {name} is no command"
