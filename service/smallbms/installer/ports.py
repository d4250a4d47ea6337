"""What the configuration needs of Venus OS: serial ports that serial-starter leaves alone, the module for I²C.

serial-starter starts Victron's programs on every tty that has a link in /dev/serial-starter, unless the tty's udev
property VE_SERVICE is "ignore". / is read-only, so our rule is in /run, made anew after each boot. Its name comes
after serial-starter.rules. `stop-tty.sh` ends what has begun on the port.

`python3 -m smallbms.installer.ports` does it; the main process's `run` calls it when the configuration has changed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from smallbms.errors import ConfigError
from smallbms.installer.layout import Layout, venus
from smallbms.installer.programs import ask
from smallbms.toml import parse_toml

RULES = "run/udev/rules.d/zz-dbus-smallbms-ng.rules"
STOP = "opt/victronenergy/serial-starter/stop-tty.sh"
I2C = "/dev/i2c-"
_HEAD = "# serial ports of dbus-smallbms-ng, not for serial-starter\n"
_PORT = "# port "


def main(argv: Sequence[str] | None = None) -> int:
    """Take the ports; the only argument is a root other than /."""
    take(venus(*map(Path, sys.argv[1:] if argv is None else argv)))
    return 0


def take(layout: Layout) -> tuple[str, ...]:
    """Take the ports of the configuration, give back what it names no more, load i2c-dev if it is used.

    Returns the ports. A configuration that cannot be read has none: the main process says why.
    """
    wanted = configured(layout.configuration)
    ports = tuple(dict.fromkeys(port for _, port in serial_ports(wanted)))
    _write(layout, ports)
    for port in ports:
        if (device := layout.root / port.lstrip("/")).exists():
            ask("udevadm", "trigger", "--action=change", f"--name-match={port}")
            ask(str(layout.root / STOP), device.resolve().name)
    if any(text.startswith(I2C) for text in _texts(wanted)):
        ask("modprobe", "i2c-dev")
    return ports


def give_back(layout: Layout) -> None:
    """Leave every port to serial-starter again."""
    _write(layout, ())


def configured(file: Path) -> dict[str, Any]:
    """Return the tables of a configuration file; empty if there is none or it cannot be read."""
    try:
        return parse_toml(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError, ConfigError):
        return {}


def serial_ports(tables: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a name and the serial port of each battery, in the order of the file, and of the shunt."""
    batteries = tables.get("battery", [])
    found = filter(None, map(_port_of, batteries if isinstance(batteries, list) else []))
    yield from ((f"battery{number}", port) for number, port in enumerate(found, 1))
    if port := _port_of(tables.get("shunt")):
        yield "shunt", port


def _port_of(table: object) -> str | None:
    port = table.get("port") if isinstance(table, dict) else None
    return port if isinstance(port, str) and port.startswith("/dev/") and port.isprintable() else None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _write(layout: Layout, ports: tuple[str, ...]) -> None:
    """Put the rules for exactly these ports; whoever was in the file before and is not now is announced anew."""
    file = layout.root / RULES
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    after = _HEAD + "".join(_rule(port) for port in ports) if ports else ""
    if after == before:
        return
    if after:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(after, encoding="utf-8")
    else:
        file.unlink()
    ask("udevadm", "control", "--reload")
    for line in before.splitlines():
        if line.startswith(_PORT) and (port := line.removeprefix(_PORT)) not in ports:
            ask("udevadm", "trigger", "--action=add", f"--name-match={port}")


def _rule(port: str) -> str:
    name = port.removeprefix("/dev/")
    key = "KERNEL" if re.fullmatch(r"tty\w+", name) else "SYMLINK"
    exact = re.sub(r'["*?|\[\]\\]', "?", name)  # what udev would take for a pattern
    return f'{_PORT}{port}\nSUBSYSTEM=="tty", {key}=="{exact}", ENV{{VE_SERVICE}}="ignore"\n'


if __name__ == "__main__":
    sys.exit(main())
