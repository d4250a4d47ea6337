"""`python -m smallbms` and the command `smallbms`."""

from __future__ import annotations

import sys

from smallbms.cli import main

if __name__ == "__main__":
    sys.exit(main())
