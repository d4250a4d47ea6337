"""`smallbms check --pins`: a person at a terminal is led through the outputs; real processes, simulated pins."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from configurations import batteries
from integration.programs import DEADLINE_S, Program, run_command
from outputs.outputs_process import PINS_SAFE, Talker
from smallbms.commands import pins_check
from smallbms.commands.pins_check import TRIALS, check_pins
from smallbms.errors import ConfigError, LinkError, OutputError

OFF = {name: "off" if name.endswith("_led") else False for name in PINS_SAFE}
ON = [{**OFF, trial.output: "on" if trial.output.endswith("_led") else True} for trial in TRIALS]


class Bench:
    """A configuration with simulated outputs in a folder, and a person's end of a terminal."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], keys: int) -> None:
        self.folder = folder
        self.pins_file = folder / "pins.json"
        self.config_file = folder / "smallbms.toml"
        self.runtime = folder / "run"
        self.socket = self.runtime / "outputs.sock"
        self.said = ""
        self._capsys = capsys
        self._keys = keys
        self.configure()

    def configure(self, **outputs: str) -> None:
        table = {"kind": '"simulated"', "state_file": f'"{self.pins_file}"', **outputs}
        lines = "\n".join(f"{key} = {value}" for key, value in table.items())
        self.config_file.write_text(f"{batteries(1)}[outputs]\n{lines}\n", encoding="utf-8")

    def start(self) -> asyncio.Task[int]:
        return asyncio.create_task(check_pins(Namespace(config=str(self.config_file))))

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.pins_file.read_text(encoding="utf-8"))
        return shown

    async def asked(self, question: str) -> str:
        """Wait for a question; what was said since the last one."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                self.said += self._capsys.readouterr().out
                before, found, after = self.said.partition(f"{question} [y/n] ")
                if found:
                    self.said = after
                    return before
                await asyncio.sleep(0.01)

    def type(self, text: str) -> None:
        os.write(self._keys, text.encode())

    async def answers(self, question: str, text: str = "y") -> str:
        before = await self.asked(question)
        self.type(f"{text}\n")
        return before

    def rest(self) -> str:
        return self.said + self._capsys.readouterr().out


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    keys, terminal = os.openpty()
    with open(terminal, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        made = Bench(tmp_path, capsys, keys)
        # never an outputs process of this machine
        monkeypatch.setattr(pins_check, "runtime_candidates", lambda environ: (made.runtime,))
        monkeypatch.setattr(pins_check, "BEAT_S", 0.05)
        yield made
    os.close(keys)


@pytest.fixture
async def outputs(bench: Bench) -> AsyncIterator[Program]:
    """The outputs process of a supervisor, which nobody commands."""
    bench.runtime.mkdir()
    program = Program(bench.folder, "smallbms.outputs", "--socket", str(bench.socket))
    await program.start()
    await program.said("smallbms-outputs at")
    yield program
    await program.kill()


async def test_each_output_is_on_alone_and_everything_off_before_between_and_after(bench: Bench) -> None:
    checking = bench.start()
    for trial, on in zip(TRIALS, ON, strict=True):
        before = await bench.asked("Switch it on?")
        assert f"Next is {trial.name}." in before
        assert ("Careful: " in before) is not trial.output.endswith("_led")
        assert bench.shown() == OFF
        bench.type("y\n")
        assert "  it reads back on\n" in await bench.asked(f"Is {trial.name} on now?")
        assert bench.shown() == on
        bench.type("Yes\n")
        assert "  it reads back off\n" in await bench.asked(f"Is {trial.name} off again?")
        assert bench.shown() == OFF
        bench.type("y\n")
    assert await checking == 0
    assert bench.shown() == PINS_SAFE
    said = bench.rest()
    assert "All outputs are off." in said
    assert said.count(": as it should be") == len(TRIALS)


async def test_what_is_not_as_it_should_be_is_told_at_the_end(bench: Bench) -> None:
    checking = bench.start()
    charge, load, *others = TRIALS
    await bench.answers("Switch it on?")
    await bench.answers(f"Is {charge.name} on now?", "n")
    await bench.answers(f"Is {charge.name} off again?", "no")
    await bench.answers("Switch it on?", "perhaps")  # asked again
    await bench.answers("Switch it on?")
    bench.type("y\n")  # too early: whether it is on can only be seen when it is
    await bench.asked(f"Is {load.name} on now?")
    await asyncio.sleep(0.1)
    assert not checking.done()
    bench.type("y\n")
    await bench.answers(f"Is {load.name} off again?")
    for _ in others:
        await bench.answers("Switch it on?", "n")
    assert await checking == 1
    said = bench.rest()
    assert f"{charge.name}: it was not seen on; it was not seen off" in said
    assert f"{load.name}: as it should be" in said
    assert said.count(": not tried") == len(others)


async def test_nobody_answers_and_the_output_goes_off_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins_check, "ON_S", 0.2)
    checking = bench.start()
    await bench.answers("Switch it on?")
    assert "no answer in 0.2 s" in await bench.asked(f"Is {TRIALS[0].name} off again?")
    assert bench.shown() == OFF
    checking.cancel()
    await asyncio.gather(checking, return_exceptions=True)
    assert bench.shown() == PINS_SAFE


async def test_an_outputs_process_that_is_there_is_used_and_left_alone(bench: Bench, outputs: Program) -> None:
    checking = bench.start()
    await bench.answers("Switch it on?")
    await bench.asked(f"Is {TRIALS[0].name} on now?")
    assert bench.shown() == ON[0]
    checking.cancel()  # Ctrl-C
    assert isinstance((await asyncio.gather(checking, return_exceptions=True))[0], asyncio.CancelledError)
    assert "All outputs are off.\nStart the service again (" in bench.rest()
    assert bench.shown() == PINS_SAFE
    assert outputs.running
    await outputs.said("the controlling client is gone: disarmed")


async def test_a_terminal_that_is_gone_is_nobody_to_ask(bench: Bench, outputs: Program) -> None:
    checking = bench.start()
    await bench.answers("Switch it on?")
    await bench.asked(f"Is {TRIALS[0].name} on now?")
    bench.type("\x04")  # Ctrl-D
    with pytest.raises(LinkError, match="nobody is there"):
        await checking
    assert bench.shown() == PINS_SAFE


async def test_it_is_refused_while_the_service_commands(bench: Bench, outputs: Program) -> None:
    talker = Talker(bench.socket)
    try:
        talker.take_control({"outputs": {"kind": "simulated", "state_file": str(bench.pins_file)}})
        with pytest.raises(OutputError, match=r"stop it first \(on a GX: svc -d .*, on Debian: systemctl stop"):
            await bench.start()
    finally:
        talker.close()


async def test_it_is_refused_while_an_update_is_under_way(bench: Bench, outputs: Program) -> None:
    installer = Talker(bench.socket)
    try:
        assert installer.install("update_begin", "2.0")["ok"]
        with pytest.raises(OutputError, match="an update is under way"):
            await bench.start()
    finally:
        installer.close()


async def test_a_remote_that_is_off_holds_everything_off_and_that_is_said(bench: Bench) -> None:
    remote = bench.folder / "remote.json"
    remote.write_text('{"l": "open", "h": "open"}', encoding="utf-8")
    with bench.config_file.open("a", encoding="utf-8") as file:
        file.write(f'[remote]\nkind = "simulated"\nstate_file = "{remote}"\n')
    with pytest.raises(OutputError, match="the remote on/off input holds all outputs off"):
        await bench.start()
    assert "Remote L at minus: no\nRemote H at plus: no\n" in bench.rest()


async def test_an_output_that_fails_says_why(bench: Bench) -> None:
    line = '{ kind = "gpio", chip = "pinctrl-none", line = 1, feedback = 2 }'
    contact = '{ kind = "simulated", feedback = { chip = "pinctrl-none", line = 3 } }'
    bench.configure(charge_disconnect=line, load_disconnect=contact)
    checking = bench.start()
    await bench.answers("Switch it on?")
    assert "no GPIO chip 'pinctrl-none'" in await bench.answers(f"Is {TRIALS[0].name} on now?", "n")
    await bench.answers(f"Is {TRIALS[0].name} off again?")
    await bench.answers("Switch it on?")
    assert "it reads back on, its contact reads nothing" in await bench.answers(f"Is {TRIALS[1].name} on now?")
    await bench.answers(f"Is {TRIALS[1].name} off again?")
    for _ in TRIALS[2:]:
        await bench.answers("Switch it on?", "n")
    assert await checking == 1
    said = bench.rest()
    assert f"{TRIALS[0].name}: switched on, no GPIO chip 'pinctrl-none'" in said
    assert f"{TRIALS[1].name}: switched on, it reads back on, its contact reads nothing; switched off, " in said


async def test_an_outputs_process_that_dies_is_said(
    bench: Bench, outputs: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins_check, "OBEYED_S", 0.5)
    checking = bench.start()
    await bench.answers("Switch it on?")
    await bench.asked(f"Is {TRIALS[0].name} on now?")
    await outputs.kill()
    bench.type("y\n")
    with pytest.raises(OutputError):
        await checking
    assert "Whether all outputs are off cannot be told: " in bench.rest()


async def test_without_a_terminal_or_a_file_it_asks_nobody(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = await run_command(tmp_path, "check", "--pins", "--config", str(bench.config_file))
    assert (result.status, result.out) == (2, "")
    assert "run it in a terminal" in result.err
    with pytest.raises(ConfigError, match="needs --config"):
        await check_pins(Namespace(config=None))
