"""What only a process of its own can show: its end, its limits, its last words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from smallbms.store import Files, SlotFile


def run_script(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_bug_in_the_worker_ends_the_process(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from smallbms.store import Files, Store
class Buggy(Files):
    def fsync(self, descriptor):
        raise AssertionError("a bug")
async def main():
    store = Store(Path(sys.argv[1]), files=Buggy())
    store.save("state", {"n": 1}, urgent=True)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(store.run())
    finally:
        print(await store.close())
asyncio.run(main())
"""
    ended = run_script(script, tmp_path)
    assert ended.returncode == 1
    assert ended.stdout == "False\n"
    assert "AssertionError: a bug" in ended.stderr
    assert "RuntimeError: the store's worker died" in ended.stderr


def test_a_process_ends_while_its_disk_hangs(tmp_path: Path) -> None:
    script = """
import asyncio, sys, time
from pathlib import Path
from smallbms.store import Files, Store
class Hanging(Files):
    def fsync(self, descriptor):
        time.sleep(60)
store = Store(Path(sys.argv[1]), files=Hanging())
store.save("state", {"n": 1}, urgent=True)
print(asyncio.run(store.close(timeout_s=0.1)))
"""
    assert run_script(script, tmp_path).stdout == "False\n"


@pytest.mark.parametrize("limit_bytes", [0, 40, 3000])
def test_a_full_disk_of_the_kernel(tmp_path: Path, limit_bytes: int) -> None:
    script = """
import asyncio, resource, signal, sys
from pathlib import Path
from smallbms.store import Store
async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = Store(Path(sys.argv[1]))
    run = asyncio.create_task(store.run())
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    store.save("state", {"n": 2, "fill": "x" * 4000}, urgent=True)
    store.log({"fill": "x" * 4000})
    while "event log" not in str(store.error) or "state" not in str(store.error):
        await asyncio.sleep(0.005)
    print(store.error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(await store.close(), len(await store.events(10)))
    await run
asyncio.run(main())
"""
    SlotFile(tmp_path, "state", Files()).write({"n": 1})
    ended = run_script(script, tmp_path, limit_bytes)
    assert ended.stdout.count("File too large") == 2
    assert ended.stdout.endswith("True 1\n")
    assert (SlotFile(tmp_path, "state", Files()).load().data or {})["n"] == 2
