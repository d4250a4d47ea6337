"""A GX of the tests: the Venus-like root in namespaces of its own, without a network; only its /data is kept."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from integration.programs import wait_for

ENTER = Path(__file__).parent / "enter.sh"
NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--net")
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
FIRMWARE = "v3.60"
BOOT_S = 120.0  # it may install what is on a stick


class Said(NamedTuple):
    """What a command left behind."""

    status: int
    text: str


class Gx:
    """One machine; `data` is its /data, `image` the root it boots, `stick` what is in its USB port."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.data = folder / "data"
        self.stick: Path | None = None
        self.cable: Path | None = None  # appears as /dev/ttyUSB0
        self.data_options = ""  # "ro"; "size=…" for an empty one of that size
        self._image = image
        self._firmware = folder / "firmware"
        self._mountpoint = folder / "root"
        self._log = folder / "boot.log"
        self._process: Process | None = None
        self.init = 0  # its process id, seen from outside
        self.data.mkdir()
        self._mountpoint.mkdir()
        self.firmware(FIRMWARE)

    # --- power -------------------------------------------------------------------------------------------------

    async def boot(self) -> None:
        """Switch it on; its boot scripts have ended when this returns, what they started may still be starting."""
        layers = f"{self._firmware}:{self._image}"
        places = (self._mountpoint, layers, self.data, self.data_options, self.stick or "", self.cable or "")
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "unshare", *NAMESPACES, "--fork", "--kill-child", str(ENTER), *map(str, places),
                stdin=DEVNULL, stdout=log, stderr=STDOUT,
            )  # fmt: skip
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        await wait_for(lambda: self._dead() or children.read_text(), "the first process of a GX")
        assert not self._dead(), self.said()
        self.init = int(children.read_text())
        await wait_for(lambda: self._dead() or self.path("/run/booted").exists(), "the end of boot", BOOT_S)
        assert not self._dead(), self.said()

    async def power_cut(self) -> None:
        """End every process at once."""
        await self._end(signal.SIGKILL)

    async def shut_down(self) -> None:
        """End it in order, as `reboot` does."""
        await self._end(signal.SIGUSR1)

    async def reboot(self) -> None:
        await self.shut_down()
        await self.boot()

    def firmware(self, version: str) -> None:
        """What an update of Venus OS to this version puts in the place of the root; for the next boot."""
        file = self._firmware / "opt/victronenergy/version"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{version}\nVenus OS\n20250612093021\n", encoding="utf-8")

    def replace(self, place: str, text: str) -> None:
        """Another program in the image, for the next boot."""
        file = self._firmware / place.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)

    def _dead(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._dead():
            return
        os.kill(self.init, number)
        async with asyncio.timeout(30):
            await self._process.wait()

    # --- inside ------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Its system bus, reached from outside."""
        return f"unix:path=/proc/{self.init}/root/run/dbus/system_bus_socket"

    def path(self, place: str) -> Path:
        """A file in memory or of its image, seen from outside. Links in it must be relative."""
        return Path(f"/proc/{self.init}/root{place}")

    def said(self) -> str:
        """What all its boots said on the console."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def inside(self, *command: str) -> tuple[str, ...]:
        """The command for outside that runs one inside."""
        entered = ("nsenter", f"--target={self.init}", *NAMESPACES, "--root", "--wd")
        return (*entered, "env", "-i", PATH, "HOME=/data/home/root", *command)

    async def run(self, command: str, *, seconds: float = 60) -> Said:
        """Run a line of shell inside, as a person logged in would."""
        process = await asyncio.create_subprocess_exec(
            *self.inside("sh", "-c", command), stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
        )
        async with asyncio.timeout(seconds):
            out, _ = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(errors="replace"))

    async def do(self, command: str, *, seconds: float = 60) -> str:
        """Run it; AssertionError unless it ends well."""
        status, text = await self.run(command, seconds=seconds)
        assert status == 0, f"{command}: {status}\n{text}"
        return text

    async def until(self, command: str, good: Callable[[Said], object], seconds: float = 30) -> Said:
        """Repeat it until what it said is good."""
        end_s = time.monotonic() + seconds
        while not good(said := await self.run(command)):
            assert time.monotonic() < end_s, f"{command}, last: {said}\n{self.said()}"
            await asyncio.sleep(0.1)
        return said
