"""The outputs process as it runs: commands, silence, death of either side, restart."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import outputs_process
import pytest
from outputs_process import ALL_ON, DEADLINE_S, PINS_ON, PINS_SAFE, Outputs, wait_until

import smallbms

# A controlling program that only sends heartbeats, to be stopped and killed by the tests.
PUPPET = """
import json, sys, time
from pathlib import Path
from outputs_process import Talker
talker = Talker(Path(sys.argv[1]))
talker.take_control(json.loads(sys.argv[2]))
while True:
    talker.beat()
    time.sleep(0.05)
"""


@contextmanager
def puppet(outputs: Outputs) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(outputs_process.__file__)}
    command = [sys.executable, "-c", PUPPET, str(outputs.socket), json.dumps(outputs.pins)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    try:
        wait_until(lambda: outputs.pins_file.exists() and outputs.shown() == PINS_ON)
        yield process
    finally:
        process.kill()
        process.wait(DEADLINE_S)


def test_a_heartbeat_is_on_the_pins_before_it_is_answered(outputs: Outputs) -> None:
    outputs.start()
    talker = outputs.control()
    assert outputs.shown() == PINS_SAFE
    answer = talker.beat()
    assert outputs.shown() == PINS_ON
    state = answer["state"]
    assert answer["ok"]
    assert (state["pins"], state["commanded"], state["applied"]) == (PINS_ON, ALL_ON, ALL_ON)
    assert (state["armed"], state["controlled"], state["sequence"]) == (True, True, 1)
    assert state["remote"] == {"levels": None, "on": True}
    assert state["pid"] == outputs.processes[0].pid


def test_the_socket_is_for_the_owner_alone(outputs: Outputs) -> None:
    outputs.start()
    assert stat.S_IMODE(outputs.socket.stat().st_mode) == 0o600


def test_silence_lets_all_float_and_queued_commands_are_not_obeyed(outputs: Outputs) -> None:
    outputs.start()
    talker = outputs.control()
    talker.beat()
    outputs.wait_shown(PINS_SAFE)
    refused = talker.beat()
    assert (refused["ok"], refused["code"], refused["state"]["commanded"]) == (False, "not_armed", None)
    assert outputs.shown() == PINS_SAFE
    assert talker.say("arm", sent_at_s=time.monotonic())["ok"]
    assert talker.beat()["ok"]


def test_commands_queued_while_this_process_was_stopped_are_not_obeyed(outputs: Outputs) -> None:
    process = outputs.start(silence_s=0.4)
    talker = outputs.control()
    talker.beat()
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.5)  # the stall itself, longer than the silence allowed
    talker.socket.sendall(json.dumps({"op": "heartbeat", **talker.beat_fields()}).encode() + b"\n")
    os.kill(process.pid, signal.SIGCONT)
    assert talker.answer()["code"] == "not_armed"
    assert outputs.shown() == PINS_SAFE


def test_a_killed_controller(outputs: Outputs) -> None:
    outputs.start(silence_s=60.0)
    with puppet(outputs) as controller:
        controller.kill()
        outputs.wait_shown(PINS_SAFE)


def test_a_stopped_controller(outputs: Outputs) -> None:
    outputs.start()
    with puppet(outputs) as controller:
        os.kill(controller.pid, signal.SIGSTOP)
        outputs.wait_shown(PINS_SAFE)
        os.kill(controller.pid, signal.SIGCONT)
        assert outputs.talk().say("state")["state"]["applied"]["atd"] is False


def test_only_one_controls_and_all_may_look(outputs: Outputs) -> None:
    outputs.start()
    talker, second, looker = outputs.control(), outputs.talk(), outputs.talk()
    talker.beat()
    assert second.say("hello", protocol=1, role="control", pins=outputs.pins)["code"] == "control_taken"
    assert looker.say("hello", protocol=1, role="observe")["ok"]
    for order in ("arm", "heartbeat"):
        fields = {"sent_at_s": time.monotonic()} if order == "arm" else looker.beat_fields()
        assert looker.say(order, **fields)["code"] == "not_allowed"
        assert second.say(order, **fields)["code"] == "hello_first"
    assert looker.say("state")["state"]["pins"] == PINS_ON
    talker.close()
    wait_until(lambda: second.say("hello", protocol=1, role="control", pins=outputs.pins)["ok"])


def test_another_protocol_is_refused_by_both_numbers(outputs: Outputs) -> None:
    outputs.start()
    answer = outputs.talk().say("hello", protocol=2, role="control", later="field")
    assert answer["code"] == "protocol_mismatch"
    assert "protocol 1" in answer["text"]
    assert "2" in answer["text"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_turns_off_and_ends(outputs: Outputs, number: signal.Signals) -> None:
    process = outputs.start(silence_s=60.0)
    outputs.control().beat()
    process.send_signal(number)
    assert process.wait(DEADLINE_S) == 0
    assert outputs.shown() == PINS_SAFE
    assert not outputs.socket.exists()


def test_a_restart_holds_the_saved_pins_safe_and_replaces_the_dead_socket(outputs: Outputs) -> None:
    process = outputs.start(silence_s=60.0)
    outputs.control().beat()
    process.kill()
    process.wait(DEADLINE_S)
    assert outputs.shown() == PINS_ON
    assert outputs.socket.exists()
    outputs.start()
    assert outputs.shown() == PINS_SAFE
    assert outputs.talk().say("state")["state"]["pins"] == PINS_SAFE


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b'{"pins": {"outputs": 1}, "update": {"x": 1}}'])
def test_a_broken_saved_file_is_ignored_and_said(outputs: Outputs, content: bytes) -> None:
    saved = outputs.folder / "outputs.sock.saved"
    saved.write_bytes(content)
    outputs.start()
    assert "is ignored" in outputs.log()
    assert outputs.control().beat()["state"]["pins"] == PINS_ON


def test_other_pins_are_taken_only_with_the_old_ones_off(outputs: Outputs) -> None:
    outputs.start(silence_s=60.0)
    outputs.control().beat()
    outputs.talkers[0].close()
    other = outputs.folder / "other.json"
    pins = {"outputs": {"kind": "simulated", "state_file": str(other)}}
    outputs.wait_shown(PINS_SAFE)
    talker = outputs.talk()
    talker.take_control(pins)
    talker.beat()
    assert json.loads(other.read_text()) == PINS_ON
    assert outputs.shown() == PINS_SAFE


@pytest.mark.parametrize(
    ("terminals", "is_on"),
    [
        ('{"l": "joined", "h": "joined"}', True),
        ('{"l": "minus", "h": "open"}', True),
        ('{"l": "open", "h": "plus"}', True),
        ('{"l": "open", "h": "open"}', False),
        ('{"l": "plus?"}', False),
        ("[]", False),
        ("", False),
    ],
)
def test_the_remote_terminals(outputs: Outputs, terminals: str, is_on: bool) -> None:
    outputs.pins["remote"] = {"kind": "simulated", "state_file": str(outputs.remote_file)}
    outputs.remote_file.write_text(terminals)
    outputs.start()
    state = outputs.control().beat()["state"]
    assert state["remote"]["on"] is is_on
    assert outputs.shown() == (PINS_ON if is_on else {**PINS_SAFE, "red_led": "off", "blue_led": "blink"})
    assert ("remote" in state["errors"]) is (terminals in ("", "[]"))


def test_remote_off_acts_without_any_heartbeat(outputs: Outputs) -> None:
    outputs.pins["remote"] = {"kind": "simulated", "state_file": str(outputs.remote_file)}
    outputs.remote_file.write_text('{"l": "joined", "h": "joined"}')
    outputs.start(silence_s=60.0)
    outputs.control().beat()
    outputs.remote_file.write_text('{"l": "open", "h": "open"}')
    wait_until(lambda: outputs.shown()["load_disconnect"] is False)
    assert outputs.shown()["pre_alarm"] is False


def test_an_update_holds_the_load_output_until_its_time_is_over(outputs: Outputs) -> None:
    outputs.start("--update-s=1.5")
    talker = outputs.control()
    running = {**ALL_ON, "pre_alarm": False}
    talker.beat(outputs=running)
    state = outputs.talk().install("update_begin", "2.0")["state"]
    assert (state["pins"]["charge_disconnect"], state["pins"]["load_disconnect"]) == (False, True)
    assert (state["update"]["phase"], state["update"]["discharge_held_off"]) == ("running", False)
    talker.close()
    outputs.wait_shown({**PINS_SAFE, "load_disconnect": True})
    outputs.wait_shown(PINS_SAFE)
    assert outputs.talk().say("state")["state"]["update"]["phase"] == "expired"


def test_a_new_version_takes_over_without_a_gap(outputs: Outputs) -> None:
    outputs.start()
    old = outputs.control()
    running, reading = {**ALL_ON, "pre_alarm": False}, {**ALL_ON, "atc": False, "atd": False, "pre_alarm": False}
    old.beat(outputs=running)
    outputs.talk().install("update_begin", "2.0")
    assert old.beat(outputs=running)["ok"]
    assert old.say("update_healthy", version="2.0")["code"] == "replaced"
    old.close()
    wait_until(lambda: not outputs.talk().say("state")["state"]["controlled"])
    new = outputs.control()
    assert new.beat(outputs=reading, starting=True)["state"]["pins"]["load_disconnect"] is True
    assert new.say("update_healthy", version="2.0")["code"] == "not_ready"
    assert new.beat(outputs=running)["state"]["pins"]["charge_disconnect"] is False
    state = new.say("update_healthy", version="2.0")["state"]
    assert (state["update"]["phase"], state["pins"]["charge_disconnect"]) == ("none", True)


def test_a_restart_of_this_process_in_an_update_is_a_failure_until_acknowledged(outputs: Outputs) -> None:
    process = outputs.start()
    talker = outputs.control()
    talker.beat()
    outputs.talk().install("update_begin", "2.0")
    for _ in range(2):
        process.kill()
        process.wait(DEADLINE_S)
        process = outputs.start()
        assert outputs.shown() == PINS_SAFE
        talker = outputs.control()
        assert talker.beat()["state"]["update"]["phase"] == "failed"
    assert talker.say("update_acknowledge")["state"]["update"]["phase"] == "none"
    process.kill()
    process.wait(DEADLINE_S)
    outputs.start()
    assert outputs.talk().say("state")["state"]["update"]["phase"] == "none"


def test_one_process_for_a_socket(outputs: Outputs) -> None:
    outputs.start()
    second = outputs.launch()
    assert second.wait(DEADLINE_S) == 1
    assert f"another one runs, pid {outputs.processes[0].pid}" in outputs.log()
    assert outputs.serves()


def test_a_full_disk_keeps_nobody_from_starting(outputs: Outputs) -> None:
    """A limit of 0 bytes a file stands for it; the log is no file then."""
    program = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    program += "runpy.run_module('smallbms.outputs', run_name='__main__')"
    command = [sys.executable, "-c", program, "--socket", str(outputs.socket)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    outputs.processes.append(process)
    wait_until(lambda: process.poll() is not None or outputs.serves())
    assert outputs.serves()
    assert (outputs.folder / "outputs.sock.lock").read_bytes() == b""


def test_a_file_that_is_no_socket_is_left_alone(outputs: Outputs) -> None:
    outputs.socket.write_text("precious")
    assert outputs.launch().wait(DEADLINE_S) == 1
    assert outputs.socket.read_text() == "precious"


def test_own_mode_ends_by_itself_when_nobody_is_in_control(outputs: Outputs) -> None:
    process = outputs.start("--own", "--alone-s=0.5", silence_s=60.0)
    talker = outputs.control()
    talker.beat()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)
    talker.close()
    assert process.wait(DEADLINE_S) == 0
    assert outputs.shown() == PINS_SAFE


def test_a_state_file_that_cannot_be_written_reads_back_as_unknown(outputs: Outputs) -> None:
    outputs.pins["outputs"]["state_file"] = str(outputs.folder / "missing" / "pins.json")
    outputs.start()
    state = outputs.control().beat()["state"]
    assert set(state["pins"].values()) == {None}
    assert "No such file" in state["errors"]["load_disconnect"]


def test_it_loads_nothing_large() -> None:
    program = "import sys, smallbms.outputs.__main__; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(smallbms.__file__).parents[1])}
    command = [sys.executable, "-S", "-c", program]  # an editable install loads things of its own
    loaded = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.split()
    own = {name for name in loaded if name.startswith("smallbms") and not name.startswith("smallbms.outputs")}
    assert own == {"smallbms", "smallbms.errors"}
    assert not {"argparse", "asyncio", "dataclasses", "inspect", "logging", "pydantic", "typing"} & set(loaded)
