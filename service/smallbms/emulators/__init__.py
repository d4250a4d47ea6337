"""The battery's side of the wire, for tests and for people without the hardware."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

from smallbms import drivers
from smallbms.emulators.board import EmulatedBoard
from smallbms.emulators.pty import PtyServer
from smallbms.model import BatteryReading

BOARDS = {  # by driver: module and class
    "daly": ("daly", "DalyBoard"),
    "jbd": ("jbd", "JbdBoard"),
    "jk-pb": ("jk_pb", "JkPbBoard"),
    "pylontech": ("pylontech", "PylontechBoard"),
    "seplos": ("seplos", "SeplosBoard"),
}

CAN = "can-bms"


def make_board(name: str, state: Callable[[], BatteryReading]) -> EmulatedBoard:
    """A board for a driver, with the address that a battery of its protocol has from the start."""
    module, board = BOARDS[name]
    return cast(EmulatedBoard, getattr(importlib.import_module(f"{__name__}.{module}"), board)(state))


async def play(name: str, path: Path, state: Callable[[], BatteryReading]) -> None:
    """A battery behind `path`, at its protocol's pace, until cancelled; for CAN `path` is the interface.

    Raises OSError if no port can be made there.
    """
    if name == CAN:
        from smallbms.emulators.can_bms import play_can

        await play_can(str(path), state)
        return
    baud = drivers.make(name, port=str(path)).INFO.baud
    await PtyServer(make_board(name, state), path, baud=baud).run()
