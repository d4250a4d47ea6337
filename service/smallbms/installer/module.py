"""How a module of one version is run, whichever version runs at the moment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from smallbms.frozen import frozen

_PATHS = ("service", "ext", "lib")


@frozen
class Module:
    """What to execute."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def module_of(version: Path, name: str, *arguments: str) -> Module:
    """A module of the version in that directory: with its own venv where it has one, else with the system's Python.

    A version that brings its packages along in lib/ does not see those of the system (-S).
    """
    venv = version / "venv/bin/python"
    python = str(venv) if venv.exists() else "python3"
    path = os.pathsep.join(str(version / part) for part in _PATHS)
    alone = ("-S",) if (version / "lib").is_dir() else ()
    return Module(
        command=(python, "-s", *alone, "-B", "-m", name, *arguments), environment={**os.environ, "PYTHONPATH": path}
    )
