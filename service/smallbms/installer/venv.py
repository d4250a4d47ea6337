"""A venv for one version, where the system has pip; a GX has none, its bundles bring what they need."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import sys
from pathlib import Path

from smallbms.installer.layout import Layout, System
from smallbms.installer.programs import call, obey

_MADE = ".made"  # there once all is in it
_NAME = re.compile(r"[\w.-]+")
# Run by its own Python: whether what is named is there, and every file as long as it was when it was put there.
_LOOK = """
import sys
from importlib.metadata import distribution, distributions
[distribution(name) for name in sys.argv[1:]]
files = [file for found in distributions() for file in found.files or () if file.size is not None]
sys.exit(any(file.locate().stat().st_size != file.size for file in files))
"""


def make(layout: Layout, version: str, wheels: Path | None) -> bool:
    """Make the venv of an unpacked version; False if it needs none or has a whole one. InstallError: what pip says.

    One made by a Python that a new release of the system took away is made anew.
    `wheels`: a directory to take everything from instead of the package index.
    """
    tree = layout.version(version)
    directory = tree / "venv"
    python = str(directory / "bin/python")
    if layout.system is not System.DEBIAN:
        return False
    requirements = _requirements(tree)
    names = [_NAME.findall(line)[0] for line in requirements]
    if (directory / _MADE).exists() and call(python, "-c", _LOOK, *names)[0] == 0:
        return False
    shutil.rmtree(directory, ignore_errors=True)
    obey(sys.executable, "-m", "venv", str(directory))
    source = ("--no-index", "--find-links", str(wheels)) if wheels else ()
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
    if requirements:
        obey(*pip, "install", "--only-binary=:all:", *source, *requirements)
    (directory / _MADE).touch()
    os.sync()
    return True


def _requirements(tree: Path) -> list[str]:
    """What setup.cfg says of the version; its own code is run from where it is."""
    config = configparser.ConfigParser()
    config.read(tree / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].splitlines()
    return [line for line in lines if line and not line.startswith("#")]
