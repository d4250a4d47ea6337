"""Lasting names for serial adapters: /dev/ttyUSB0 may be another one after a reboot, /dev/smallbms/battery1 may not."""

from __future__ import annotations

from collections.abc import Mapping

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
    for port, name in unstable(layout).items():
        properties = _properties(port)
        keys = next((keys for keys in _KEYS if keys[0] in properties), ())
        if keys:
            matches = "".join(f', ENV{{{key}}}=="{properties[key]}"' for key in keys if key in properties)
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


def _properties(port: str) -> dict[str, str]:
    status, said = call("udevadm", "info", "--query=property", f"--name={port}")
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line) if status == 0 else {}


def _apply() -> None:
    call("udevadm", "control", "--reload")
    call("udevadm", "trigger", "--subsystem-match=tty", "--action=change")
