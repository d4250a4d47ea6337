"""A GX for each test, of one root and one installation for all of them."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from . import archives, root
from .machine import Gx
from .site import Site


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
    shutil.rmtree(machine.data)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This version, to install it from."""
    return Path(_once(tmp_path_factory, "archive", lambda folder: str(archives.build(folder))))


@pytest.fixture(scope="session")
def installed_data(image: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The /data of a GX on which this version was installed, and has worked."""
    return Path(_once(tmp_path_factory, "installed", lambda folder: asyncio.run(_install(folder, image, archive))))


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newer version that works."""
    return Path(_once(tmp_path_factory, "newer", lambda folder: _another(folder, archives.NEWER)))


@pytest.fixture(scope="session")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newer version that passes its self-test and then hangs."""
    hangs = {archives.RUN: "#!/bin/sh\nexec sleep 1000000\n"}
    return Path(_once(tmp_path_factory, "bad", lambda folder: _another(folder, archives.BAD, hangs)))


def _another(folder: Path, version: str, replaced: Mapping[str, str] | None = None) -> str:
    return str(archives.build(folder / "out", archives.another(folder / "project", version, replaced)))


async def _install(folder: Path, image: Path, archive: Path) -> str:
    there = Site(Gx(folder, image), folder)
    try:
        await there.start()
        await there.install(archive, "--yes", "--config", "/media/sda1/config.toml")
        await there.works()
        await there.gx.shut_down()
    finally:
        await there.stop()
    return str(there.gx.data)


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], str]) -> str:
    """What `make` returned, in the first of all processes that run tests of this session."""
    session = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent
    made = session / f"gx-{name}.made"
    with (session / f"gx-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder = Path(tempfile.mkdtemp(prefix=f"gx-{name}-", dir=session))
            made.write_text(make(folder), encoding="utf-8")
    return made.read_text(encoding="utf-8")


@pytest.fixture
async def site(gx: Gx, tmp_path: Path) -> AsyncIterator[Site]:
    """A GX with a battery, switched off; somebody else's rc.local is there."""
    there = Site(gx, tmp_path)
    yield there
    await there.stop()


@pytest.fixture
def installed(site: Site, installed_data: Path) -> Site:
    """A GX on which this version is installed, switched off."""
    shutil.rmtree(site.gx.data)
    subprocess.run(["cp", "-a", installed_data, site.gx.data], check=True)  # with the pipes of supervise
    return site
