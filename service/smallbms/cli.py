"""The command line: what there is to say, and who does it."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Sequence

from smallbms import __version__
from smallbms.errors import BmsError, ConfigError, SettingsError
from smallbms.log import LogHandler

DONE, FAILED, MISUSED = 0, 1, 2

Commands = _SubParsersAction  # the type that add_subparsers returns; argparse has no public name for it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status: 0 done, 1 failed, 2 wrong configuration or arguments."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
        handlers=[LogHandler()],
    )
    module, function = arguments.does
    # each command imports what it needs: `why` must not wait for the drivers
    try:
        command = getattr(importlib.import_module(f"smallbms.commands.{module}"), function)
    except ImportError as error:
        return _not_importable(error)
    try:
        result = command(arguments)
        return int(asyncio.run(result) if asyncio.iscoroutine(result) else result)
    except (ConfigError, SettingsError) as error:
        print(error, file=sys.stderr)
        return MISUSED
    except BmsError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has seen enough
        return DONE


def _not_importable(error: ImportError) -> int:
    """Say what of others is missing: a new firmware may have brought a Python that our packages are not made for."""
    if error.name is None or error.name.partition(".")[0] in ("smallbms", "velib_python"):
        raise error
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(f"{error.name} cannot be imported by Python {python}: install a version made for it", file=sys.stderr)
    return FAILED


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="smallbms", description="A battery management service: smallBMS NG.")
    parser.add_argument("--version", action="version", version=f"smallbms {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what is only for looking closer")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serving(commands)
    _add_asking(commands)
    _add_changing(commands)
    return parser


def _add(commands: Commands[ArgumentParser], name: str, does: tuple[str, str], text: str) -> ArgumentParser:
    parser: ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(does=does)
    return parser


def _add_serving(commands: Commands[ArgumentParser]) -> None:
    run = _add(commands, "run", ("serve", "run"), "run the BMS")
    run.add_argument("--config", required=True, metavar="FILE", help="smallbms.toml")
    run.add_argument("--own-outputs", action="store_true", help="start the outputs process too, without a supervisor")
    run.add_argument("--runtime", metavar="DIR", help="where the sockets are (default: as the system has it)")
    demo = _add(commands, "demo", ("demo", "demo"), "run four simulated batteries in a house")
    demo.add_argument("--seconds", type=_seconds, metavar="N", help="end by itself; status 0 if all went well")
    demo.add_argument("--runtime", metavar="DIR", help=argparse.SUPPRESS)
    emulate = _add(commands, "emulate", ("demo", "emulate"), "play a battery on a pseudo-terminal, or on CAN")
    emulate.add_argument("protocol", choices=["can-bms", "daly", "jbd", "jk-pb", "pylontech", "seplos"])
    emulate.add_argument("--port", metavar="PATH", help="where it appears (default: /tmp/ and the protocol; vcan0)")
    emulate.add_argument("--model", default="12.8/200", help="a model of the table (default: %(default)s)")
    emulate.add_argument("--soc", type=float, default=60.0, metavar="PCT", help="state of charge (default: 60)")
    emulate.add_argument("--seed", type=int, default=1, help="which battery of its kind")
    simulate = _add(commands, "simulate", ("simulate", "simulate"), "run a scenario file, faster than the clock")
    simulate.add_argument("scenario", metavar="SCENARIO", help="a scenario file (TOML)")
    simulate.add_argument("--csv", metavar="FILE", help="write the samples")
    simulate.add_argument("--plot", metavar="FILE.png", help="draw the day (needs the extra smallbms[plot])")
    simulate.add_argument("--json", action="store_true", help="print JSON")


def _add_asking(commands: Commands[ArgumentParser]) -> None:
    status = _add(commands, "status", ("ask", "status"), "show the status, battery and history pages")
    status.add_argument("--watch", action="store_true", help="again every second")
    asking = [
        status,
        _add(commands, "why", ("ask", "why"), "say why charging or discharging is not allowed"),
        _add(commands, "settings", ("ask", "settings"), "show every setting and what is allowed"),
        history := _add(commands, "history", ("ask", "history"), "show the history page"),
        check := _add(commands, "check", ("check", "check"), "check the configuration, the ports and the bus"),
    ]
    _add(commands, "schema", ("schema", "show"), "print the JSON schema of what is said over MQTT")
    history.add_argument("--clear", action="store_true", help="begin it anew")
    check.add_argument("--config", metavar="FILE", help="smallbms.toml")
    text = "try the outputs one by one with a person who looks; needs --config, and the service stopped"
    check.add_argument("--pins", dest="does", action="store_const", const=("pins_check", "check_pins"), help=text)
    text = "have the GX obey this BMS, and show its state of charge; says what it had before"
    check.add_argument("--select", dest="does", action="store_const", const=("select", "select"), help=text)
    _add_scan(check)
    selftest = _add(commands, "selftest", ("selftest", "selftest"), "say whether this version could run here")
    selftest.add_argument("--config", metavar="FILE", help="smallbms.toml")
    selftest.add_argument("--state", metavar="DIR", help="where state is kept; it is read from a copy")
    for parser in asking:
        parser.add_argument("--json", action="store_true", help="print JSON")
        _add_bus(parser)


def _add_scan(check: ArgumentParser) -> None:
    text = "find the batteries that are connected, and print a smallbms.toml"
    check.add_argument("--scan", dest="does", action="store_const", const=("scan", "scan"), help=text)
    check.add_argument("--write", metavar="FILE", help="with --scan: write it there; never over a file")
    text = "with --scan: look there, and at no other wire; may be repeated (default: every serial port)"
    check.add_argument("--ports", metavar="GLOB", action="append", help=text)
    check.add_argument("--ble", action="store_true", help="with --scan: look for Bluetooth, too (needs smallbms[ble])")
    check.add_argument("--series", type=int, choices=range(1, 5), help="with --scan: how many batteries are in series")


def _add_changing(commands: Commands[ArgumentParser]) -> None:
    setting = _add(commands, "set", ("change", "set_value"), "change a setting, the mode or the state of charge")
    setting.add_argument("name", metavar="NAME", help="as `smallbms settings` shows it, or soc")
    setting.add_argument("value", metavar="VALUE")
    text = "restore charged voltage, tail current, charged detection time, low SoC warning and discharge floor"
    for parser in (
        setting,
        _add(commands, "synchronise", ("change", "synchronise"), "say that the bank is full: 100 percent"),
        _add(commands, "reset-to-defaults", ("change", "reset_to_defaults"), text),
        _add(commands, "acknowledge", ("change", "acknowledge"), "say that alarms were seen and faults mended"),
    ):
        _add_bus(parser)
    text = "remove our settings from a GX's localsettings; `install.sh uninstall --purge` does it"
    forget = _add(commands, "forget-settings", ("forget", "forget_settings"), text)
    forget.add_argument("--state", required=True, metavar="DIR", help="where the state is kept")
    _add_bus(forget)


def _add_bus(parser: ArgumentParser) -> None:
    parser.add_argument("--bus", help="system, session or an address (default: where the service runs)")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not within 0…1000000 s")
    return value
