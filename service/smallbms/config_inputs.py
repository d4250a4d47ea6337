"""[shunt] and [vbat]: what is measured beside the batteries; one table for each kind of wire."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from smallbms.config_tables import ABSOLUTE, Table, number

SHUNT_SERVICE = r"^com\.victronenergy\.battery\.[A-Za-z0-9_]+$"
VBAT_SERVICE = r"^com\.victronenergy\.[a-z]+(\.[A-Za-z0-9_]+)?$"
CHANNEL = r"^(/|iio:device\d+/).*in_voltage\d+$"


class ShuntTable(Table):
    """The current in the cable of the whole bank; `soc`: its state of charge instead of the one counted here."""

    driver: str = Field(description='"ve.direct" or "victron-dbus"')
    soc: bool = Field(default=False, description="true or false")
    reversed: bool = Field(default=False, description="true or false")


class VeDirectShunt(ShuntTable):
    """driver = "ve.direct": a SmartShunt or BMV at a serial port."""

    driver: Literal["ve.direct"] = Field(description='"ve.direct" or "victron-dbus"')
    port: str = Field(pattern=ABSOLUTE, description="a path, best one of /dev/serial/by-id/")


class BusShunt(ShuntTable):
    """driver = "victron-dbus": a battery monitor that is a service on the D-Bus."""

    driver: Literal["victron-dbus"]
    service: str = Field(
        pattern=SHUNT_SERVICE, description="another battery monitor's service, as com.victronenergy.battery.ttyS5"
    )


class VbatTable(Table):
    """The voltage of the whole bank, which tells how many are in series."""


class FileVbat(VbatTable):
    """A file that holds a number, as the kernel's ADC channels do."""

    path: str = Field(pattern=ABSOLUTE, description="a path, as /sys/bus/iio/devices/iio:device0/in_voltage0_raw")
    volts_per_count: float = number(1.0, 1e-6, 1000, "V")


class ChannelVbat(VbatTable):
    """An ADC channel of the kernel with its own scale, behind a voltage divider."""

    path: str = Field(pattern=CHANNEL, description='a channel, as "iio:device0/in_voltage0"')
    divider: float = number(1.0, 1, 1000)


class ShuntVbat(VbatTable):
    """What the shunt measures."""

    source: Literal["shunt"] = Field(description='"shunt", that of [shunt]')


class BusVbat(VbatTable):
    """What a service on the D-Bus measures."""

    service: str = Field(pattern=VBAT_SERVICE, description="another device's service, as com.victronenergy.vebus.ttyS4")


SHUNTS: dict[str, type[ShuntTable]] = {"ve.direct": VeDirectShunt, "victron-dbus": BusShunt}
VBATS: dict[str, type[VbatTable]] = {"service": BusVbat, "source": ShuntVbat, "divider": ChannelVbat}


def shunt_kind(given: Any) -> type[ShuntTable]:
    """Which table it is, its `driver` says."""
    driver = given.get("driver") if isinstance(given, dict) else None
    return SHUNTS.get(str(driver), VeDirectShunt)


def vbat_kind(given: Any) -> type[VbatTable]:
    """Which table it is, its keys say."""
    keys = given if isinstance(given, dict) else {}
    return next((kind for key, kind in VBATS.items() if key in keys), FileVbat)
