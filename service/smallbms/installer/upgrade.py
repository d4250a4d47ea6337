"""`upgrade FILE` and `rollback`: everything that may be refused or fail comes before anything is switched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smallbms.errors import InstallError, OutputError
from smallbms.installer import archive, changelog, checks, guard, journal, venv
from smallbms.installer.console import Console
from smallbms.installer.journal import Journal
from smallbms.installer.layout import MAIN, Layout
from smallbms.installer.selftest import selftest
from smallbms.installer.update import Machine

IN_CONTROL_S = 5.0  # a main process that was just restarted has taken control by then
UNCHANGED = "Nothing was changed."


def upgrade(machine: Machine, console: Console, file: Path, wheels: Path | None, healthy_s: float) -> bool:
    """Exchange the version that runs for the one in an archive; whether that runs now. InstallError: nothing changed.

    `wheels`: a directory with what pip would fetch, where each version has a venv.
    """
    layout = machine.layout
    with _alone(machine) as lock:
        older = _running(layout)
        archive.check_sum(file)
        with archive.unpacked(file, layout) as (tree, bundle):
            newer = bundle.version
            if newer == older:
                raise InstallError(f"{older} runs already. {UNCHANGED}")
            checks.check(layout, tree, bundle)
            _tell_changes(console, tree, older, newer)
            if not _agreed(console, older, newer, healthy_s):
                return False
            console.say(f"Unpacking {newer}.")
            fresh = archive.put_in_place(tree, layout)
        with _taken_away_after_a_fault(layout.version(newer) if fresh else None):
            venv.make(layout, newer, wheels)
            update = _prepared(machine, console, older, newer, healthy_s)
        return update is not None and _carry_out(machine, update, lock)


def rollback(machine: Machine, console: Console, healthy_s: float) -> bool:
    """Exchange the version that runs for the one before it; whether that runs now. InstallError: nothing changed."""
    layout = machine.layout
    with _alone(machine) as lock:
        older, newer = _running(layout), layout.linked_version(layout.previous)
        if newer is None or newer == older:
            raise InstallError(f"there is no previous version here. {UNCHANGED}")
        if not _agreed(console, older, newer, healthy_s):
            return False
        update = _prepared(machine, console, older, newer, healthy_s)
        return update is not None and _carry_out(machine, update, lock)


@contextmanager
def _alone(machine: Machine) -> Iterator[int]:
    """Hold the lock; an update that was cut short is brought to an end first."""
    with guard.alone(machine.layout) as lock:
        update = guard.unfinished(machine)
        if update is not None:
            machine.say(f"The update to {update.newer} was cut short; it is brought to an end first.")
            guard.finish(machine, update, lock)
        yield lock


def _running(layout: Layout) -> str:
    version = layout.linked_version(layout.current)
    if version is None:
        raise InstallError(f"nothing is installed in {layout.home}: ./install.sh install")
    return version


def _tell_changes(console: Console, tree: Path, older: str, newer: str) -> None:
    """What a person should know before anything happens (manual §4.4: read the changelog first)."""
    text = (tree / "CHANGELOG.md").read_text(encoding="utf-8")
    told = changelog.between(text, *sorted((older, newer), key=changelog.version_key))
    if changelog.version_key(newer) < changelog.version_key(older):
        console.say(f"{newer} is older than {older}: what was changed since then is taken back.")
    console.say(told or f"The changelog says nothing about {older} → {newer}.")


def _agreed(console: Console, older: str, newer: str, healthy_s: float) -> bool:
    console.say(
        f"\n{older} → {newer}. Charging is off until {newer} is healthy. Discharging stays as it is, unless a cell is\n"
        f"in alarm. If {newer} is not healthy within {healthy_s:g} s, {older} comes back; if neither is within 120 s,\n"
        "discharging ends."
    )
    if console.ask("Go on?"):
        return True
    console.say(UNCHANGED)
    return False


@contextmanager
def _taken_away_after_a_fault(version: Path | None) -> Iterator[None]:
    """Leave nothing of a version that was never switched to."""
    try:
        yield
    except (InstallError, OSError, KeyboardInterrupt):
        if version is not None:
            shutil.rmtree(version, ignore_errors=True)
        raise


def _prepared(machine: Machine, console: Console, older: str, newer: str, healthy_s: float) -> Journal | None:
    """Test the newer version and say what will be done; None after a no."""
    layout = machine.layout
    spoken = _protocol(machine)
    watched = _in_control(machine)
    console.say(f"Testing {newer}.")
    try:
        protocol = selftest(layout, newer, configured=watched)
    except InstallError as error:
        raise InstallError(f"{error}\n{UNCHANGED} {older} runs.") from None
    outputs = spoken != protocol
    if outputs:
        why = "does not answer" if spoken is None else f"is too old or too new for {newer}"
        console.say(f"The outputs process {why}: it is replaced as well, with BOTH outputs off meanwhile.")
        if not console.ask("Go on?"):
            console.say(UNCHANGED)
            return None
    if not watched:
        console.say("No main process is in control: the version is exchanged without waiting until it is healthy.")
    return Journal(
        older=older,
        newer=newer,
        before=layout.linked_version(layout.previous),
        boot=journal.boot_id(layout.root),
        watched=watched,
        outputs=outputs,
        healthy_s=healthy_s,
    )


def _carry_out(machine: Machine, update: Journal, lock: int) -> bool:
    """The guard first: from the first line of the journal on there is someone to go on."""
    with guard.unstoppable():
        guard.launch(machine.layout, update.older)
        journal.write(machine.layout.journal, update)
        return guard.finish(machine, update, lock)


def _protocol(machine: Machine) -> int | None:
    """Return the protocol that the outputs process speaks; None = it does not answer."""
    try:
        return machine.outputs.protocol()
    except OutputError:
        return None


def _in_control(machine: Machine) -> bool:
    """Whether a main process commands the outputs; where another protocol hides it, whether one runs."""
    end_s = machine.clock() + IN_CONTROL_S
    while machine.clock() < end_s:
        try:
            if machine.outputs.state().controlled:
                return True
        except OutputError:
            return machine.services.is_up(MAIN)
        machine.sleep(machine.times.poll_s)
    return False
