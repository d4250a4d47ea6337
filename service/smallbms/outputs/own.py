"""Start an outputs process of one's own, where no supervisor does (demo, `run --own-outputs`)."""

from __future__ import annotations

import asyncio
import os
import sys

from smallbms.errors import OutputError

START_S = 10.0


async def spawn(path: str, *arguments: str) -> int | None:
    """Start a process that outlives this one and ends by itself; return its pid, None if one served already.

    Raises OutputError.
    """
    if await _serves(path):
        return None
    command = [sys.executable, "-s", "-B", "-m", "smallbms.outputs", "--socket", path, "--own", *arguments]
    pid = os.posix_spawn(sys.executable, command, os.environ, setsid=True)
    try:
        async with asyncio.timeout(START_S):
            while not await _serves(path):
                await asyncio.sleep(0.02)
                if os.waitpid(pid, os.WNOHANG)[0]:
                    raise OutputError(f"the outputs process for {path} ended at once; its log says why")
    except TimeoutError:
        raise OutputError(f"the outputs process for {path} does not serve after {START_S:g} s") from None
    return pid


async def _serves(path: str) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
