"""Who this is on the bus, and what every Victron device says of itself."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

from smallbms.model import DeviceIdentity, LinkHealth
from smallbms.paths import form
from smallbms.paths.row import Group, Row

_VERSION = re.compile(r"(\d{1,2})\.(\d{1,2})(\.\d+)?")
_RELEASED = 0xFF


def _never(_: object) -> None:
    return None


def _always(value: int | str) -> Any:
    return lambda _: value


def packed_version(version: str) -> int | None:
    """A version as Victron devices pack it: "1.13" is 0x0113FF; the third number only fits /Mgmt/ProcessVersion."""
    found = _VERSION.fullmatch(version)
    return int(f"{found[1]}{found[2]:0>2}", 16) << 8 | _RELEASED if found else None


def _packed(identity: DeviceIdentity) -> int | None:
    return packed_version(identity.version)


def _links_json(links: tuple[LinkHealth, ...]) -> str:
    return json.dumps([asdict(link) for link in links], ensure_ascii=False)


_ROWS = (
    Row("/Mgmt/ProcessName", form.TEXT, _always("dbus-smallbms-ng"), "The program"),
    Row("/Mgmt/ProcessVersion", form.TEXT, lambda i: i.version, "Its full version"),
    Row("/Mgmt/Connection", form.TEXT, lambda i: i.connection, "The wires to the batteries"),
    Row("/DeviceInstance", form.CODE, lambda i: i.instance, "VRM device instance"),
    Row("/ProductId", form.PRODUCT_ID, lambda i: i.product_id, "0xFFFF unless configured"),
    Row("/ProductName", form.TEXT, lambda i: i.product_name, "Product"),
    Row("/Serial", form.TEXT, lambda i: i.serial, "Made once for this installation"),
    Row("/FirmwareVersion", form.VERSION, _packed, "Version, packed: 0x0113FF is v1.13"),
    Row("/HardwareVersion", form.TEXT, _never, "Invalid: there is no board of its own"),
    Row("/Connected", form.FLAG, _always(1), "1 while the service runs"),
    Row("/NrOfDistributors", form.SMALL_COUNT, _always(0), "There are no fused distributors"),
    Row("/ParallelConnectThreshold", form.CODE, _never, "Invalid: batteries have no contactors to connect"),
    Row("/Io/ExternalRelay", form.FLAG, _never, "Invalid: not an output of this BMS"),
    Row("/Io/ProgrammableContact", form.FLAG, _never, "Invalid: not an output of this BMS"),
    Row("/Diagnostics/ShutDownsDueError", form.CODE, _never, "Invalid: not counted"),
    Row("/Settings/HasSettings", form.FLAG, _always(1), "Opens the settings page"),
    Row("/Settings/HasTemperature", form.FLAG, _always(1), "Shows temperatures in the history"),
    Row("/History/CanBeCleared", form.FLAG, _always(1), "Shows the button that clears it"),
    Row("/History/LastDischarge", form.CHARGE, _never, "Invalid: not kept, as on the NG"),
    Row("/History/AverageDischarge", form.CHARGE, _never, "Invalid: not kept, as on the NG"),
)

_LINK_ROWS = (
    Row("/Info/Links", form.TEXT, _links_json,
        "JSON: the wires to the batteries; name, batteries, open, frames_ok, errors by kind, last_error, round_time_s"),
)  # fmt: skip

GROUPS = (
    Group(rows=_ROWS, source=lambda s: s.identity, at_once=lambda s: s.identity),
    Group(rows=_LINK_ROWS, source=lambda s: s.links),
)
