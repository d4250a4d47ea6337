"""`python -m smallbms` and the command `smallbms`."""

from __future__ import annotations

import sys

_OPENSSL = ("ssl", "_hashlib")


def main() -> int:
    """Run one command; its exit status."""
    # asyncio and pydantic load OpenSSL where they find it, 5 MB in memory of which nothing is used here
    sys.modules.update(dict.fromkeys(_OPENSSL))  # type: ignore[arg-type]
    from smallbms.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
