"""The serial ports that are there, by names that still lead to the same adapter when it is plugged in again."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

BY_ID = "/dev/serial/by-id"
BY_PATH = "/dev/serial/by-path"  # names the socket: the best there is for adapters that cannot be told apart
TTYS = "/sys/class/tty"


class _Adapter(NamedTuple):
    vendor: str
    product: str
    serial: str  # "" for many: every CH340


def serial_ports(patterns: Iterable[str]) -> Iterator[str]:
    """Yield every port once, by a name that lasts where it has one; but no UART that is not there."""
    names = _lasting_names()
    devices: set[str] = set()
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            device = os.path.realpath(path)
            if device not in devices and not _absent(device):
                devices.add(device)
                plain = device if Path(path).parent == Path(BY_ID) else os.path.abspath(path)
                yield names.get(device, plain)


def _lasting_names() -> Mapping[str, str]:
    """The best one of each device; by-id only where no other adapter that is plugged in has the same serial number."""
    own = _own_serials()
    by_id = {device: name for device, name in _links(BY_ID).items() if Path(device).name in own}
    return _links(BY_PATH) | by_id


def _links(directory: str) -> dict[str, str]:
    """Devices and their names there; the first one where there are several, as usb-… and usbv2-…"""
    return {os.path.realpath(path): path for path in sorted(glob.glob(f"{directory}/*"), reverse=True)}


def _own_serials() -> frozenset[str]:
    """The ttys of adapters that no other one can be taken for. One with several ports is the same adapter."""
    found = {tty.name: _usb_device(tty / "device") for tty in Path(TTYS).glob("*")}
    usb_devices = {device: _adapter(device) for device in found.values() if device is not None}
    adapters = list(usb_devices.values())
    own = {device for device, what in usb_devices.items() if what.serial and adapters.count(what) == 1}
    return frozenset(name for name, device in found.items() if device in own)


def _usb_device(device: Path) -> Path | None:
    """The directory of the USB device that a tty is of; None for one of no USB device."""
    real = device.resolve()
    return next((place for place in (real, *real.parents) if (place / "idVendor").exists()), None)


def _adapter(usb_device: Path) -> _Adapter:
    return _Adapter(*(_text(usb_device / name) for name in ("idVendor", "idProduct", "serial")))


def _text(file: Path) -> str:
    """What it says; "" where it is not there, or has just been unplugged."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _absent(device: str) -> bool:
    """Whether a name in /dev has no hardware behind it."""
    about = Path(TTYS, Path(device).name)
    if not about.is_dir():
        return False  # no tty of the kernel's list, as a pseudo-terminal
    return _text(about / "type") == "0" or not (about / "device").exists()  # 0: an unknown UART
