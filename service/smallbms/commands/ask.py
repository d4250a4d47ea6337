"""The commands that look at the running service: status, why, history, settings."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Mapping

from smallbms.commands.pages import battery_page, history_page, status_page, why_lines
from smallbms.commands.peer import Item, running
from smallbms.settings import SETTINGS

WATCH_S = 1.0
_CLEAR = "\x1b[2J\x1b[H"


async def status(arguments: Namespace) -> int:
    """Print the three pages, or again every second."""
    async with running(arguments.bus) as peer:
        while True:
            items = await peer.items()
            if arguments.json:
                print(to_json(items))
            else:
                pages = "\n".join([*status_page(items), "", *battery_page(items), "", *history_page(items)])
                print(f"{_CLEAR if arguments.watch and sys.stdout.isatty() else ''}{pages}", flush=True)
            if not arguments.watch:
                return 0
            await asyncio.sleep(WATCH_S)


async def why(arguments: Namespace) -> int:
    """Print why charging or discharging is not allowed."""
    async with running(arguments.bus) as peer:
        items = await peer.items()
    if arguments.json:
        print(json.dumps({way: json.loads(_reasons(items, way)) for way in ("Charge", "Discharge")}, indent=2))
        return 0
    lines = [line for line in why_lines(items) if line]
    if items["/Io/AllowToDischarge"].value and items["/Io/PreAlarm"].value:
        lines.append("Pre-alarm: discharging ends soon; charge, or switch loads off")
    print("\n".join(lines) or "Charging and discharging are allowed.")
    return 0


def _reasons(items: Mapping[str, Item], way: str) -> str:
    return str(items[f"/Info/Reasons/{way}"].value or "[]")


async def history(arguments: Namespace) -> int:
    """Print the history page; with --clear, clear it."""
    async with running(arguments.bus) as peer:
        if arguments.clear:
            done = await peer.set("/History/Clear", 1)
            print("The history is cleared." if done else "The history was not cleared.", file=sys.stderr)
            return 0 if done else 1
        items = await peer.items()
    if arguments.json:
        print(to_json({path: item for path, item in items.items() if path.startswith(("/History/", "/Diagnostics/"))}))
    else:
        print("\n".join(history_page(items)))
    return 0


async def settings(arguments: Namespace) -> int:
    """Print every setting with what is allowed."""
    async with running(arguments.bus) as peer:
        items = await peer.items()
    rows = [(row, items[row.bus_path]) for row in SETTINGS if row.bus_path in items]
    if arguments.json:
        print(json.dumps({row.name: _setting(item) for row, item in rows}, indent=2))
        return 0
    for row, item in rows:
        value = next((word for word, code in row.words.items() if code == item.value), item.value)
        shown = "—" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        allowed = "" if item.minimum is None or row.words else f"{item.minimum:g}…{item.maximum:g}"
        allowed = allowed or ", ".join(row.words)
        print(f"  {row.name:<28}{shown:>10} {row.unit:<4} {allowed:<18} {row.text}")
    return 0


def _setting(item: Item) -> dict[str, object]:
    return {"value": item.value, "minimum": item.minimum, "maximum": item.maximum, "default": item.default}


def to_json(items: Mapping[str, Item]) -> str:
    """Every path with its value and text."""
    plain = {path: {"value": item.value, "text": item.text} for path, item in sorted(items.items())}
    return json.dumps(plain, indent=2)
