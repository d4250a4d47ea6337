"""`python -m smallbms.outputs.safe SOCKET`: every output off, for a supervisor whose outputs process has ended.

Where a kernel keeps the level of a pin that nobody holds, a killed process would leave its outputs on.
"""

from __future__ import annotations

import sys
import time

from smallbms.outputs import pinout
from smallbms.outputs.console import say
from smallbms.outputs.files import load_object
from smallbms.outputs.pins import Board


def main(words: list[str]) -> int:
    """Switch off what the outputs process at that socket held; 1 if that is not known or cannot be done."""
    if len(words) != 1:
        say("usage: python3 -m smallbms.outputs.safe SOCKET")
        return 2
    try:
        pins = load_object(f"{words[0]}.saved")["pins"]
        if not isinstance(pins, dict):
            return 0  # it has never held a pin
        board = Board(pinout.parse(pins), time.monotonic())
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, KeyError, TypeError) as error:
        say(f"outputs cannot be switched off: {error!r}")
        return 1
    errors = board.read(time.monotonic()).errors
    board.close(time.monotonic())
    for name, text in errors.items():
        say(f"{name}: {text}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
