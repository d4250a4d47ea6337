"""The outputs process of one's own: started, taken over, started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from outputs_process import ALL_ON, DEADLINE_S, PINS_SAFE, Outputs

from smallbms.errors import OutputError
from smallbms.outputs.own import OwnOutputs


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not what():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def own_outputs(outputs: Outputs) -> AsyncIterator[OwnOutputs]:
    own = OwnOutputs(str(outputs.socket), "--alone-s=60")
    await own.start()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(own.run())
        try:
            yield own
        finally:
            task.cancel()
            os.kill(own.pid, signal.SIGKILL)


async def test_it_is_started_once_and_outlives_us(outputs: Outputs) -> None:
    own, second = (OwnOutputs(str(outputs.socket), "--alone-s=0.3") for _ in range(2))
    await own.start()
    try:
        assert os.getsid(own.pid) == own.pid
        await second.start()
        assert second.pid == own.pid
        second.stop()
        assert outputs.control().beat(outputs=ALL_ON)["state"]["pid"] == own.pid
        outputs.talkers[0].close()
    finally:
        await asyncio.to_thread(os.waitpid, own.pid, 0)
    assert json.loads(outputs.pins_file.read_text()) == PINS_SAFE


async def test_it_is_started_again_when_it_was_killed(outputs: Outputs) -> None:
    async with own_outputs(outputs) as own:
        outputs.control().beat()
        for _ in range(2):
            first = own.pid
            os.kill(first, signal.SIGKILL)
            await until(lambda first=first: own.pid != first and outputs.serves())
            assert outputs.shown() == PINS_SAFE


async def test_one_that_served_already_is_replaced_when_it_ends(outputs: Outputs) -> None:
    found = outputs.start()
    async with own_outputs(outputs) as own:
        assert own.pid == found.pid
        found.kill()
        await asyncio.to_thread(found.wait, DEADLINE_S)
        await until(lambda: own.pid != found.pid and outputs.serves())


async def test_it_is_tried_again_when_it_cannot_start(outputs: Outputs, caplog: pytest.LogCaptureFixture) -> None:
    async with own_outputs(outputs) as own:
        first = own.pid
        outputs.socket.unlink()
        outputs.socket.write_text("no socket")
        os.kill(first, signal.SIGKILL)
        await until(lambda: any("ended at once" in message for message in caplog.messages))
        outputs.socket.unlink()
        await until(lambda: own.pid != first and outputs.serves())


async def test_one_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    path.write_text("no socket")
    own = OwnOutputs(str(path))
    with pytest.raises(OutputError, match="ended at once"):
        await own.start()
    own.stop()  # nothing to end
