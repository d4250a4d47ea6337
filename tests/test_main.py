"""The program as a process: what it does not load."""

from __future__ import annotations

import subprocess
import sys

ALL_OF_IT = """
import sys
from smallbms.__main__ import main
sys.argv = ["smallbms", "--version"]
try:
    main()
except SystemExit as end:
    assert end.code == 0
import asyncio, hashlib, smallbms.app
print(hashlib.sha256(b"").hexdigest()[:8], [name for name in ("_ssl", "_hashlib") if sys.modules.get(name)])
"""


def test_it_runs_without_openssl() -> None:
    done = subprocess.run([sys.executable, "-c", ALL_OF_IT], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[1] == "e3b0c442 []"
    assert done.stderr == ""
