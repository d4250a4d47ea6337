"""`python -m smallbms` and the command `smallbms`."""

from __future__ import annotations

import sys

from smallbms import openssl


def main() -> int:
    """Run one command; its exit status."""
    openssl.leave_out()
    from smallbms.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
