"""Run a command on the test bed, a kernel with simulated hardware: python tests/hwbed COMMAND ARGUMENT …

Without a command the kernel is built, if it is not there, and its place is printed. The status is the command's.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `python tests/hwbed` puts only this folder there

from hwbed import kernel
from hwbed.machine import boot


def main(command: list[str]) -> int:
    try:
        if not command:
            print(kernel.built())
            return 0
        status, text = boot(command)
    except kernel.KernelError as error:
        print(error, file=sys.stderr)
        return 1
    print(text, end="")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
