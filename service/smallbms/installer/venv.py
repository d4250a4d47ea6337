"""A venv for one version, where the system has pip; a GX has none, its bundles bring what they need."""

from __future__ import annotations

import configparser
import os
import shutil
import sys
from pathlib import Path

from smallbms.installer.layout import Layout, System
from smallbms.installer.programs import obey

_MADE = ".made"  # there once all is in it


def make(layout: Layout, version: str, wheels: Path | None) -> None:
    """Make the venv of an unpacked version unless it has one, or needs none; InstallError with what pip says.

    `wheels`: a directory to take everything from instead of the package index.
    """
    tree = layout.version(version)
    directory = tree / "venv"
    if layout.system is not System.DEBIAN or (directory / _MADE).exists():
        return
    shutil.rmtree(directory, ignore_errors=True)
    obey(sys.executable, "-m", "venv", str(directory))
    source = ("--no-index", "--find-links", str(wheels)) if wheels else ()
    pip = (str(directory / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
    if requirements := _requirements(tree):
        obey(*pip, "install", "--only-binary=:all:", *source, *requirements)
    (directory / _MADE).touch()
    os.sync()


def _requirements(tree: Path) -> list[str]:
    """What setup.cfg says of the version; its own code is run from where it is."""
    config = configparser.ConfigParser()
    config.read(tree / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].splitlines()
    return [line for line in lines if line and not line.startswith("#")]
