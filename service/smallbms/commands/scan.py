"""`smallbms check --scan`: what is connected, as a configuration file."""

from __future__ import annotations

import asyncio
import glob
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

from smallbms import drivers
from smallbms.commands.check import SERIAL_PORTS, known_drivers
from smallbms.commands.scan_file import summary, text
from smallbms.config import parse
from smallbms.errors import ConfigError, LinkError
from smallbms.links.holders import holder
from smallbms.links.probe import Found, probe_line
from smallbms.places import runtime_candidates

DONE, FAILED = 0, 1
PINS_FILE = "pins.json"
UART_KIND = "/sys/class/tty/{name}/type"
SERIAL_STARTER = "/dev/serial-starter"
STOP = "/opt/victronenergy/serial-starter/stop-tty.sh"


async def scan(arguments: Namespace) -> int:
    """Print the file, or write it; status 1 if there is no battery or something must be said before it can run."""
    target = Path(arguments.write) if arguments.write else None
    if target is not None and target.exists():
        raise ConfigError(f"{target} exists and is not overwritten: choose another name")
    ports = tuple(_ports(arguments.ports or SERIAL_PORTS))
    found = [battery for line in await asyncio.gather(*map(_serial, ports)) for battery in line]
    if not found:
        _say(f"No battery answered on {', '.join(ports) or 'any port: there is none'}.")
        return FAILED
    content = text(found, series=arguments.series, bus=arguments.bus, pins=_pins_file())
    if target is None:
        print(content, end="")
    else:
        with target.open("x", encoding="utf-8") as file:
            file.write(content)
    return _judged(content, str(target or "the file"))


def _pins_file() -> Path:
    """Where the outputs process may write, whoever runs it."""
    places = runtime_candidates(os.environ)
    usable = (place for place in places if os.access(place if place.exists() else place.parent, os.W_OK))
    return next(usable, places[-1]) / PINS_FILE


def _judged(content: str, name: str) -> int:
    """Say whether it could run, and what must be done before it does its work."""
    try:
        config = parse(content, name, known_drivers())
    except ConfigError as error:
        _say(str(error))
        return FAILED
    for warning in config.warnings():
        _say(f"CHECK: {warning}")
    return DONE


def _ports(patterns: Iterable[str]) -> Iterator[str]:
    """Every port once, by its best name; but no UART that is not there."""
    devices: set[str] = set()
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            device = os.path.realpath(path)
            if device not in devices and not _absent(device):
                devices.add(device)
                yield os.path.abspath(path)


def _absent(device: str) -> bool:
    try:
        return Path(UART_KIND.format(name=Path(device).name)).read_text(encoding="ascii").strip() == "0"
    except OSError:
        return False


async def _serial(port: str) -> tuple[Found, ...]:
    """The batteries on a port; a port that is somebody's is left alone."""
    name = Path(os.path.realpath(port)).name
    stop = f"; to have it: {STOP} {name}" if Path(SERIAL_STARTER, name).exists() else ""
    if who := await asyncio.to_thread(holder, port):
        _say(f"{port}: left alone, {who} has it{stop}")
        return ()
    try:
        line = await probe_line(port, drivers.available().values(), say=_say)
    except LinkError as error:
        _say(f"{port}: {error}{stop}")
        return ()
    for battery in line.found:
        _say(f"{port}: {battery.table['driver']}: {summary(battery.reading)}")
    if line.unasked:
        _say(f"{port}: no time to ask for addresses {', '.join(map(str, line.unasked))}")
    if not line.found:
        _say(f"{port}: no answer{stop}")
    return line.found


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
