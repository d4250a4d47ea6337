"""`smallbms check --pins`: walk a person through the outputs, one on at a time, while the service is stopped.

The command commands the outputs process as the service would, so whatever ends it lets all outputs float.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from smallbms.commands.check import known_drivers
from smallbms.commands.person import Person
from smallbms.config import Config, load
from smallbms.errors import ConfigError, OutputError
from smallbms.frozen import frozen
from smallbms.outputs import pinout
from smallbms.outputs.client import OutputsClient
from smallbms.outputs.own import OwnOutputs
from smallbms.outputs.protocol import Command, Led
from smallbms.outputs.state import Remote, State
from smallbms.outputs.update import UpdatePhase
from smallbms.outputs.visitor import Visitor
from smallbms.places import runtime_candidates

SOCKET = "outputs.sock"
BEAT_S = 0.3
OBEYED_S = 3.0
ON_S = 60.0  # nobody watches the batteries meanwhile
GONE_S = 2.0
OFF = Command()
WORDS: Mapping[object, str] = {True: "on", False: "off", None: "nothing"}


@frozen
class Trial:
    """One output, the command that has it on alone, and what may come of that."""

    output: str
    name: str
    on: Command
    beware: str = ""


START_IT = "on a GX: svc -u /service/dbus-smallbms-ng, on Debian: systemctl start dbus-smallbms-ng"
STOP_IT = "on a GX: svc -d /service/dbus-smallbms-ng, on Debian: systemctl stop dbus-smallbms-ng"
TRIALS = (
    Trial(
        output="charge_disconnect", name="the charge disconnect output", on=OFF._replace(atc=True),
        beware=" Careful: the chargers that it controls may charge.",
    ),
    Trial(
        output="load_disconnect", name="the load disconnect output", on=OFF._replace(atd=True),
        beware=" Careful: the loads that it controls get power.",
    ),
    Trial(
        output="pre_alarm", name="the pre-alarm output", on=OFF._replace(pre_alarm=True),
        beware=" Careful: a buzzer sounds, a generator may start.",
    ),
    Trial(output="red_led", name="the red LED", on=OFF._replace(red_led=Led.ON)),
    Trial(output="blue_led", name="the blue LED", on=OFF._replace(blue_led=Led.ON)),
)  # fmt: skip


async def check_pins(arguments: Namespace) -> int:
    """Try every configured output; status 1 if one is not as it should be, or was not tried."""
    if not arguments.config:
        raise ConfigError("check --pins needs --config FILE")
    if not sys.stdin.isatty():
        raise ConfigError("check --pins asks a person: run it in a terminal")
    config = load(Path(arguments.config), known_drivers())
    await _own_the_relays(config)
    wired = pinout.parse(config.pins()).outputs
    person = Person(sys.stdin.fileno())
    print("Every output is off but for the one that is tried. Nobody watches the batteries meanwhile.")
    async with _outputs_process() as path:
        try:
            with person.listening():
                async with _commanding(path, config) as hold:
                    _check_remote(hold.state.remote)
                    faults = {t.name: await _try(t, hold, person) for t in TRIALS if t.output in wired}
        finally:
            _say_off(path)
    for name, fault in faults.items():
        print(f"{name}: {fault or 'as it should be'}")
    return 1 if any(faults.values()) else 0


async def _try(trial: Trial, hold: _Hold, person: Person) -> str:
    """Return what is wrong; "" if nothing."""
    if not await person.says_yes(f"\nNext is {trial.name}.{trial.beware} Switch it on?"):
        return "not tried"
    faults = []
    for command, wanted, question, limit_s in ((trial.on, "on", "on now", ON_S), (OFF, "off", "off again", None)):
        told, is_right = _told(trial.output, wanted, await hold.show(command))
        print(f"  {told}")
        if not is_right:
            faults.append(f"switched {wanted}, {told}")
        if not await person.says_yes(f"  Is {trial.name} {question}?", limit_s):
            faults.append(f"it was not seen {wanted}")
    return "; ".join(faults)


def _told(output: str, wanted: str, state: State) -> tuple[str, bool]:
    """What can be read of an output, and whether that is right."""
    if output in state.errors:
        return state.errors[output], False
    levels = {"it reads back": state.pins.get(output)}
    if output in state.feedback:
        levels["its contact reads"] = state.feedback[output]
    words = {what: WORDS.get(level, str(level)) for what, level in levels.items()}
    return ", ".join(f"{what} {word}" for what, word in words.items()), set(words.values()) == {wanted}


class _Hold:
    """Keeps one command alive."""

    def __init__(self, client: OutputsClient) -> None:
        self._client = client
        self._command = OFF

    async def run(self) -> None:
        """Say the command again and again, until cancelled."""
        while True:
            self._client.send(self._command, time.monotonic())
            await asyncio.sleep(BEAT_S)

    @property
    def state(self) -> State:
        """The last that was heard; raises OutputError if the outputs process is gone."""
        if self._client.state is None:
            raise self._client.error or OutputError("the outputs process is gone")
        return self._client.state

    async def show(self, command: Command) -> State:
        """Change the command; what the pins show after it. Raises OutputError if it is not obeyed."""
        self._command = command
        self._client.send(command, time.monotonic())
        readings = self._client.state.readings if self._client.state else -1
        end_s = time.monotonic() + OBEYED_S
        while time.monotonic() < end_s:
            state = self._client.state
            if state is not None and state.commanded == command and state.readings > readings + 1:
                return state
            await asyncio.sleep(0.02)
        raise self._client.error or OutputError("the outputs process does not obey")


@contextlib.asynccontextmanager
async def _commanding(path: str, config: Config) -> AsyncIterator[_Hold]:
    client = OutputsClient(path, config.pins())
    hold = _Hold(client)
    tasks = [asyncio.create_task(client.run()), asyncio.create_task(hold.run())]
    try:
        await hold.show(OFF)
        yield hold
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _outputs_process() -> AsyncIterator[str]:
    """The socket of the one that runs and that nobody commands, else of one of our own."""
    path = _served()
    if path is not None:
        try:
            yield path
        finally:
            print(f"Start the service again ({START_IT}).")
        return
    with tempfile.TemporaryDirectory(prefix="smallbms-", ignore_cleanup_errors=True) as folder:
        own = OwnOutputs(f"{folder}/{SOCKET}")
        await own.start()
        try:
            yield f"{folder}/{SOCKET}"
        finally:
            own.stop()
            os.waitpid(own.pid, 0)


def _served() -> str | None:
    """The socket of an outputs process that is there for us. Raises OutputError if somebody else needs it."""
    for directory in runtime_candidates(os.environ):
        path = str(directory / SOCKET)
        try:
            state = Visitor(path).state()
        except OutputError:
            continue
        if state.controlled:
            raise OutputError(f"the service commands the outputs: stop it first ({STOP_IT}), or end `smallbms run`")
        if state.update.phase in (UpdatePhase.RUNNING, UpdatePhase.EXPIRED):
            raise OutputError("an update is under way: let it end first")
        return path
    return None


def _check_remote(remote: Remote) -> None:
    """Show how the terminals read; raise OutputError if they hold all off."""
    if remote.levels is not None:
        for terminal, level in (("L at minus", remote.levels.l_at_minus), ("H at plus", remote.levels.h_at_plus)):
            print(f"Remote {terminal}: {'not read' if level is None else 'yes' if level else 'no'}")
    if not remote.on:
        raise OutputError("the remote on/off input holds all outputs off: switch it on first")


async def _own_the_relays(config: Config) -> None:
    """Raise ConfigError if Venus OS has another use for a relay that is an output."""
    if config.relays():
        from smallbms.inputs.gx_relays import GxRelays

        await GxRelays(config.dbus.bus, config.relays(), lambda: None).start()


def _say_off(path: str) -> None:
    """See that the outputs process has let go; no time for anything else, as somebody may have pressed Ctrl-C."""
    end_s = time.monotonic() + GONE_S
    try:
        while Visitor(path).state().controlled and time.monotonic() < end_s:
            time.sleep(0.02)
        applied = Visitor(path).state().applied
    except OutputError as error:
        print(f"\nWhether all outputs are off cannot be told: {error}")
        return
    on = applied.atc or applied.atd or applied.pre_alarm
    print("\nSomebody else commands the outputs now." if on else "\nAll outputs are off.")
