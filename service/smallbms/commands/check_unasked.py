"""`smallbms check` for batteries that speak by themselves: is the CAN interface up, is the service on the bus."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from smallbms.config_batteries import Battery, BusBattery, CanBattery

INTERFACES = Path("/sys/class/net")
CAN_TYPE = "280"  # ARPHRD_CAN
IS_UP = 0x1  # IFF_UP
OF_A_GX = "vecan"


def can_faults(batteries: Iterable[Battery], interfaces: Path = INTERFACES) -> Iterator[str]:
    """What is missing on the CAN interfaces."""
    for port in [battery.port for battery in batteries if isinstance(battery, CanBattery)]:
        try:
            kind, flags = ((interfaces / port / name).read_text(encoding="ascii").strip() for name in ("type", "flags"))
        except OSError:
            yield f"{port} does not exist: is the adapter plugged in, its driver loaded?"
            continue
        if kind != CAN_TYPE:
            yield f"{port} is no CAN interface"
        elif not int(flags, 16) & IS_UP:
            yield f"{port} is down: ip link set {port} up type can bitrate 500000 restart-ms 1000"


def can_dangers(batteries: Iterable[Battery]) -> Iterator[str]:
    """CAN interfaces that are not ours."""
    for battery in batteries:
        if isinstance(battery, CanBattery) and battery.port.startswith(OF_A_GX):
            yield f"{battery.port} belongs to the GX: have its batteries by its own service and victron-dbus"


def service_faults(batteries: Iterable[Battery], names: Collection[str]) -> Iterator[str]:
    """Which services are missing among the names on the bus."""
    for battery in batteries:
        if isinstance(battery, BusBattery) and battery.service not in names:
            yield f"{battery.service} is not on the bus: does the program run that reads this battery?"
