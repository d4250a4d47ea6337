"""JBD batteries on pseudo-terminals, paced as real wires are, in a process of their own.

    python -m bench.battery_process FOLDER COUNT

Each line of stdin is a JSON object: `battery` (from 1) and what is to become of it: `cell_v` (its first cell; null =
as the others), `mishap` (names of emulators.jbd.Mishap, or GARBAGE), `protection` (bits), `pack` (the data of register
0x03 as hex; null = its own). The answer: `at_s` (CLOCK_MONOTONIC) and `polls` so far, by battery.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from smallbms.drivers.jbd import READ, START, Register
from smallbms.emulators.board import Mishap
from smallbms.emulators.jbd import JbdBoard
from smallbms.emulators.pty import PtyServer
from smallbms.model import BatteryReading, Identity

CELLS = 16
CAPACITY_AH = 280.0
REST_CELL_V = 3.33
NOISE_V = 0.002
PACK_REQUEST = bytes((START, READ, Register.PACK))
GARBAGE = "GARBAGE"
GARBAGE_BYTES = 60


class ActedBattery:
    """A battery that becomes what is ordered."""

    def __init__(self, seed: int) -> None:
        self.board = JbdBoard(self._reading)
        self.polls = 0
        self._random = Random(seed)
        self._cell_v: float | None = None
        self._garbage = False

    def receive(self, data: bytes) -> bytes:
        self.polls += data.count(PACK_REQUEST)
        reply = self.board.receive(data)
        return self._random.randbytes(GARBAGE_BYTES) if self._garbage else reply

    def act(self, order: dict[str, Any]) -> None:
        """Become what was ordered."""
        if "cell_v" in order:
            self._cell_v = order["cell_v"]
        if "protection" in order:
            self.board.protection = order["protection"]
        if "pack" in order:
            self.board.payloads = {} if order["pack"] is None else {Register.PACK: bytes.fromhex(order["pack"])}
        if "mishap" in order:
            names = order["mishap"].split()
            self._garbage = GARBAGE in names
            self.board.mishaps = Mishap.NONE
            for name in names:
                self.board.mishaps |= Mishap[name] if name != GARBAGE else Mishap.NONE

    def _reading(self) -> BatteryReading:
        return charged(self._random, self._cell_v)


def charged(random: Random, first_cell_v: float | None = None, cells: int = CELLS) -> BatteryReading:
    """A battery that is charged with 20 A, with the noise of real measurements."""
    noisy = random.gauss
    cells_v = [REST_CELL_V + noisy(0.0, NOISE_V) for _ in range(cells)]
    if first_cell_v is not None:
        cells_v[0] = first_cell_v
    return BatteryReading(
        taken_at_s=0.0,
        cells_taken_at_s=0.0,
        identity=Identity(key=""),
        voltage_v=sum(cells_v),
        current_a=20.0 + noisy(0.0, 0.3),
        cell_voltages_v=tuple(cells_v),
        cell_temperatures_c=(25.0 + noisy(0.0, 0.1), 25.0 + noisy(0.0, 0.1)),
        charge_switch_on=True,
        discharge_switch_on=True,
        remaining_ah=CAPACITY_AH / 2,
        capacity_ah=CAPACITY_AH,
        soc_pct=50.0,
        cycles=12,
        balancing_cells=(),
    )


async def main(folder: Path, count: int) -> None:
    batteries = [ActedBattery(seed) for seed in range(count)]
    async with asyncio.TaskGroup() as tasks:
        lines = [
            tasks.create_task(PtyServer(battery, folder / f"battery{number}").run())
            for number, battery in enumerate(batteries, 1)
        ]
        await asyncio.sleep(0)
        _answer(batteries)
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            batteries[order.get("battery", 1) - 1].act(order)
            _answer(batteries)
        for task in lines:
            task.cancel()


def _answer(batteries: list[ActedBattery]) -> None:
    answer = {"at_s": time.monotonic(), "polls": [battery.polls for battery in batteries]}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
