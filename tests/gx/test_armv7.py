"""The bundle for the 32-bit machines, run by an emulated one.

Debian has no CPython 3.12 for it: one wheel is taken for the 3.13 that it has, all else is what is shipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from integration.client import Client
from integration.harness import BOTH_ON
from private_bus import Daemon
from smallbms import __version__
from smallbms.installer import wheels

from . import archives, root

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ARCHITECTURE = "armv7l"
DIGEST = "c336a6d235522a62fef872c6295a42ecb0c4e1d0f1a3e500fe949415761b8a19"  # of pydantic-core for CPython 3.13
PATIENCE_S = 240.0  # an emulated Python takes its time
CONFIG = """
[bank]
series = 1
[[battery]]
driver = "simulated"
model = "12.8/100"
[outputs]
kind = "simulated"
state_file = "{folder}/pins.json"
[store]
directory = "{folder}/state"
[dbus]
bus = "{bus}"
localsettings = false
"""


class Armv7:
    """An emulated Python with the bundle of a version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = root.unpack(root.armv7(), folder / "root") / "usr/bin/python3.13"
        with tarfile.open(archives.build(folder / "out", architecture=ARCHITECTURE)) as tar:
            tar.extractall(folder / "bundle", filter="data")
        (self.version,) = (folder / "bundle").iterdir()
        for name in (self.version / "lib").glob("pydantic_core*"):
            shutil.rmtree(name)
        with zipfile.ZipFile(_wheel()) as wheel:
            wheel.extractall(self.version / "lib")

    def command(self, *arguments: str) -> list[str]:
        emulator = ["qemu-arm-static", "-L", str(self._folder / "root"), "-E", f"PYTHONPATH={self._path()}"]
        return [*emulator, str(self._python), "-sS", *arguments]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(self.command(*arguments), check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _path(self) -> str:
        return os.pathsep.join(str(self.version / part) for part in ("service", "ext", "lib"))


def _wheel() -> Path:
    """pydantic-core in the shipped version, for the Python that Debian has."""
    pins = wheels.pins(archives.PROJECT / f"service/wheels-{ARCHITECTURE}.txt")
    (requirement,) = (pin.requirement for pin in pins if pin.requirement.startswith("pydantic-core=="))
    place = root.CACHE / f"wheels/{ARCHITECTURE}-cp313"
    place.mkdir(parents=True, exist_ok=True)
    name = requirement.replace("-", "_").replace("==", "-")
    if not list(place.glob(f"{name}-*.whl")):
        (place / "wanted.txt").write_text(f"{requirement} --hash=sha256:{DIGEST}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        target = ["--python-version=3.13", "--abi=cp313", f"--platform=manylinux2014_{ARCHITECTURE}"]
        wanted = ["--require-hashes", f"--requirement={place / 'wanted.txt'}", f"--dest={place}"]
        subprocess.run([*command, *target, *wanted], check=True, capture_output=True)
    (wheel,) = place.glob(f"{name}-*.whl")
    return wheel


@pytest.fixture(scope="module")
def armv7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Armv7]:
    folder = tmp_path_factory.mktemp("armv7")
    yield Armv7(folder)
    shutil.rmtree(folder)


def test_its_machine_is_a_32_bit_arm(armv7: Armv7) -> None:
    said = armv7.run("-c", "import os, struct; print(os.uname().machine, 8 * struct.calcsize('P'))")
    assert said.split() == [ARCHITECTURE, "32"]


def test_everything_is_imported_and_decides(armv7: Armv7, tmp_path: Path) -> None:
    config = tmp_path / "smallbms.toml"
    config.write_text(CONFIG.format(folder=tmp_path, bus="system"), encoding="utf-8")
    said = json.loads(armv7.run("-m", "smallbms", "selftest", "--config", str(config)))
    assert said["version"] == __version__ and said["modules"] > 100


def test_the_installer_runs(armv7: Armv7) -> None:
    assert "upgrade" in armv7.run("-m", "smallbms.installer", "--help")


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        _, said = await process.communicate()
        assert b"Traceback" not in said, said.decode()


async def test_both_processes_work_on_a_bus(armv7: Armv7, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    await daemon.start()
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    config = tmp_path / "smallbms.toml"
    config.write_text(CONFIG.format(folder=tmp_path, bus=daemon.address), encoding="utf-8")
    outputs = armv7.command("-m", "smallbms.outputs", "--socket", str(runtime / "outputs.sock"))
    main = armv7.command("-m", "smallbms", "run", "--config", str(config), "--runtime", str(runtime))
    client = await Client.connect(daemon.address)
    try:
        async with running(*outputs), running(*main):
            await client.appeared(PATIENCE_S)
            await client.shows(BOTH_ON | {"/System/NrOfCellsPerBattery": 4}, PATIENCE_S)
            pins = json.loads((tmp_path / "pins.json").read_text(encoding="utf-8"))
            assert pins["charge_disconnect"] and pins["load_disconnect"]
    finally:
        await client.close()
        await daemon.kill()
