"""The installer's client against the real process."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest
from outputs_process import ALL_ON, Outputs, Talker

from smallbms.errors import OutputError
from smallbms.outputs.protocol import PROTOCOL, Code, Refused
from smallbms.outputs.update import UpdatePhase
from smallbms.outputs.visitor import Visitor

RUNNING = {**ALL_ON, "pre_alarm": False}


@pytest.fixture
def visitor(outputs: Outputs) -> Visitor:
    return Visitor(str(outputs.socket))


def commanding(outputs: Outputs, command: object = RUNNING, *, cell_alarm: bool = False) -> Talker:
    """A main process that allows both."""
    outputs.start(silence_s=60.0)
    main = outputs.control()
    assert main.beat(outputs=command, cell_alarm=cell_alarm)["ok"]
    return main


def test_a_begin_is_on_the_pins_when_it_returns(outputs: Outputs, visitor: Visitor) -> None:
    commanding(outputs)
    begun = visitor.begin("2.0")
    assert (begun.update.phase, begun.update.version) == (UpdatePhase.RUNNING, "2.0")
    assert (outputs.shown()["charge_disconnect"], outputs.shown()["load_disconnect"]) == (False, True)
    assert visitor.state().update.phase is UpdatePhase.RUNNING


@pytest.mark.parametrize(("command", "cell_alarm"), [(RUNNING, True), (ALL_ON, False)])
def test_in_a_cell_alarm_or_pre_alarm_nothing_is_held(
    outputs: Outputs, visitor: Visitor, command: object, cell_alarm: bool
) -> None:
    commanding(outputs, command, cell_alarm=cell_alarm)
    assert visitor.begin("2.0").update.discharge_held_off
    assert outputs.shown()["load_disconnect"] is False


def test_a_retry_restarts_the_time_and_asks_for_another_new_client(outputs: Outputs, visitor: Visitor) -> None:
    commanding(outputs).close()
    visitor.begin("2.0")
    second = outputs.control()
    second.beat(outputs=RUNNING)
    visitor.begin("2.0")
    assert second.say("update_healthy", version="2.0")["code"] == "replaced"
    second.close()
    third = outputs.control()
    third.beat(outputs=RUNNING)
    assert third.say("update_healthy", version="2.0")["state"]["update"]["phase"] == "none"


def test_what_a_reboot_cut_short_is_failed_until_acknowledged(outputs: Outputs, visitor: Visitor) -> None:
    main = commanding(outputs)
    assert visitor.failed("2.0").update.phase is UpdatePhase.FAILED
    assert outputs.shown()["charge_disconnect"] is True
    assert main.say("update_acknowledge")["state"]["update"]["phase"] == "none"


def test_one_installer_at_a_time(outputs: Outputs, visitor: Visitor) -> None:
    outputs.start()
    first = outputs.talk()
    assert first.say("hello", protocol=1, role="installer")["ok"]
    with pytest.raises(Refused) as refused:
        visitor.begin("2.0")
    assert refused.value.code is Code.INSTALLER_TAKEN
    first.close()
    assert visitor.begin("2.0").update.version == "2.0"


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        ("heartbeat", {"sequence": 1, "step_at_s": 1.0, "outputs": ALL_ON}),
        ("arm", {"sent_at_s": 1.0}),
        ("update_healthy", {"version": "2.0"}),
        ("update_acknowledge", {}),
    ],
)
def test_an_installer_may_do_nothing_else(outputs: Outputs, op: str, fields: dict[str, object]) -> None:
    outputs.start()
    talker = outputs.talk()
    assert talker.say("hello", protocol=1, role="installer")["ok"]
    assert talker.say(op, **fields)["code"] == "not_allowed"
    assert talker.say("state")["ok"]


@pytest.mark.parametrize("op", ["update_begin", "update_failed"])
def test_only_an_installer_may_begin_or_fail_an_update(outputs: Outputs, op: str) -> None:
    outputs.start()
    assert outputs.control().say(op, version="2.0")["code"] == "not_allowed"
    assert outputs.talk().say(op, version="2.0")["code"] == "hello_first"


def test_the_protocol_of_the_process(outputs: Outputs, visitor: Visitor) -> None:
    outputs.start()
    assert visitor.protocol() == PROTOCOL


def test_nobody_at_the_socket(visitor: Visitor) -> None:
    with pytest.raises(OutputError, match="No such file"):
        visitor.state()


def test_a_process_that_stands_still(outputs: Outputs) -> None:
    os.kill(outputs.start().pid, signal.SIGSTOP)
    with pytest.raises(OutputError, match="does not answer"):
        Visitor(str(outputs.socket), answer_s=0.1).begin("2.0")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "closed"),
        (b"nonsense\n", "nonsense"),
        (b'{"ok": true, "state": {}}\n', "which protocol"),
        (b'{"ok": false, "code": "not_ready", "text": "not now", "state": {}}\n', "not now"),
    ],
)
def test_a_peer_that_is_no_outputs_process(tmp_path: Path, line: bytes, says: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(line)

        peer = threading.Thread(target=serve)
        peer.start()
        with pytest.raises(OutputError, match=says):
            Visitor(str(tmp_path / "sock")).protocol()
        peer.join()
