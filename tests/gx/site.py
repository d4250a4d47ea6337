"""A GX with a battery at its USB port and this software on a stick."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ext.local_settings import LocalSettings
from integration.client import Client
from integration.harness import BOTH_ON, Battery
from integration.programs import wait_for

from .machine import Gx

HOME = "/data/apps/dbus-smallbms-ng"
CONFIGURATION = "/data/conf/dbus-smallbms-ng/smallbms.toml"
PINS = "/run/pins.json"
PATIENCE_S = 60.0
CONFIG = f"""
[bank]
series = 1
host_current_a = 0.4
[[battery]]
driver = "jbd"
port = "/dev/ttyUSB0"
model = "12.8/100"
[outputs]
kind = "simulated"
state_file = "{PINS}"
"""
RC_LOCAL = b"#!/bin/bash\n# somebody else's\necho rc.local of somebody else\nexit 0\n"


class Site:
    """`gx` with its battery and somebody else's rc.local; what the stick holds is `stick`."""

    def __init__(self, gx: Gx, folder: Path) -> None:
        self.gx = gx
        self.battery = Battery(folder / "battery")
        self.stick = folder / "stick"
        self.stick.mkdir()
        gx.stick = self.stick
        (self.stick / "config.toml").write_text(CONFIG, encoding="utf-8")
        rc_local = gx.data / "rc.local"
        rc_local.write_bytes(RC_LOCAL)
        rc_local.chmod(0o755)

    async def start(self) -> None:
        await self.battery.start()
        self.gx.cable = self.battery.cable.path.resolve()
        await self.gx.boot()

    async def stop(self) -> None:
        await self.gx.power_cut()
        await self.battery.stop()

    def put_on_stick(self, archive: Path) -> str:
        """Copy an archive and its checksum; its path inside."""
        for file in (archive, archive.with_name(f"{archive.name}.sha256")):
            shutil.copy(file, self.stick)
        return f"/media/sda1/{archive.name}"

    async def install(self, archive: Path, *arguments: str) -> str:
        """As README says, over SSH."""
        tar = self.put_on_stick(archive)
        command = f"tar xzf {tar} -C /tmp && /tmp/dbus-smallbms-ng-*/install.sh install {' '.join(arguments)}"
        return await self.gx.do(command)

    @asynccontextmanager
    async def bus(self, settings: LocalSettings | None = None) -> AsyncIterator[Client]:
        """A client of its bus; `settings` is there as localsettings meanwhile."""
        await wait_for(lambda: self.gx.path("/run/dbus/system_bus_socket").exists(), "the bus of a GX")
        if settings is not None:
            settings.address = self.gx.address
            await settings.start()
        client = await Client.connect(self.gx.address)
        try:
            yield client
        finally:
            await client.close()
            if settings is not None:
                await settings.stop()

    async def works(self) -> None:
        """AssertionError unless the service comes to the bus with the battery's values and allows both."""
        wanted = BOTH_ON | {"/Soc": self.battery.pack.soc_pct, "/System/NrOfCellsPerBattery": 4}
        try:
            async with self.bus() as client:
                await client.appeared(PATIENCE_S)
                await client.shows(wanted, PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None

    def logs(self) -> str:
        """What its processes said, and its boots."""
        logs = [log.read_text(encoding="utf-8", errors="replace") for log in self.gx.data.glob("log/*/current")]
        return "\n".join([*logs, self.gx.said()])

    async def pid(self, name: str = "dbus-smallbms-ng") -> int:
        """The process of a service, as it is numbered outside."""
        async with asyncio.timeout(30):
            while (pid := self._outside(await self.gx.do(f"svstat /service/{name}"))) is None:
                await asyncio.sleep(0.1)
        return pid

    def _outside(self, svstat: str) -> int | None:
        """The process that svstat tells of; None where there is none, or it has ended since."""
        inside = svstat.partition("(pid ")[2].partition(")")[0]
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                lines = status.read_text(encoding="utf-8").splitlines()
            except OSError:
                continue
            pids = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
            if len(pids) > 1 and pids[-1] == inside and _namespace(pids[0]) == _namespace(str(self.gx.init)):
                return int(pids[0])
        return None


def _namespace(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def age_s(pid: int) -> tuple[float, float]:
    """How long ago a process was started, and how long it has used the CPU."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    now_s, ticks_s = time.clock_gettime(time.CLOCK_BOOTTIME), 1 / os.sysconf("SC_CLK_TCK")
    user, system, started = int(fields[11]), int(fields[12]), int(fields[19])
    return now_s - started * ticks_s, (user + system) * ticks_s


def contents(folder: Path) -> dict[str, str]:
    """Every file, link and directory below, with its mode and what is in it."""
    return {str(path.relative_to(folder)): _described(path) for path in sorted(folder.rglob("*"))}


def _described(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link to {os.readlink(path)}"
    content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else ""
    return f"{stat.filemode(mode)} {content}"
