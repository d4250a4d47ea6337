"""The main process on a machine that can be made worse while it runs: python rigged_main.py FOLDER ARGUMENTS

ARGUMENTS are those of `smallbms`. FOLDER/clock holds by how many seconds the wall clock is wrong. While
FOLDER/read-only exists nothing below FOLDER/state can be written, for root neither. SIGUSR1 has FOLDER/tasks hold
the number of asyncio's tasks.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_true_time_s = time.time


def _wrong_time(file: Path) -> None:
    def wrong() -> float:
        try:
            return _true_time_s() + float(file.read_text(encoding="ascii"))
        except FileNotFoundError:
            return _true_time_s()

    time.time = wrong


def _read_only_disk(state: Path, flag: Path) -> None:
    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        match event, arguments:
            case "open", (str() | Path() as path, _, int(flags)) if flags & WRITING:
                pass
            case "os.rename" | "os.remove" | "os.mkdir", (str() | Path() as path, *_):
                pass
            case _:
                return
        if Path(path).is_relative_to(state) and flag.exists():
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    sys.addaudithook(refuse)


def _tell_tasks(file: Path) -> None:
    def tell(number: int, frame: FrameType | None) -> None:
        fresh = file.with_suffix(".new")
        fresh.write_text(str(len(asyncio.all_tasks())), encoding="ascii")
        fresh.rename(file)

    signal.signal(signal.SIGUSR1, tell)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    _wrong_time(folder / "clock")
    _read_only_disk(folder / "state", folder / "read-only")
    _tell_tasks(folder / "tasks")
    from smallbms.cli import main

    sys.exit(main(sys.argv[2:]))
