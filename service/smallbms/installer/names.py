"""Lasting names for serial adapters: /dev/ttyUSB0 may be another one after a reboot, /dev/smallbms/battery1 may not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from smallbms.installer import disk, ports
from smallbms.installer.layout import Layout
from smallbms.installer.programs import call

RULES = "etc/udev/rules.d/90-smallbms.rules"
UNSTABLE = ("/dev/ttyUSB", "/dev/ttyACM")
_KEYS = (("ID_SERIAL_SHORT", "ID_VENDOR_ID", "ID_MODEL_ID", "ID_USB_INTERFACE_NUM"), ("ID_PATH",))  # the best first


def unstable(layout: Layout) -> dict[str, str]:
    """Return the ports of the configuration whose names may change, each with the name that it would get."""
    found = ports.serial_ports(ports.configured(layout.configuration))
    return {port: f"smallbms/{name}" for name, port in found if port.startswith(UNSTABLE)}


def give(layout: Layout) -> Mapping[str, str]:
    """Write a rule for each adapter that is plugged in now; the ports that have a second name from now on."""
    rules, named = [], {}
    wanted = unstable(layout)
    plugged = {port: _properties(port) for port in sorted({*wanted, *_plugged_in(layout)})}
    for port, name in wanted.items():
        others = [properties for other, properties in plugged.items() if other != port]
        matches = next((match for keys in _KEYS if (match := _match(plugged[port], keys, others))), "")
        if matches:
            rules.append(f'SUBSYSTEM=="tty"{matches}, SYMLINK+="{name}"\n')
            named[port] = f"/dev/{name}"
    if rules:
        file = layout.root / RULES
        file.parent.mkdir(parents=True, exist_ok=True)
        disk.write(file, "".join(rules))
        _apply()
    return named


def take_back(layout: Layout) -> None:
    """Remove the rules."""
    (layout.root / RULES).unlink(missing_ok=True)
    _apply()


def _plugged_in(layout: Layout) -> Iterator[str]:
    """Every adapter, of the configuration or not: a rule for one must not fit another."""
    for prefix in UNSTABLE:
        for path in (layout.root / "dev").glob(f"{Path(prefix).name}*"):
            yield f"/dev/{path.name}"


def _match(properties: Mapping[str, str], keys: Sequence[str], others: Iterable[Mapping[str, str]]) -> str:
    """What a rule asks by these keys; "" where it is not known or fits another adapter: many have the serial 0001."""
    asked = {key: properties[key] for key in keys if key in properties}
    if keys[0] not in asked or any(asked.items() <= other.items() for other in others):
        return ""
    return "".join(f', ENV{{{key}}}=="{value}"' for key, value in asked.items())


def _properties(port: str) -> dict[str, str]:
    status, said = call("udevadm", "info", "--query=property", f"--name={port}")
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line) if status == 0 else {}


def _apply() -> None:
    call("udevadm", "control", "--reload")
    call("udevadm", "trigger", "--subsystem-match=tty", "--action=change")
