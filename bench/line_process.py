"""JK boards on shared RS485 lines, which are pseudo-terminals paced as real wires are, in a process of their own.

    python -m bench.line_process FOLDER LINES BOARDS

Each line of stdin is answered: `polls` so far, and `gap_s`, the longest time since the last answer that a board was not
asked.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from random import Random

from bench.battery_process import charged
from smallbms.emulators.board import SharedLine
from smallbms.emulators.jk_pb import JkPbBoard
from smallbms.emulators.pty import PtyServer
from smallbms.model import BatteryReading

BAUD = 115200
TURNAROUND_S = 0.02
CELLS = 8  # no bank of 16 may have 50


class WatchedBoard(JkPbBoard):
    """Notes when it is asked."""

    def __init__(self, seed: int, address: int) -> None:
        self._random = Random(seed)
        super().__init__(self._noisy, address=address)
        self.polls = 0
        self.gap_s = 0.0
        self._asked_at_s = time.monotonic()

    def _answer(self, asked: bytes) -> bytes:
        now_s = time.monotonic()
        self.gap_s, self._asked_at_s = max(self.gap_s, now_s - self._asked_at_s), now_s
        self.polls += 1
        return super()._answer(asked)

    def _noisy(self) -> BatteryReading:
        return charged(self._random, cells=CELLS)


async def main(folder: Path, lines: int, boards: int) -> None:
    by_line = [[WatchedBoard(100 * line + at, at) for at in range(1, boards + 1)] for line in range(lines)]
    everyone = [board for line in by_line for board in line]
    async with asyncio.TaskGroup() as tasks:
        servers = [
            tasks.create_task(
                PtyServer(SharedLine(line), folder / f"line{number}", baud=BAUD, turnaround_s=TURNAROUND_S).run()
            )
            for number, line in enumerate(by_line, 1)
        ]
        await asyncio.sleep(0)
        _answer(everyone)
        while await asyncio.to_thread(sys.stdin.readline):
            _answer(everyone)
        for server in servers:
            server.cancel()


def _answer(boards: list[WatchedBoard]) -> None:
    answer = {"polls": sum(board.polls for board in boards), "gap_s": max(board.gap_s for board in boards)}
    for board in boards:
        board.gap_s = 0.0
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
