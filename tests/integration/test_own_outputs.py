"""`run --own-outputs`: the outputs process has no supervisor but the main process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from smallbms.outputs.visitor import Visitor

from .harness import System


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_it_is_started_again_when_it_died_or_hung(tmp_path: Path, end: signal.Signals) -> None:
    system = System(tmp_path)
    outputs = Visitor(str(system.socket))
    last = 0
    try:
        await system.daemon.start()
        await system.battery.start()
        main = await system.run("smallbms", *system.run_arguments(), "--own-outputs")
        for _ in range(2):
            await system.pins(charge_disconnect=True, load_disconnect=True)
            assert outputs.state().pid != last
            last = outputs.state().pid
            os.kill(last, end)
            await system.floating()
        await system.pins(charge_disconnect=True, load_disconnect=True)
        main.send(signal.SIGKILL)
        os.kill(outputs.state().pid, signal.SIGTERM)
        await main.ended()  # what it said is heard to the end: the outputs process, too, wrote there
    finally:
        await system.stop()
