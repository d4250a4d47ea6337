"""A GX for each test, of one root for all of them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from . import root
from .machine import Gx


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Venus-like root."""
    folder = root.unpack(root.venus(), tmp_path_factory.mktemp("gx") / "image")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def gx(image: Path, tmp_path: Path) -> AsyncIterator[Gx]:
    """A GX as it leaves the factory, switched off."""
    machine = Gx(tmp_path, image)
    yield machine
    await machine.power_cut()
