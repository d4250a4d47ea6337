"""The commands that change the running service: set, synchronise, reset-to-defaults, acknowledge."""

from __future__ import annotations

import sys
from argparse import Namespace

from smallbms.commands.peer import Item, running
from smallbms.errors import SettingsError
from smallbms.setting_row import Bounds, SettingRow, Value, checked
from smallbms.settings import ACTIONS, SET_SOC, SETTINGS
from smallbms.wording import figure

_ROWS = {row.name: row for row in (*SETTINGS, SET_SOC)}
_UNITS = ("_cell_v", "_pct", "_min", "_v")


async def set_value(arguments: Namespace) -> int:
    """Change one setting; names may leave out their unit."""
    row = _row(arguments.name)
    async with running(arguments.bus) as peer:
        items = await peer.items()
        value = checked(row, arguments.value, _bounds(row, items.get(row.bus_path)))
        if not await peer.set(row.bus_path, value):
            raise SettingsError(f"{row.title} ({row.name}) = {arguments.value} is refused: {_hint(row)}")
    print(f"{row.title}: {_shown(row, value)}")
    return 0


async def synchronise(arguments: Namespace) -> int:
    """Say that the bank is full (manual §4.3)."""
    return await _act("synchronise", arguments)


async def reset_to_defaults(arguments: Namespace) -> int:
    """Restore the five settings of the manual's §5.1.2."""
    return await _act("reset_defaults", arguments)


async def acknowledge(arguments: Namespace) -> int:
    """Say that the alarms were seen, and faults mended."""
    return await _act("acknowledge", arguments)


async def _act(name: str, arguments: Namespace) -> int:
    action = next(action for action in ACTIONS if action.name == name)
    async with running(arguments.bus) as peer:
        done = await peer.set(action.bus_path, 1)
    print(f"{action.title}: {'done' if done else 'refused'}", file=sys.stdout if done else sys.stderr)
    return 0 if done else 1


def _row(name: str) -> SettingRow:
    wanted = name.lower().replace("-", "_").replace(" ", "_")
    short = {row_name.removesuffix(unit): row for row_name, row in _ROWS.items() for unit in _UNITS}
    row = _ROWS.get(wanted) or short.get(wanted)
    if row is None:
        raise SettingsError(f"{name!r} is no setting; there are {', '.join(_ROWS)}")
    return row


def _shown(row: SettingRow, value: Value) -> str:
    if row.words:
        return next(word for word, code in row.words.items() if code == value)
    return value if isinstance(value, str) else f"{figure(value)} {row.unit}"


def _bounds(row: SettingRow, item: Item | None) -> Bounds:
    """What the service allows now, in the bus's unit."""
    if item is None or item.minimum is None:
        return row.bounds
    return Bounds(minimum=item.minimum, maximum=item.maximum)


def _hint(row: SettingRow) -> str:
    if row.name == "low_soc_warning_pct":
        return "it must be above the discharge floor"
    return "the service's log says why"
