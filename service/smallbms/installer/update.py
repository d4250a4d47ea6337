"""The update rule (manual §4.4), stage by stage: what each does, and which one follows.

Every stage may be done twice. The journal names the next one, so that whoever dies at any point, another goes on; the
outputs process alone times how long discharging may go on without a healthy version.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from smallbms.errors import InstallError, OutputError
from smallbms.frozen import frozen
from smallbms.installer import disk, journal, units
from smallbms.installer.journal import Journal, Stage
from smallbms.installer.layout import MAIN, OUTPUTS, Layout, System
from smallbms.installer.services import Daemontools, Services
from smallbms.installer.systemd import Systemd
from smallbms.outputs.state import State
from smallbms.outputs.update import UpdatePhase
from smallbms.outputs.visitor import Visitor


class OutputsProcess(Protocol):
    """The outputs process as the installer sees it (outputs/visitor.py); all raise OutputError."""

    def state(self) -> State: ...
    def protocol(self) -> int: ...
    def begin(self, version: str) -> State: ...
    def failed(self, version: str) -> State: ...


@frozen
class Times:
    """How long to wait for what."""

    outputs_s: float = 10.0  # for a new outputs process to answer
    told_s: float = 0.5  # for everyone on the bus to hear that an update is under way
    poll_s: float = 0.25


@frozen
class Machine:
    """All that an update touches."""

    layout: Layout
    services: Services
    outputs: OutputsProcess
    say: Callable[[str], None]
    times: Times = Times()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def machine_of(layout: Layout, say: Callable[[str], None]) -> Machine:
    """This machine, as it is supervised."""
    services = Daemontools(layout.services) if layout.system is System.VENUS else Systemd()
    return Machine(layout=layout, services=services, outputs=Visitor(str(layout.outputs_socket)), say=say)


def carry_on(machine: Machine, update: Journal) -> Iterator[Stage]:
    """Do the rest of an update; each stage is yielded when it is done and the next one is noted.

    What fails on the way to the newer version turns it back; on the way back it is raised.
    """
    following: Stage | None = update.stage
    while following is not None:
        done = following
        following = _done(machine, update, done)
        update = replace(update, stage=following or done)
        _note(machine, update, ended=following is None)
        yield done


def _done(machine: Machine, update: Journal, stage: Stage) -> Stage | None:
    try:
        return STAGES[stage](machine, update)
    except (InstallError, OSError) as error:
        if stage not in FORWARD:
            raise
        machine.say(f"{error}: back to {update.older}.")
        return Stage.BACK


def _note(machine: Machine, update: Journal, *, ended: bool) -> None:
    """A disk that is full or read-only holds nothing up: whoever goes on does a stage twice, and may."""
    try:
        if ended:
            disk.remove(machine.layout.journal)
        else:
            journal.write(machine.layout.journal, update)
    except OSError as error:
        machine.say(f"{machine.layout.journal}: {error.strerror}")


def point_back(layout: Layout, update: Journal) -> None:
    """Let `current` and `previous` be what they were before the update."""
    for link, version in ((layout.current, update.older), (layout.previous, update.before)):
        if layout.linked_version(link) != version:
            disk.point(link, target(version))


def target(version: str | None) -> str | None:
    """Return where a link in the home directory points for a version."""
    return f"versions/{version}" if version else None


def _begin(machine: Machine, update: Journal) -> Stage:
    if update.outputs or not update.watched:
        return Stage.SWITCH
    _say_begun(machine, update)
    machine.say("Charging is off until a version is healthy.")
    machine.sleep(machine.times.told_s)
    return Stage.SWITCH


def _say_begun(machine: Machine, update: Journal) -> None:
    """Say it once: a second time would restart the time that an update has."""
    state = machine.outputs.state().update
    if state.phase is not UpdatePhase.RUNNING or state.version != update.newer:
        machine.outputs.begin(update.newer)


def _switch(machine: Machine, update: Journal) -> Stage:
    disk.point(machine.layout.previous, target(update.older))
    disk.point(machine.layout.current, target(update.newer))
    return Stage.OUTPUTS if update.outputs else Stage.RESTART


def _replace_outputs(machine: Machine, update: Journal) -> Stage:
    """What the one before knew of the update has ended with it."""
    machine.services.restart(OUTPUTS)
    end_s = machine.clock() + machine.times.outputs_s
    while machine.clock() < end_s:
        with contextlib.suppress(OutputError):
            if update.watched:
                _say_begun(machine, update)
            return Stage.RESTART
        machine.sleep(machine.times.poll_s)
    raise InstallError("the new outputs process does not answer")


def _restart(machine: Machine, update: Journal) -> Stage:
    machine.say(f"Starting {update.newer}.")
    machine.services.restart(MAIN)
    return Stage.WATCH if update.watched else Stage.FINISH


def _watch(machine: Machine, update: Journal) -> Stage:
    """The outputs process hears from the new version itself that it is healthy."""
    good = {UpdatePhase.NONE}
    phase = _wait_for_phase(machine, good | {UpdatePhase.FAILED, UpdatePhase.EXPIRED}, update.healthy_s)
    if phase in good:
        machine.say(f"{update.newer} is healthy.")
        return Stage.FINISH
    why = {UpdatePhase.FAILED: "has failed", UpdatePhase.EXPIRED: "took too long"}
    said = why[phase] if phase else f"is not healthy after {update.healthy_s:g} s"
    machine.say(f"{update.newer} {said}: back to {update.older}.")
    return Stage.BACK


def _finish(machine: Machine, update: Journal) -> None:
    """The version that ran stays for a rollback; older ones go. What systemd has is the new version's from now on."""
    if machine.layout.system is System.DEBIAN:
        units.put(machine.layout)
    for directory in machine.layout.versions.iterdir():
        if directory.name not in (update.older, update.newer):
            shutil.rmtree(directory, ignore_errors=True)


def _back(machine: Machine, update: Journal) -> Stage:
    point_back(machine.layout, update)
    return Stage.OUTPUTS_BACK if update.outputs else Stage.RESTART_BACK


def _replace_outputs_back(machine: Machine, update: Journal) -> Stage:
    machine.services.restart(OUTPUTS)
    return Stage.RESTART_BACK


def _restart_back(machine: Machine, update: Journal) -> Stage:
    machine.say(f"Starting {update.older} again.")
    machine.services.restart(MAIN)
    return Stage.WATCH_BACK


def _watch_back(machine: Machine, update: Journal) -> None:
    if _wait_for_phase(machine, {UpdatePhase.NONE, UpdatePhase.FAILED}, update.healthy_s) is None:
        machine.say(f"{update.older} is not healthy yet; both outputs go off when the update has taken too long.")
    else:
        machine.say(f"{update.older} runs again and is healthy.")


STAGES: dict[Stage, Callable[[Machine, Journal], Stage | None]] = {
    Stage.BEGIN: _begin,
    Stage.SWITCH: _switch,
    Stage.OUTPUTS: _replace_outputs,
    Stage.RESTART: _restart,
    Stage.WATCH: _watch,
    Stage.FINISH: _finish,
    Stage.BACK: _back,
    Stage.OUTPUTS_BACK: _replace_outputs_back,
    Stage.RESTART_BACK: _restart_back,
    Stage.WATCH_BACK: _watch_back,
}


FORWARD = (Stage.BEGIN, Stage.SWITCH, Stage.OUTPUTS, Stage.RESTART, Stage.WATCH)


def _wait_for_phase(machine: Machine, wanted: set[UpdatePhase], seconds: float) -> UpdatePhase | None:
    """Return the first of these phases in which a main process is in control, or EXPIRED; None = too late."""
    end_s = machine.clock() + seconds
    while machine.clock() < end_s:
        with contextlib.suppress(OutputError):
            state = machine.outputs.state()
            phase = state.update.phase
            if phase in wanted and (state.armed or phase is UpdatePhase.EXPIRED):
                return phase
        machine.sleep(machine.times.poll_s)
    return None
