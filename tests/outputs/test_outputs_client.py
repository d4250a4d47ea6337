"""The asyncio client against the real process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from outputs_process import DEADLINE_S, PINS_ON, PINS_SAFE, Outputs

from smallbms.errors import OutputError
from smallbms.outputs.client import OutputsClient
from smallbms.outputs.protocol import Code, Command, Led, Refused
from smallbms.outputs.state import State, decode
from smallbms.outputs.update import UpdatePhase
from smallbms.outputs.visitor import Visitor

ON = Command(atc=True, atd=True, pre_alarm=True, blue_led=Led.BLINK)
CALM = ON._replace(pre_alarm=False)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not what():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(outputs: Outputs) -> AsyncIterator[OutputsClient]:
    client = OutputsClient(str(outputs.socket), outputs.pins)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(client.run())
        try:
            yield client
        finally:
            task.cancel()


async def command(client: OutputsClient, outputs: Command = ON, **flags: bool) -> State:
    """Send until the process has obeyed this very command."""

    def obeyed() -> bool:
        if client.state is not None and client.state.commanded == outputs and client.error is None:
            return True
        client.send(outputs, time.monotonic(), **flags)
        return False

    await until(obeyed)
    assert client.state is not None
    return client.state


async def test_a_command_is_on_the_pins(outputs: Outputs) -> None:
    outputs.start(silence_s=60.0)
    async with running(outputs) as client:
        state = await command(client)
        assert (state.pins, state.applied, state.armed, state.remote.on) == (PINS_ON, ON, True, True)
        assert outputs.shown() == PINS_ON
    await until(lambda: outputs.shown() == PINS_SAFE)


async def test_it_waits_for_the_process_and_comes_back_after_it(outputs: Outputs) -> None:
    async with running(outputs) as client:
        await until(lambda: client.error is not None and "outputs.sock" in str(client.error))
        assert client.state is None
        process = outputs.start()
        await command(client)
        process.kill()
        process.wait(DEADLINE_S)
        client.send(ON, time.monotonic())
        await until(lambda: client.state is None and client.error is not None)
        outputs.start()
        await command(client)
        assert outputs.shown() == PINS_ON


async def test_it_arms_again_after_its_own_silence(outputs: Outputs) -> None:
    outputs.start()
    async with running(outputs) as client:
        await command(client)
        await until(lambda: outputs.shown() == PINS_SAFE)
        client.send(ON, time.monotonic())
        await until(lambda: isinstance(client.error, Refused))
        assert isinstance(client.error, Refused)
        assert client.error.code is Code.NOT_ARMED
        await command(client)


async def test_an_old_command_is_an_error_that_the_next_one_clears(outputs: Outputs) -> None:
    outputs.start(silence_s=60.0)
    async with running(outputs) as client:
        await command(client)
        client.send(ON, time.monotonic() - 5.0)
        await until(lambda: isinstance(client.error, Refused) and client.error.code is Code.TOO_OLD)
        await command(client)


async def test_only_the_latest_command_is_sent(outputs: Outputs) -> None:
    outputs.start(silence_s=60.0)
    async with running(outputs) as client:
        before = (await command(client)).sequence
        for _ in range(100):
            client.send(ON, time.monotonic())
        client.send(CALM, time.monotonic())
        await until(lambda: client.state is not None and client.state.commanded == CALM)
        assert before is not None and client.state is not None
        assert client.state.sequence is not None and client.state.sequence <= before + 2


async def test_a_process_that_does_not_answer_is_an_error_and_the_loop_goes_on(outputs: Outputs) -> None:
    process = outputs.start()
    async with running(outputs) as client:
        await command(client)
        os.kill(process.pid, signal.SIGSTOP)
        client.send(ON, time.monotonic())
        await until(lambda: client.error is not None and "does not answer" in str(client.error))
        os.kill(process.pid, signal.SIGCONT)
        await command(client)
        assert process.poll() is None


async def test_a_process_that_goes_on_not_answering_is_killed_and_the_next_one_is_commanded(
    outputs: Outputs, caplog: pytest.LogCaptureFixture
) -> None:
    process = outputs.start()
    async with running(outputs) as client:
        await command(client)
        os.kill(process.pid, signal.SIGSTOP)
        client.send(ON, time.monotonic())
        assert await asyncio.to_thread(process.wait, DEADLINE_S) == -signal.SIGKILL
        assert caplog.messages == [f"the outputs process {process.pid} did not answer 3 times and was killed"]
        outputs.start()
        assert outputs.shown() == PINS_SAFE
        await command(client)


async def test_wrong_pins_are_told_in_the_words_of_the_process(outputs: Outputs) -> None:
    outputs.pins = {"outputs": {"kind": "gpio", "charge_disconnect": 17}}
    outputs.start()
    async with running(outputs) as client:
        await until(lambda: isinstance(client.error, Refused) and client.error.code is Code.BAD_PINS)
        assert "outputs.charge_disconnect.chip is missing" in str(client.error)


def phase(client: OutputsClient) -> UpdatePhase | None:
    client.send(CALM, time.monotonic())
    return client.state.update.phase if client.state else None


async def until_refused(client: OutputsClient, code: Code) -> None:
    """Send until the process has refused something for this."""

    def refused() -> bool:
        client.send(CALM, time.monotonic())
        last = client.state.last_refusal if client.state else None
        return last is not None and last.code == code

    await until(refused)


async def test_an_update_from_begin_to_healthy(outputs: Outputs) -> None:
    outputs.start(silence_s=60.0)
    async with running(outputs) as client:
        await command(client, CALM)
        await asyncio.to_thread(Visitor(str(outputs.socket)).begin, "2.0")
        client.healthy_soon("1.0")
        await until_refused(client, Code.REPLACED)
        assert (await command(client, CALM)).applied.atd
    async with running(outputs) as client:
        state = await command(client, CALM)
        assert (state.applied.atc, state.applied.atd) == (False, True)
        client.healthy_soon("1.0")
        await until(lambda: phase(client) is UpdatePhase.FAILED)
        client.acknowledge_soon()
        await until(lambda: phase(client) is UpdatePhase.NONE)


@pytest.mark.parametrize("line", [b"nonsense\n", b"[]\n", b"{}\n", b'{"ok": true, "state": {}}\n', b"x" * 100_000, b""])
async def test_a_peer_that_is_no_outputs_process(tmp_path: Path, line: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.readline()
            writer.write(line)
            await writer.drain()
        writer.close()

    path = str(tmp_path / "sock")
    client = OutputsClient(path, {})
    async with await asyncio.start_unix_server(serve, path):
        task = asyncio.create_task(client.run())
        await until(lambda: client.error is not None and "the outputs process" in str(client.error))
        assert client.state is None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


MISMATCH = "this process speaks protocol 2, the client 1"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"ok": False, "code": "protocol_mismatch", "text": MISMATCH, "state": {}}, MISMATCH),
        (None, "the outputs process closed the connection"),
    ],
)
async def test_one_that_turns_us_away_is_told_once_in_its_words_and_does_not_hang(
    tmp_path: Path, answer: object, says: str
) -> None:
    turned_away = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turned_away
        turned_away += 1
        await reader.readline()
        if answer is not None:
            writer.write(json.dumps(answer).encode() + b"\n")
            await reader.read()
        writer.close()

    path = tmp_path / "sock"
    told: list[str] = []
    client = OutputsClient(str(path), {}, on_state=lambda: told.append(str(client.error)))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(client.run())
        await until(lambda: len(told) == 1)  # nobody there is told, too
        async with await asyncio.start_unix_server(serve, str(path)):
            await until(lambda: turned_away == 4)  # more than are missed before it is killed
            task.cancel()
    assert told == [f"{path}: [Errno 2] No such file or directory", says]


@pytest.mark.parametrize("wrong", [{}, {"protocol": 1}])
def test_a_state_that_is_none(wrong: dict[str, object]) -> None:
    with pytest.raises(OutputError):
        decode(wrong)
