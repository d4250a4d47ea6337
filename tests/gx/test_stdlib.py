"""No module that a GX lacks is imported by anything that may run there, at the head of a file or later."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .stdlib import ABSENT_3_60

PROJECT = Path(__file__).parents[2]
FILES = [file for part in ("service", "ext") for file in sorted((PROJECT / part).rglob("*.py"))]
FALLBACKS = {"tomllib"}  # tried by name, tomli is taken where it is missing


def imports(source: str) -> Iterator[str]:
    """The first part of every name that a source imports, by statement or by a word for import_module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.Call(args=[ast.Constant(value=str(word)), *_]) if ast.unparse(node.func).endswith("import_module"):
                yield word.partition(".")[0]


@pytest.mark.parametrize(
    "source",
    ["import sqlite3", "def f():\n    from unittest.mock import Mock", "import_module('zoneinfo')", "import os, tty"],
)
def test_the_walk_finds_an_import_anywhere(source: str) -> None:
    assert ABSENT_3_60 & set(imports(source))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_nothing_imports_what_a_gx_lacks(file: Path) -> None:
    assert not set(imports(file.read_text(encoding="utf-8"))) & (ABSENT_3_60 - FALLBACKS)
