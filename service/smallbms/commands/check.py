"""`smallbms check`: is the configuration right, what is connected, what is missing or dangerous."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from smallbms import drivers, wiring
from smallbms.commands.check_unasked import can_dangers, can_faults, service_faults
from smallbms.config import Config, load
from smallbms.config_batteries import I2cBattery, SerialBattery
from smallbms.config_inputs import VeDirectShunt
from smallbms.errors import ConfigError
from smallbms.links.timing import Round, full_round
from smallbms.outputs.gpio import Chip
from smallbms.places import SERVICE_PREFIX
from smallbms.publish import gx_choice
from velib_python.connection import Connection, connect
from velib_python.errors import DbusError
from velib_python.items import get_value

LONGEST_ROUND_S = 4.0  # with one silent member; a battery counts as lost after 9 s
SERIAL_PORTS = ("/dev/serial/by-id/*", "/dev/ttyUSB*", "/dev/ttyACM*", "/dev/ttyAMA*", "/dev/ttyS*")
DVCC = "/Settings/Services/Bol"


@dataclass(kw_only=True)
class Report:
    """What was found; a fault keeps the service from starting, a danger does not."""

    ports: list[str] = field(default_factory=list)
    chips: list[str] = field(default_factory=list)
    rounds_s: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    dangers: list[str] = field(default_factory=list)


async def check(arguments: Namespace) -> int:
    """Print the report; status 2 if the configuration is wrong, 1 if something is missing."""
    report = Report(ports=list(_ports()), chips=list(_chips()))
    config = load(Path(arguments.config), known_drivers()) if arguments.config else None
    if config is not None:
        _check_lines(config, report)
        _check_same_ports(config, report)
        _check_i2c(config, report)
        _check_shunt(config, report)
        _check_bluetooth(config, report)
        report.faults += can_faults(config.batteries)
        report.dangers += (*can_dangers(config.batteries), *config.warnings())
    await _check_bus(config.dbus.bus if config else arguments.bus or "system", config, report)
    if arguments.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        _print(report, arguments.config)
    return 1 if report.faults else 0


def known_drivers() -> Mapping[str, bool]:
    """Every driver by name, and whether several batteries may share its line; each is imported when it is asked for."""
    return drivers.Addressed()


def line_rounds(config: Config) -> dict[str, Round]:
    """A full round of each line with its costliest member silent."""
    lines: dict[str, list[SerialBattery]] = {}
    for battery in config.batteries:
        if isinstance(battery, SerialBattery):
            lines.setdefault(battery.port, []).append(battery)
    rounds = {}
    for port, batteries in lines.items():
        units = [drivers.make(b.driver, port=port, unit=b.address) for b in batteries]
        rounds[port] = full_round(units, batteries[0].baud or units[0].INFO.baud)
    return rounds


def refuse_slow_lines(config: Config) -> None:
    """Raise ConfigError if a line cannot be read in time."""
    slow = {port: took for port, took in line_rounds(config).items() if took.total_s > LONGEST_ROUND_S}
    if slow:
        raise ConfigError("\n".join(_too_slow(port, took) for port, took in slow.items()))


def _too_slow(port: str, took: Round) -> str:
    return (
        f"{port}: a full round of its batteries takes {took}, at most {LONGEST_ROUND_S:.0f} s are safe: "
        "spread the batteries over more ports"
    )


def _check_lines(config: Config, report: Report) -> None:
    for port, took in line_rounds(config).items():
        report.rounds_s[port] = took.total_s
        if took.total_s > LONGEST_ROUND_S:
            report.faults.append(_too_slow(port, took))
        if not Path(port).exists():
            report.faults.append(f"{port} does not exist: is the adapter plugged in?")


def _check_same_ports(config: Config, report: Report) -> None:
    """Adapters without a serial number of their own share a name, which leads to one of them."""
    named = [battery.port for battery in config.batteries if isinstance(battery, SerialBattery)]
    if isinstance(config.shunt, VeDirectShunt):
        named.append(config.shunt.port)
    names: dict[str, list[str]] = {}
    for port in dict.fromkeys(named):
        names.setdefault(os.path.realpath(port), []).append(port)
    for device, ports in names.items():
        if len(ports) > 1:
            report.faults.append(f"{' and '.join(ports)} are one port, {device}: each adapter needs a name of its own")


def _check_i2c(config: Config, report: Report) -> None:
    for port in sorted({battery.port for battery in config.batteries if isinstance(battery, I2cBattery)}):
        if not Path(port).exists():
            report.faults.append(f"{port} does not exist: is the bus switched on (dtparam=i2c_arm=on), i2c-dev loaded?")
        elif not os.access(port, os.R_OK | os.W_OK):
            report.faults.append(f"{port} may not be opened by this user: it belongs to the group i2c")


def _check_shunt(config: Config, report: Report) -> None:
    if isinstance(config.shunt, VeDirectShunt) and not Path(config.shunt.port).exists():
        report.faults.append(f"[shunt] {config.shunt.port} does not exist: is its cable plugged in?")


def _check_bluetooth(config: Config, report: Report) -> None:
    try:
        wiring.bluetooth(config)
    except ConfigError as error:
        report.faults += str(error).splitlines()


def _ports() -> Iterable[str]:
    return sorted(str(path) for pattern in SERIAL_PORTS for path in Path("/").glob(pattern[1:]))


def _chips() -> Iterable[str]:
    for path in sorted(Path("/dev").glob("gpiochip*")):
        try:
            chip = Chip(str(path))
        except OSError as error:
            yield f"{path}: {error.strerror}"
            continue
        yield f"{path}: {chip.label}, {chip.lines} lines"
        chip.close()


async def _check_bus(bus: str, config: Config | None, report: Report) -> None:
    """What a GX would make of us: DVCC, other BMSes, and the relays that are outputs; and which batteries are there."""
    try:
        connection = await connect(bus)
    except (ConnectionError, ValueError) as error:
        report.faults.append(f"the bus {bus} cannot be reached: {error}")
        return
    try:
        (names,) = await connection.call_daemon("ListNames")
        if config is not None:
            report.faults += service_faults(config.batteries, names)
        if config is not None and (relays := config.relays()):
            report.faults += await _foreign_relays(connection, relays)
        if "com.victronenergy.settings" in names and not await _dvcc(connection):
            report.dangers.append(
                "DVCC is off: the GX passes our voltage and current limits to nobody (Settings → DVCC)"
            )
        for name in sorted(n for n in names if n.startswith("com.victronenergy.battery.")):
            await _check_battery(connection, name, report)
            if name.startswith(SERVICE_PREFIX):
                report.dangers += await _choice(connection, name)
    finally:
        await connection.close()


async def _foreign_relays(connection: Connection, relays: Mapping[str, int]) -> Iterable[str]:
    from smallbms.inputs import gx_relays  # the service loads this module, too, and hardly any has relays

    try:
        return (await gx_relays.foreign(connection, relays)).values()
    except (DbusError, OSError) as error:
        return [f"whose the relays are, localsettings does not say: {error}"]


async def _check_battery(connection: Connection, name: str, report: Report) -> None:
    if name.startswith(SERVICE_PREFIX):
        floor = await _value(connection, name, "/Settings/Battery/DischargeFloor")
        if floor == 0:
            report.dangers.append("the discharge floor is 0: only the cell limits stop a full discharge")
    elif await _value(connection, name, "/Info/MaxChargeVoltage") is not None:
        report.dangers.append(f"{name} is a BMS too: choose which one the GX obeys (Settings → DVCC → Controlling BMS)")


async def _choice(connection: Connection, name: str) -> tuple[str, ...]:
    """Whether a GX on this bus obeys another BMS."""
    instance = await _value(connection, name, "/DeviceInstance")
    return await gx_choice.ask(connection, name, instance) if isinstance(instance, int) else ()


async def _dvcc(connection: Connection) -> bool:
    value = await _value(connection, "com.victronenergy.settings", DVCC)
    return isinstance(value, int) and bool(value & 1)


async def _value(connection: Connection, name: str, path: str) -> object:
    try:
        value: object = await get_value(connection, name, path)
    except (DbusError, ConnectionError, TimeoutError):
        return None
    return value


def _print(report: Report, config: str | None) -> None:
    sections: Mapping[str, Iterable[str]] = {
        "Serial ports": report.ports or ["none"],
        "GPIO chips": report.chips or ["none"],
        "Lines": [f"{port}: a full round takes {took_s:.2f} s at most" for port, took_s in report.rounds_s.items()],
        "Wrong": report.faults,
        "Dangerous": report.dangers,
    }
    for title, lines in sections.items():
        if lines:
            print(title)
            print("\n".join(f"  {line}" for line in lines))
    if config and not report.faults:
        print(f"{config} is valid.")
