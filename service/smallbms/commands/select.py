"""`smallbms check --select`: make this BMS the one that a GX obeys, and whose state of charge it shows."""

from __future__ import annotations

import json
from argparse import Namespace

from smallbms.commands.peer import running
from smallbms.errors import LinkError
from smallbms.publish.gx_choice import battery_of

SETTINGS = "com.victronenergy.settings"
OBEYED, SHOWN = "/Settings/SystemSetup/BmsInstance", "/Settings/SystemSetup/BatteryService"
TITLES = {OBEYED: "Controlling BMS", SHOWN: "Battery monitor"}
WORDS = {-1: "automatic", -255: "none", "default": "automatic", "nobattery": "none"}  # what a GX has for them


async def select(arguments: Namespace) -> int:
    """Set both, and say from what to what. Raises LinkError where there is no service or no GX."""
    async with running(arguments.bus) as peer:
        instance = int((await peer.items())["/DeviceInstance"].value)
        settings = peer.beside(SETTINGS)
        wanted = {OBEYED: instance, SHOWN: battery_of(instance)}
        before = {path: await settings.value(path) for path in wanted}
        for path, value in wanted.items():
            if before[path] != value and not await settings.set(path, value):
                raise LinkError(f"the GX does not take {TITLES[path]} = {value}")
    if arguments.json:
        print(json.dumps({path: {"before": before[path], "now": value} for path, value in wanted.items()}, indent=2))
        return 0
    for path, value in wanted.items():
        print(f"{TITLES[path]}: {value}, {_change(before[path], value)}")
    return 0


def _change(before: object, now: object) -> str:
    return "as it was" if before == now else f"before: {next((w for v, w in WORDS.items() if v == before), before)}"
