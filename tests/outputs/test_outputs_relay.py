"""The relays of a GX: files that another program may write, too. Real processes; the folder stands for /dev/gpio."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from outputs_process import DEADLINE_S, Outputs, wait_until

from smallbms.errors import OutputError
from smallbms.outputs.pinout import LineConfig
from smallbms.outputs.relay import Relay


class Relays:
    """Two relays as Venus OS exports them; relay 0 is relay_1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "gpio"
        for number in (0, 1):
            self.file(number).parent.mkdir(parents=True)
            self.switch(number, True)

    def file(self, number: int) -> Path:
        return self.folder / f"relay_{number + 1}" / "value"

    def switch(self, number: int, closed: bool) -> None:
        """As somebody else does it."""
        self.file(number).write_text(f"{closed:d}\n", encoding="ascii")

    def closed(self) -> tuple[bool, bool]:
        first, second = (self.file(number).read_text(encoding="ascii").startswith("1") for number in (0, 1))
        return first, second

    def pins(self) -> dict[str, object]:
        relay = {"kind": "gx-relay", "chip": str(self.folder)}
        return {"outputs": {"charge_disconnect": {**relay, "relay": 0}, "load_disconnect": {**relay, "relay": 1}}}


@pytest.fixture
def relays(tmp_path: Path, outputs: Outputs) -> Relays:
    """Both closed by somebody, and an outputs process that is to have them."""
    made = Relays(tmp_path)
    outputs.pins = made.pins()
    return made


def test_closed_is_allowed_and_open_all_else(outputs: Outputs, relays: Relays) -> None:
    process = outputs.start(silence_s=60.0)
    talker = outputs.control()
    assert relays.closed() == (False, False)  # before the first command
    state = talker.beat()["state"]
    assert relays.closed() == (True, True)
    assert (state["pins"], state["errors"]) == ({"charge_disconnect": True, "load_disconnect": True}, {})
    talker.beat(outputs={**state["applied"], "atc": False})
    assert relays.closed() == (False, True)
    process.send_signal(signal.SIGTERM)
    process.wait(DEADLINE_S)
    assert relays.closed() == (False, False)


def test_a_toggle_by_somebody_else_is_undone_and_said_without_a_command(outputs: Outputs, relays: Relays) -> None:
    outputs.start(silence_s=60.0)
    outputs.control().beat()
    for times in range(1, 4):
        relays.switch(0, False)
        wait_until(lambda: relays.closed() == (True, True))
        told = outputs.log().count("was switched by another program")
        assert told == times.bit_length()  # the 1st, 2nd, 4th time
    relays.switch(1, False)
    wait_until(lambda: f"{relays.file(1)} was switched by another program, 1 times now" in outputs.log())


def test_silence_opens_them(outputs: Outputs, relays: Relays) -> None:
    outputs.start()
    outputs.control().beat()
    wait_until(lambda: relays.closed() == (False, False))


def test_what_a_killed_process_left_closed_is_opened_by_its_supervisor(outputs: Outputs, relays: Relays) -> None:
    process = outputs.start(silence_s=60.0)
    outputs.control().beat()
    process.kill()
    process.wait(DEADLINE_S)
    assert relays.closed() == (True, True)  # sysfs keeps them
    safe = [sys.executable, "-m", "smallbms.outputs.safe", str(outputs.socket)]
    subprocess.run(safe, check=True, timeout=DEADLINE_S)
    assert relays.closed() == (False, False)


def test_a_relay_that_is_not_there_is_a_fault_of_its_output_alone(outputs: Outputs, relays: Relays) -> None:
    relays.file(1).unlink()
    outputs.start(silence_s=60.0)
    state = outputs.control().beat()["state"]
    assert state["pins"] == {"charge_disconnect": True, "load_disconnect": None}
    assert str(relays.file(1)) in state["errors"]["load_disconnect"]


def test_a_relay_that_reads_nonsense_is_opened_all_the_same(tmp_path: Path) -> None:
    relays = Relays(tmp_path)
    relay = Relay(LineConfig(str(relays.folder), 0))
    relay.set(True)
    relays.file(0).write_text("?", encoding="ascii")
    relay.set(False)
    assert relays.closed() == (False, True)
    relay.close()


def test_a_relay_that_reads_nonsense_is_not_known(tmp_path: Path) -> None:
    relays = Relays(tmp_path)
    relay = Relay(LineConfig(str(relays.folder), 0))
    relays.file(0).write_text("?", encoding="ascii")
    with pytest.raises(OutputError, match="relay_1/value reads b'\\?'"):
        relay.get()
    relay.close()
