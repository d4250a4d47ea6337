"""`smallbms check --scan`: what is connected, as a configuration file."""

from __future__ import annotations

import asyncio
import glob
import os
import sys
from argparse import Namespace
from pathlib import Path

from smallbms import drivers
from smallbms.commands.check import SERIAL_PORTS, known_drivers, refuse_slow_lines
from smallbms.commands.scan_file import summary, text
from smallbms.commands.serial_ports import serial_ports
from smallbms.config import parse
from smallbms.errors import ConfigError, LinkError
from smallbms.links.found import Found
from smallbms.links.holders import holder
from smallbms.links.i2c_bus import I2cBus, I2cDevice
from smallbms.links.probe import LINE_S, probe_line
from smallbms.links.probe_ble import probe_ble
from smallbms.links.probe_bus import probe_bus
from smallbms.links.probe_can import interfaces_up, probe_can
from smallbms.links.probe_i2c import probe_i2c
from smallbms.links.radio import BleRadio
from smallbms.places import runtime_candidates

DONE, FAILED = 0, 1
PINS_FILE = "pins.json"
VENUS = "/opt/victronenergy"
I2C_BUSES = "/dev/i2c-*"
MOST_S = LINE_S + 1.0
SERIAL_STARTER = "/dev/serial-starter"
STOP = f"{VENUS}/serial-starter/stop-tty.sh"


async def scan(arguments: Namespace) -> int:
    """Print the file, or write it; status 1 if there is no battery or something must be said before it can run."""
    target = Path(arguments.write) if arguments.write else None
    if target is not None and target.exists():
        raise ConfigError(f"{target} exists and is not overwritten: choose another name")
    ports = tuple(serial_ports(arguments.ports or SERIAL_PORTS))
    _say(f"Asking on {', '.join(ports) or 'no serial port: there is none'}; this takes up to {MOST_S:.0f} s.")
    searches = [_serial(port) for port in ports]
    if not arguments.ports:
        searches += [_i2c(path) for path in sorted(glob.glob(I2C_BUSES))]
        searches += [_can(interface) for interface in _can_interfaces()]
        searches.append(_bus(arguments.bus or "system"))
    if arguments.ble:
        searches.append(_ble())
    found = [battery for wire in await asyncio.gather(*searches) for battery in wire]
    if not found:
        _say("No battery was found.")
        return FAILED
    content = text(found, series=arguments.series, bus=arguments.bus, pins=_pins_file())
    status = _judged(content, str(target or "the file"))
    if target is None:
        print(content, end="")
    elif not _written(target, content):
        print(content, end="")
        return FAILED
    return status


def _written(target: Path, content: str) -> bool:
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        _say(f"{target} cannot be written: {error.strerror}")
        return False
    return True


def _pins_file() -> Path:
    """Where the outputs process may write, whoever runs it."""
    places = runtime_candidates(os.environ)
    usable = (place for place in places if os.access(place if place.exists() else place.parent, os.W_OK))
    return next(usable, places[-1]) / PINS_FILE


def _judged(content: str, name: str) -> int:
    """Say whether it could run, and what must be done before it does its work."""
    try:
        config = parse(content, name, known_drivers())
        refuse_slow_lines(config)
    except ConfigError as error:
        _say(str(error))
        return FAILED
    for warning in config.warnings():
        _say(f"CHECK: {warning}")
    return DONE


async def _serial(port: str) -> tuple[Found, ...]:
    """The batteries on a port; a port that is somebody's is left alone."""
    name = Path(os.path.realpath(port)).name
    stop = f"; to have it: {STOP} {name}" if Path(SERIAL_STARTER, name).exists() else ""
    if who := await asyncio.to_thread(holder, port):
        _say(f"{port}: left alone, {who} has it{stop}")
        return ()
    try:
        line = await probe_line(port, drivers.available().values())
    except LinkError as error:
        _say(f"{port}: {error}{stop}")
        return ()
    if line.unasked:
        _say(f"{port}: no time to ask for addresses {', '.join(map(str, line.unasked))}")
    if not line.found:
        _say(f"{port}: no answer{stop}")
    return _told(port, line.found)


async def _i2c(path: str) -> tuple[Found, ...]:
    if who := await asyncio.to_thread(holder, path):
        _say(f"{path}: left alone, {who} has it")
        return ()
    try:
        return _told(path, await probe_i2c(path, I2cBus(lambda: I2cDevice(path))))
    except LinkError as error:
        _say(f"{path}: {error}")
        return ()


def _can_interfaces() -> tuple[str, ...]:
    """Those to listen at; a GX has a service of its own for them, which is found on the bus."""
    return () if Path(VENUS).is_dir() else tuple(interfaces_up())


async def _can(interface: str) -> tuple[Found, ...]:
    return _told(interface, await probe_can(interface))


async def _bus(bus: str) -> tuple[Found, ...]:
    try:
        return _told("D-Bus", await probe_bus(bus, say=_say))
    except LinkError as error:
        _say(f"the bus {bus}: {error}")
        return ()


async def _ble() -> tuple[Found, ...]:
    try:
        return _told("Bluetooth", await probe_ble(BleRadio({}), say=_say))
    except LinkError as error:
        _say(f"Bluetooth: {error}")
        return ()


def _told(where: str, found: tuple[Found, ...]) -> tuple[Found, ...]:
    for battery in found:
        _say(f"{where}: {battery.table['driver']}: {summary(battery.reading)}")
    return found


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
