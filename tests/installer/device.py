"""A device with two versions installed: real processes, a supervisor of a few lines, a real bus, a battery on a PTY."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from integration.client import Items
from integration.harness import BOTH_ON, System
from integration.programs import ROOT, environment, wait_for
from smallbms import __version__
from smallbms.installer import disk, journal
from smallbms.installer.journal import Journal, Stage
from smallbms.installer.layout import MAIN, OUTPUTS, Layout, venus
from smallbms.installer.update import carry_on, machine_of
from smallbms.outputs.visitor import Visitor

OLD, NEW = "1.0.0", "2.0.0"
ON_THE_BUS = {OLD: 0x0100FF, NEW: 0x0200FF}
DEADLINE_S = 60.0  # two versions in turn, on a busy machine

PYTHON = f"""#!/bin/sh
exec {sys.executable} "$@"
"""
SUPERVISE = """#!/bin/sh
# one service: run, and run again whenever it ends
cd "$1" || exit 1
mkdir -p supervise
while :; do
    ./run >>log.txt 2>&1 &
    echo $! >supervise/pid
    wait $!
    : >supervise/pid
    sleep 0.5
done
"""
SVC = """#!/bin/sh
read -r pid <"$2/supervise/pid" || exit 0
case $1 in
    -t) kill -TERM "$pid" ;;
    -k) kill -KILL "$pid" ;;
esac
exit 0
"""
SVSTAT = """#!/bin/sh
read -r pid <"$1/supervise/pid" && echo "$1: up (pid $pid) 1 seconds" || echo "$1: down 1 seconds"
"""
RUN_MAIN = """#!/bin/sh
# as the wrapper on a GX: whoever finds an update that was cut short has it brought to an end
cd {home} || exit 1
version=$(readlink -f current)
export PYTHONPATH="$version/service:$version/ext"
[ -e update.json ] && python3 -s -m smallbms.installer --root {root} watch &
exec python3 -s -m smallbms run --config {config} --runtime {runtime}
"""
RUN_OUTPUTS = """#!/bin/sh
version=$(readlink -f {home}/current)
export PYTHONPATH="$version/service:$version/ext"
exec python3 -s -m smallbms.outputs --socket {runtime}/outputs.sock --update-s {update_s}
"""


class Device:
    """`system` has the bus, the battery and, unless it is supervised too, the outputs process."""

    def __init__(self, folder: Path, *, update_s: float, supervised_outputs: bool) -> None:
        self.root = folder / "r"  # the path of a socket has 107 characters at most
        self.layout: Layout = venus(self.root)
        self.system = System(folder, remote=True)
        self.said: list[str] = []
        self._folder = folder
        self._update_s = update_s
        self._supervised = (OUTPUTS, MAIN) if supervised_outputs else (MAIN,)
        self._bin = folder / "bin"
        self._boots = 0
        self._started: list[Process] = []
        self._path = f"{self._bin}:{os.environ['PATH']}"
        self._lay_out()

    def _lay_out(self) -> None:
        self._bin.mkdir()
        for name, script in {"python3": PYTHON, "svc": SVC, "svstat": SVSTAT, "supervise": SUPERVISE}.items():
            _program(self._bin / name, script)
        for directory in (self.layout.versions, self.root / "opt/victronenergy"):
            directory.mkdir(parents=True)
        self.layout.runtime.parent.mkdir()
        self.layout.runtime.symlink_to(self.system.runtime)
        self.layout.configuration.parent.mkdir(parents=True)
        self.layout.configuration.symlink_to(self.system.config_file)
        for name, script in {MAIN: RUN_MAIN, OUTPUTS: RUN_OUTPUTS}.items():
            (self.layout.services / name).mkdir(parents=True)
            places = {"home": self.layout.home, "root": self.root, "runtime": self.system.runtime}
            settings = {"config": self.system.config_file, "update_s": self._update_s}
            _program(self.layout.services / name / "run", script.format(**places, **settings))
        for version in (OLD, NEW):
            copy_version(self.layout.version(version), version)
        disk.point(self.layout.current, f"versions/{OLD}")
        disk.point(self.layout.previous, f"versions/{NEW}")
        self._boot()

    def _boot(self) -> None:
        """Another boot of the kernel."""
        self._boots += 1
        file = self.root / "proc/sys/kernel/random/boot_id"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"boot {self._boots}\n")

    # --- running ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Everything, until both permissions are given by the old version."""
        await self.system.daemon.start()
        for battery in self.system.batteries:
            await battery.start()
        self.system.client = await self.system.connect()
        await self._start_outputs()
        for name in self._supervised:
            await self._supervise(name)
        await self.system.client.shows(BOTH_ON)
        await self.system.saved("engine", after=0)

    async def _start_outputs(self) -> None:
        if OUTPUTS not in self._supervised:
            await self.system.start_outputs("--update-s", str(self._update_s))

    async def _supervise(self, name: str) -> None:
        await self.run("supervise", str(self.layout.services / name))

    async def run(self, name: str, *arguments: str, **variables: str) -> Process:
        env = environment(self._folder) | {"PATH": self._path} | variables
        process = await asyncio.create_subprocess_exec(
            str(self._bin / name),
            *arguments,
            env=env,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    async def installer(self, *arguments: str) -> Process:
        """A verb by the code of the version that runs."""
        version = self.layout.current.resolve()
        path = f"{version / 'service'}:{version / 'ext'}"
        verb = ("-m", "smallbms.installer", "--root", str(self.root), *arguments)
        return await self.run("python3", "-s", *verb, PYTHONPATH=path)

    async def does(self, *arguments: str) -> tuple[int, str]:
        """A verb to its end: its status and what it said."""
        process = await self.installer(*arguments)
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()

    async def update_until(self, cut: Stage, older: str, newer: str, *, noted: bool) -> None:
        """Carry an update out up to a stage, then be dead; `noted`: the journal says that this stage is done."""
        update = Journal(
            older=older,
            newer=newer,
            before=newer,
            boot=journal.boot_id(self.root),
            watched=True,
            outputs=False,
            healthy_s=5.0,
        )
        journal.write(self.layout.journal, update)
        machine = machine_of(self.layout, self.said.append)

        def until() -> None:
            for stage in carry_on(machine, update):
                if stage is cut:
                    return

        before, os.environ["PATH"] = os.environ["PATH"], self._path
        await asyncio.to_thread(until)
        os.environ["PATH"] = before
        if not noted:
            journal.write(self.layout.journal, replace(update, stage=cut))

    async def restart_main(self) -> None:
        svc = await self.run("svc", "-t", str(self.layout.services / MAIN))
        await svc.wait()

    # --- dying -----------------------------------------------------------------------------------------------------

    def kill(self, what: str = "") -> None:
        """kill -9 of every process of this device, known by its folder among their variables, with that in its command.

        The outputs process that is not supervised stays.
        """
        for pid, command in self._processes():
            if what in command and pid != self._outputs_pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    async def power_cut(self) -> None:
        """Everything ends at once; then the machine boots."""
        await self.system.outputs.kill()
        self.kill()
        Path(f"{self.system.socket}.saved").unlink()  # it lies in memory
        self._boot()
        await self._start_outputs()
        status, text = await self.does("resume")
        assert status == 0, text
        await self._supervise(MAIN)

    def _processes(self) -> Iterator[tuple[int, str]]:
        ours = str(self._folder).encode()
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if int(directory.name) != os.getpid() and ours in (directory / "environ").read_bytes():
                    command = (directory / "cmdline").read_bytes().replace(b"\0", b" ")
                    yield int(directory.name), command.decode(errors="replace")

    async def stop(self) -> None:
        self.kill("supervise")
        self.kill()
        for process in self._started:
            await process.communicate()
        await self.system.stop()

    # --- looking ---------------------------------------------------------------------------------------------------

    @property
    def visitor(self) -> Visitor:
        return Visitor(str(self.layout.outputs_socket))

    @property
    def _outputs_pid(self) -> int:
        return 0 if OUTPUTS in self._supervised else self.system.outputs.pid

    def current(self) -> str | None:
        return self.layout.linked_version(self.layout.current)

    async def runs(self, version: str, *, failure: int) -> None:
        """Wait until that version runs with both permissions, and nothing of an update is left but that alarm."""
        await self.shows({"/FirmwareVersion": ON_THE_BUS[version], "/Alarms/FirmwareUpdateFailure": failure})
        assert self.current() == version

    async def shows(self, wanted: Items) -> None:
        """Wait until a version runs with both permissions and this, and no update is under way."""
        end_s = time.monotonic() + DEADLINE_S
        while True:
            try:
                await self.system.client.shows({**BOTH_ON, **wanted}, end_s - time.monotonic())
                break
            except LookupError:
                assert time.monotonic() < end_s  # it has just gone
        await wait_for(lambda: not self.layout.journal.exists(), "the end of the update", DEADLINE_S)
        await self.system.pins(charge_disconnect=True, load_disconnect=True)


def copy_version(place: Path, version: str) -> None:
    """This code under another number."""
    for part in ("service", "ext"):
        shutil.copytree(ROOT / part, place / part, symlinks=True)
    shutil.copy(ROOT / "CHANGELOG.md", place)
    edit(place / "service/smallbms/__init__.py", f'"{__version__}"', f'"{version}"')


def break_main(version: Path, code: str) -> None:
    """Only when it runs: the self-test is content with it."""
    edit(version / "service/smallbms/commands/serve.py", "    config = load(", f"    {code}\n    config = load(")


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), encoding="utf-8")


def _program(path: Path, script: str) -> None:
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)


@asynccontextmanager
async def device(folder: Path, *, update_s: float = 20.0, supervised_outputs: bool = False) -> AsyncIterator[Device]:
    """A device whose old version runs and allows both."""
    place = Device(folder, update_s=update_s, supervised_outputs=supervised_outputs)
    try:
        await place.start()
        yield place
    finally:
        await place.stop()
