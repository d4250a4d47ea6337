"""A serial line on a real pseudo-terminal with emulated boards, and patience instead of sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from smallbms import drivers
from smallbms.drivers.base import Driver
from smallbms.emulators.jbd import JbdBoard
from smallbms.emulators.pty import Board, PtyServer
from smallbms.links.serial import SerialLine
from smallbms.model import BatteryReading, Identity

DEADLINE_S = 20.0  # only a broken line takes so long
STATE = BatteryReading(
    taken_at_s=0.0,
    cells_taken_at_s=0.0,
    identity=Identity(key=""),
    voltage_v=13.2,
    current_a=-4.5,
    cell_voltages_v=(3.3, 3.301, 3.302, 3.299),
    cell_temperatures_c=(22.4, 22.3),
    remaining_ah=50.0,
    capacity_ah=100.0,
    soc_pct=50.0,
)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running(*jobs: Callable[[], asyncio.Future[None]]) -> AsyncIterator[None]:
    """Run in the background while inside."""
    tasks = [asyncio.ensure_future(job()) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


@dataclass
class Rig:
    path: Path
    server: PtyServer
    line: SerialLine
    readings: list[tuple[int, BatteryReading]] = field(default_factory=list)
    frame_errors: list[tuple[int, str]] = field(default_factory=list)

    async def another_reading(self, count: int = 1) -> BatteryReading:
        wanted = len(self.readings) + count
        await until(lambda: len(self.readings) >= wanted)
        return self.readings[-1][1]


def make_rig(
    folder: Path,
    board: Board,
    units: Mapping[int, Driver] | None = None,
    *,
    poll_s: float = 0.01,
    baud: int = 115200,
    paced_baud: int = 0,
    turnaround_s: float = 0.02,
) -> Rig:
    """`paced_baud` 0: the board answers at once."""
    path = folder / "adapter"
    server = PtyServer(board, path, baud=paced_baud, turnaround_s=turnaround_s)
    readings: list[tuple[int, BatteryReading]] = []
    frame_errors: list[tuple[int, str]] = []
    line = SerialLine(
        str(path),
        units or {1: drivers.make("jbd", port=str(path))},
        baud=baud,
        poll_s=poll_s,
        on_reading=lambda number, reading: readings.append((number, reading)),
        on_frame_error=lambda number, text: frame_errors.append((number, text)),
    )
    return Rig(path, server, line, readings, frame_errors)


def jbd_board() -> JbdBoard:
    return JbdBoard(lambda: STATE)
