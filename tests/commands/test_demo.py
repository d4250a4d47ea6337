"""The commands that run something: demo, emulate, and run beside them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from integration.client import Client
from integration.harness import BOTH_ON, System
from integration.programs import DEADLINE_S, environment, run_command, wait_for


@asynccontextmanager
async def started(folder: Path, *arguments: str) -> AsyncIterator[Process]:
    """A command that runs until it is stopped."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "smallbms", *arguments, env=environment(folder), stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: Process, number: signal.Signals) -> tuple[int | None, str]:
    """Stop it; its status and what it said."""
    process.send_signal(number)
    async with asyncio.timeout(DEADLINE_S):
        _, err = await process.communicate()
    return process.returncode, err.decode()


async def test_the_demo_ends_by_itself_with_0(tmp_path: Path) -> None:
    """It runs on a bus of its own, with an outputs process of its own that goes with it."""
    runtime = tmp_path / "run"
    result = await run_command(tmp_path, "demo", "--seconds", "3", "--runtime", str(runtime))
    assert result.status == 0, result
    assert "4 batteries read, charge yes, discharge yes, state of charge 60" in result.out
    assert "trip" not in result.err
    await wait_for(lambda: not (runtime / "outputs.sock").exists(), "the end of its outputs process")
    assert not (runtime / "bus").exists()


async def test_the_demo_can_be_looked_at_as_it_says(tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    async with started(tmp_path, "demo", "--runtime", str(runtime)) as demo:
        assert demo.stdout is not None
        greeting = ""
        async with asyncio.timeout(DEADLINE_S):
            while "Ctrl-C" not in greeting:
                greeting += (await demo.stdout.readline()).decode()
        address = next(word for word in greeting.split() if word.startswith("--bus=")).removeprefix("--bus=")
        client = await Client.connect(address)
        try:
            await client.shows({**BOTH_ON, "/Soc": lambda pct: pct is not None})
            changed = await run_command(tmp_path, "set", "discharge_floor", "70", "--bus", address)
            assert changed.status == 0
            await client.shows({"/Io/AllowToDischarge": 0})
            why = await run_command(tmp_path, "why", "--bus", address)
            assert "the discharge floor is 70 %" in why.out
        finally:
            await client.close()
        status, err = await ended(demo, signal.SIGINT)
        assert (status, "Traceback" in err) == (0, False)


@pytest.mark.parametrize("driver", ["jbd", "daly", "jk-pb"])
async def test_an_emulated_board_is_run_as_it_says(tmp_path: Path, driver: str) -> None:
    """What `emulate` prints goes into the configuration as it is."""
    port = tmp_path / "port"
    system = System(tmp_path)
    try:
        await system.daemon.start()
        async with started(tmp_path, "emulate", driver, "--port", str(port), "--soc", "44") as emulator:
            assert emulator.stdout is not None
            async with asyncio.timeout(DEADLINE_S):
                said = [(await emulator.stdout.readline()).decode() for _ in range(5)]
            table = "".join(said[1:])
            config = system.config()
            before, after = config.index("[[battery]]"), config.index("[outputs]")
            system.config_file.write_text(config[:before] + table + config[after:], encoding="utf-8")
            await wait_for(port.exists, "the port")
            await system.start_outputs()
            await system.start_main()
            system.client = await system.connect()
            items = await system.client.shows({**BOTH_ON, "/Soc": lambda pct: pct is not None})
            assert abs(items["/Soc"] - 44.0) <= 1.0
            assert items["/InstalledCapacity"] == 200.0
            assert await ended(emulator, signal.SIGINT) == (0, "")
            assert not port.is_symlink()
    finally:
        await system.stop()


async def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    result = await run_command(tmp_path, "emulate", "jbd", "--model", "13/37", "--port", str(tmp_path / "jbd"))
    assert result.status == 2
    assert result.err.startswith("model '13/37' is not in the table; there are 12.8/100")


async def test_a_file_in_the_place_of_the_port_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("data", encoding="utf-8")
    result = await run_command(tmp_path, "emulate", "jbd", "--port", str(file))
    assert result.status == 2
    assert result.err == f"no port can be made at {file}: {file} exists and is no link: choose another name\n"
    assert file.read_text(encoding="utf-8") == "data"


async def test_a_port_in_a_directory_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    result = await run_command(tmp_path, "emulate", "jbd", "--port", str(tmp_path / "missing" / "jbd"))
    assert result.status == 2
    assert result.err == f"no port can be made at {tmp_path}/missing/jbd: No such file or directory\n"


async def test_own_outputs_stay_for_a_while_after_the_main_process(tmp_path: Path) -> None:
    """So that an update may replace it; they float meanwhile."""
    system = System(tmp_path)
    try:
        await system.daemon.start()
        await system.battery.start()
        with (tmp_path / "log").open("wb") as log:  # a pipe would stay open with the outputs process
            main = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "smallbms", *system.run_arguments(), "--own-outputs",
                env=environment(tmp_path), stderr=log,
            )  # fmt: skip
        await system.pins(charge_disconnect=True, load_disconnect=True)
        main.terminate()
        assert await main.wait() == 0
        await system.pins(charge_disconnect=False, load_disconnect=False)
        assert await system.beats() > 0
        assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")
    finally:
        await system.stop()
        os.kill(int((system.runtime / "outputs.sock.lock").read_text(encoding="ascii")), signal.SIGTERM)
    await wait_for(lambda: not system.socket.exists(), "the end of the outputs process")
