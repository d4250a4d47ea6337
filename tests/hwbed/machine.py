"""One boot of the test bed: a command on its kernel, with the files, the Python and the packages of this machine.

All files are read-only there but for memory at /run, where TMPDIR and HOME are. Nothing needs root; inside all is root.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from . import kernel

PROJECT = Path(__file__).parents[2]
INIT = Path(__file__).parent / "init.sh"
MEMORY_MB = 512
DEADLINE_S = 100.0
SHARED_MEMORY = Path("/dev/shm")
ENDED = re.compile(r"^the test bed ended: (?P<status>\d+)\r?\n", re.MULTILINE)
NEVER_ENDED = 125  # the status of a command whose end nobody saw
ENVIRONMENT = {
    "HOME": "/run/home",
    "HYPOTHESIS_STORAGE_DIRECTORY": "/run/hypothesis",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TMPDIR": "/run/tmp",
}


class Said(NamedTuple):
    """What a command left behind; its standard output and standard error are one."""

    status: int
    text: str


def boot(command: Sequence[str], *, seconds: float = DEADLINE_S) -> Said:
    """Run a command in the folder of the project; KernelError if there can be no kernel here."""
    image = kernel.built()
    with tempfile.TemporaryDirectory(prefix="boot-", dir=kernel.CACHE) as folder:
        script = Path(folder) / "command"
        environment = {"PATH": os.environ["PATH"], **ENVIRONMENT}
        settings = shlex.join(f"{name}={value}" for name, value in environment.items())
        script.write_text(f"#!/bin/sh\ncd {PROJECT}\nexec env -i {settings} {shlex.join(command)}\n", encoding="utf-8")
        script.chmod(0o755)
        text = _run([str(image), *_arguments(script)], Path(folder), seconds)
    ended = ENDED.search(text)
    return Said(int(ended["status"]), text[: ended.start()]) if ended else Said(NEVER_ENDED, text)


def _arguments(script: Path) -> list[str]:
    files = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"]
    first = ["init=/bin/sh", f"hwbed={script}", f"hwbed_python={sys.executable}", "--", str(INIT)]
    return [f"mem={MEMORY_MB}M", f"uml_dir={script.parent}", "con=null", "con0=null,fd:1", "quiet", *files, *first]


def _run(command: list[str], folder: Path, seconds: float) -> str:
    """What it said; killed at the deadline, with all that it started."""
    roomy = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > MEMORY_MB << 20
    memory = {"TMPDIR": str(SHARED_MEMORY if roomy else folder)}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=memory, text=True, errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        try:
            return process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"{process.communicate()[0]}\nthe test bed was killed after {seconds:g} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
