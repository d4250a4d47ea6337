"""The commands that need no battery: the demo, and the emulator of a battery."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import sys
import tempfile
import time
from argparse import Namespace
from contextlib import AsyncExitStack
from pathlib import Path

from smallbms.app import Options, serve
from smallbms.batteries import BATTERIES, model_named
from smallbms.commands.check import known_drivers
from smallbms.commands.private_bus import may_own_names, private_bus
from smallbms.commands.serve import stop_on_signals
from smallbms.config import Config, parse
from smallbms.config_batteries import SimulatedBattery as SimulatedTable
from smallbms.core.state import Snapshot
from smallbms.drivers.simulated import SimulatedBattery
from smallbms.emulators import CAN, play
from smallbms.errors import ConfigError
from smallbms.places import BUS_FILE, runtime_directory
from smallbms.simulation.demo import house
from smallbms.simulation.drive import Drive

DEMO_BATTERIES = 4
DEMO_MODEL = "12.8/200"
DEMO_SOC_PCT = 60.0
START_H = 10.0


async def demo(arguments: Namespace) -> int:
    """Run four simulated batteries in a house, on a bus of their own where need be."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smallbms-demo-")))
        bus = "system" if await may_own_names("system") else await stack.enter_async_context(private_bus(directory))
        config = parse(demo_toml(bus, directory), "demo", known_drivers())
        watch = Watch()
        options = Options(
            state=directory / "state",
            runtime=directory,
            noted=Path(arguments.runtime) if arguments.runtime else runtime_directory(os.environ),
            own_outputs=True,
            outlive_us=False,
            drive=drive_of(config),
            on_snapshot=watch.see,
        )
        stop_on_signals(options.stop)
        print(_greeting(bus, options.noted or directory, directory / "pins.json"), flush=True)
        if arguments.seconds:
            asyncio.get_running_loop().call_later(arguments.seconds, options.stop.set)
        status = await serve(config, options)
        if status or not arguments.seconds:
            return status
        return watch.verdict()


def demo_toml(bus: str, directory: Path) -> str:
    """The configuration of the demo; a good one to begin with."""
    batteries = "".join(
        f'[[battery]]\ndriver = "simulated"\nmodel = "{DEMO_MODEL}"\nseed = {number}\nsoc_pct = {DEMO_SOC_PCT}\n'
        for number in range(1, DEMO_BATTERIES + 1)
    )
    return (
        f"[bank]\nseries = 1\nhost_current_a = 0.4\n{batteries}"
        f'[outputs]\nkind = "simulated"\nstate_file = "{directory / "pins.json"}"\n'
        f'[dbus]\nbus = "{bus}"\n[service]\nname = "smallbms-demo"\n'
    )


class Watch:
    """Whether the demo ran as it should: batteries read, both outputs on, no error."""

    def __init__(self) -> None:
        self._last: Snapshot | None = None
        self._steps = 0

    def see(self, snapshot: Snapshot) -> None:
        self._last = snapshot
        self._steps += 1

    def verdict(self) -> int:
        """Say how it went; 0 if well."""
        if self._last is None:
            print("The demo did not come to a decision.", file=sys.stderr)
            return 1
        decision, pins = self._last.decision, self._last.outputs
        told = [reason.text for reason in decision.reasons]
        well = pins.reachable and bool(pins.atc) and bool(pins.atd) and not told and not decision.error
        print(
            f"{self._steps} decisions, {decision.bank.online} batteries read, charge {_yes(pins.atc)}, "
            f"discharge {_yes(pins.atd)}, state of charge {decision.soc_pct or 0:.1f} %"
        )
        for text in told:
            print(f"  {text}")
        return 0 if well else 1


async def emulate(arguments: Namespace) -> int:
    """Play a battery on a pseudo-terminal, with a house around it."""
    model = model_named(arguments.model)
    if model is None:
        known = ", ".join(m.name for m in BATTERIES)
        raise ConfigError(f"model {arguments.model!r} is not in the table; there are {known}")
    battery = SimulatedBattery(model, soc_pct=arguments.soc, seed=arguments.seed)
    drive = Drive(house([battery], start_h=START_H))
    drive.obey(atc=True, atd=True, cvl_v=model.charge_v, ccl_a=math.inf, dcl_a=math.inf)
    driver = arguments.protocol
    path = Path(arguments.port or ("vcan0" if driver == CAN else f"/tmp/{driver}"))
    print(
        f"A battery {model.name} that speaks {driver} answers at {path} until you press Ctrl-C.\n"
        f'[[battery]]\ndriver = "{driver}"\nport = "{path}"\nmodel = "{model.name}"',
        flush=True,
    )
    try:
        await play(driver, path, lambda: drive.readings(time.monotonic())[1])
    except OSError as error:
        raise ConfigError(f"no port can be made at {path}: {error.strerror or error}") from error
    return 0


def drive_of(config: Config) -> Drive:
    """A house around the simulated batteries of a configuration. Raises ConfigError if some are real."""
    simulated = [battery for battery in config.batteries if isinstance(battery, SimulatedTable)]
    if len(simulated) < len(config.batteries):
        raise ConfigError("simulated and real batteries in one bank: choose one kind")
    batteries = [
        SimulatedBattery(model, soc_pct=b.soc_pct, temperature_c=b.temperature_c, seed=b.seed)
        for b in simulated
        if (model := config.model_of(b)) is not None
    ]
    return Drive(house(batteries, series=config.bank.series or 1, start_h=START_H))


def _yes(allowed: bool | None) -> str:
    return "yes" if allowed else "no"


def _greeting(bus: str, runtime: Path, pins: Path) -> str:
    where = f"--bus={bus} " if bus not in ("system", "session") else f"--{bus} "
    command = "smallbms" if shutil.which("smallbms") else ".venv/bin/smallbms"
    return f"""\
smallBMS NG demo: four {DEMO_MODEL} batteries in parallel, a house with sun and loads, ten in the morning.
In another terminal:
  {command} status --watch                   the status, battery and history pages
  {command} set discharge_floor 70           a floor above the state of charge: discharging ends
  {command} why                              … and this says so
  {command} set discharge_floor 10
  {command} settings
  cat {pins}    the pins
  dbus-send {where}--print-reply --dest=$(sed -n 2p {runtime / BUS_FILE}) /Soc com.victronenergy.BusItem.GetValue
Ctrl-C ends it.
"""
