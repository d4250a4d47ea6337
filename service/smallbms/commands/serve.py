"""The command that runs the BMS."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from smallbms.app import Driven, Options, serve
from smallbms.commands.check import known_drivers, refuse_slow_lines
from smallbms.config import Config, load
from smallbms.config_batteries import SimulatedBattery
from smallbms.outputs.notify import Notifier
from smallbms.places import runtime_directory, state_directory

_log = logging.getLogger(__name__)


async def run(arguments: Namespace) -> int:
    """Run the BMS of a configuration file until stopped."""
    config = load(Path(arguments.config), known_drivers())
    refuse_slow_lines(config)
    for warning in config.warnings():
        _log.warning("%s", warning)
    notifier = Notifier(os.environ)
    options = Options(
        state=state_directory(os.environ),
        runtime=Path(arguments.runtime) if arguments.runtime else runtime_directory(os.environ),
        own_outputs=arguments.own_outputs,
        drive=_drive(config),
        on_snapshot=lambda snapshot: notifier.alive(),  # the engine steps, and whoever should hear of it does
    )
    stop_on_signals(options.stop, notifier.stopping)
    return await serve(config, options)


def _drive(config: Config) -> Driven | None:
    if not any(isinstance(battery, SimulatedBattery) for battery in config.batteries):
        return None
    from smallbms.commands.demo import drive_of  # a world that real batteries must not pay for

    return drive_of(config)


def stop_on_signals(stop: asyncio.Event, tell: Callable[[], None] = lambda: None) -> None:
    """Let SIGTERM and SIGINT end it in good order, after `tell`."""

    def end() -> None:
        tell()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
