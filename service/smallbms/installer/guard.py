"""Whoever dies during an update, it is brought to an end: one process at a time, held by a lock, with the journal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from types import FrameType

from smallbms import __version__
from smallbms.errors import InstallError, OutputError
from smallbms.installer import disk, journal
from smallbms.installer.journal import Journal, Stage
from smallbms.installer.layout import Layout
from smallbms.installer.module import module_of
from smallbms.installer.update import Machine, carry_on, point_back

TRIES = 5
RETRY_S = 2.0
_SILENT = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
    (os.POSIX_SPAWN_DUP2, 0, 1),
    (os.POSIX_SPAWN_DUP2, 0, 2),
]
_GOES_ON = b"\nThe update goes on: one version or the other has to run.\n"


@contextlib.contextmanager
def alone(layout: Layout, *, wait: bool = False) -> Iterator[int]:
    """Be the only one who updates; the descriptor of the lock. InstallError if another one does and we do not wait."""
    with layout.lock.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise InstallError("an update is running already; wait until it has ended") from None
        yield lock.fileno()


def finish(machine: Machine, update: Journal, lock: int) -> bool:
    """Do the rest of an update under the lock; whether the newer version runs.

    Where the outputs process is replaced as well, the version that runs then goes on: only it speaks with it.
    """
    done = update.stage
    for done in carry_on(machine, update):
        if update.outputs and done in (Stage.SWITCH, Stage.BACK) and _current(machine.layout) != __version__:
            return _hand_over(machine.layout, lock)
    return done is Stage.FINISH


def _current(layout: Layout) -> str:
    return layout.linked_version(layout.current) or ""


def _hand_over(layout: Layout, lock: int) -> bool:
    program = module_of(layout.current.resolve(), *watching(layout), "--lock", str(lock))
    return not subprocess.run(program.command, env=program.environment, pass_fds=[lock], check=False).returncode


def watching(layout: Layout) -> tuple[str, ...]:
    """The module and arguments of a guard."""
    return ("smallbms.installer", "--root", str(layout.root), "watch")


def launch(layout: Layout, version: str) -> None:
    """Start a guard that outlives us: it waits for the lock, and goes on if there is something to go on with."""
    program = module_of(layout.version(version), *watching(layout))
    command, environment = program.command, program.environment
    if (layout.root / "run/systemd/system").is_dir():  # else it would end with the unit or the session that starts it
        settings = f"--setenv=PYTHONPATH={environment['PYTHONPATH']}"
        unit = f"--unit=smallbms-update-{os.getpid()}"
        subprocess.run(["systemd-run", "--quiet", "--collect", unit, settings, *command], check=False)
    else:
        os.posix_spawnp(command[0], command, environment, file_actions=_SILENT, setsid=True)


def watch(machine: Machine, lock: int | None = None) -> bool:
    """Wait until nobody else updates and finish what is left; whether the newer version runs, or nothing was left.

    A stage that cannot be done now is tried again; after that the main process's next start has it tried anew.
    """
    if lock is None:
        with alone(machine.layout, wait=True) as own:
            return watch(machine, own)
    for attempt in range(TRIES):
        try:
            update = unfinished(machine)
            return update is None or finish(machine, update, lock)
        except (InstallError, OSError) as error:
            machine.say(f"{error}")
            if attempt + 1 < TRIES:
                machine.sleep(RETRY_S)
    return False


def unfinished(machine: Machine) -> Journal | None:
    """The update that is under way; a journal that nobody can read is put aside, and `current` counts."""
    path = machine.layout.journal
    try:
        return journal.read(path)
    except InstallError as error:
        machine.say(f"{error}; it is kept as {path.name}.broken")
        path.replace(path.with_name(f"{path.name}.broken"))
        return None


def resume(machine: Machine) -> None:
    """Before a supervisor starts the main process: settle what a reboot cut short, or start a guard for the rest."""
    update = unfinished(machine)
    if update is None:
        return
    with contextlib.suppress(InstallError), alone(machine.layout):
        if update.boot != journal.boot_id(machine.layout.root):
            _settle(machine.layout, update)
            _confess(machine, update)
        else:
            launch(machine.layout, update.older)


@contextlib.contextmanager
def settled(machine: Machine) -> Iterator[None]:
    """After a reboot; both processes are started within. An update that it cut short has failed (manual §4.4)."""
    update = unfinished(machine)
    if update is None:
        yield
        return
    _settle(machine.layout, update)
    yield
    _confess(machine, update)


def _settle(layout: Layout, update: Journal) -> None:
    """The older version, unless the newer one was found healthy."""
    if update.stage is not Stage.FINISH:
        point_back(layout, update)


def _confess(machine: Machine, update: Journal) -> None:
    """Tell the outputs process, which knows nothing of another boot, and forget the update."""
    if update.stage is not Stage.FINISH:
        end_s = machine.clock() + machine.times.outputs_s
        while machine.clock() < end_s:
            try:
                machine.outputs.failed(update.newer)
                break
            except OutputError:
                machine.sleep(machine.times.poll_s)
        machine.say(f"The update to {update.newer} was cut short by a reboot: {update.older} runs.")
    disk.remove(machine.layout.journal)


@contextlib.contextmanager
def unstoppable() -> Iterator[None]:
    """Ctrl-C and a lost terminal end nothing in here; only kill -9 does, and then the guard goes on."""
    before = {number: signal.signal(number, _go_on) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _go_on(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        os.write(2, _GOES_ON)  # print is not to be called in a signal handler
