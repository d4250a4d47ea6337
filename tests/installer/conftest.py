from __future__ import annotations

import os
from pathlib import Path

import pytest

from .daemontools import FakeDaemontools


@pytest.fixture
def daemontools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDaemontools:
    fake = FakeDaemontools(tmp_path / "bin")
    for name, value in fake.environment.items():
        monkeypatch.setenv(name, value)
    return fake


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks see root, whoever runs the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
