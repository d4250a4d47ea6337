"""A real outputs process on a private socket, with simulated pins, and a plain client to talk to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEADLINE_S = 20.0
SILENCE_S = 0.6

ALL_ON = {"atc": True, "atd": True, "pre_alarm": True, "red_led": "off", "blue_led": "blink"}
PINS_ON = {
    "charge_disconnect": True,
    "load_disconnect": True,
    "pre_alarm": True,
    "red_led": "off",
    "blue_led": "blink",
}
PINS_SAFE = {
    "charge_disconnect": False,
    "load_disconnect": False,
    "pre_alarm": False,
    "red_led": "on",
    "blue_led": "off",
}


def wait_until(what: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    end_s = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.005)


class Talker:
    """A client with no manners: it sends what the test wants."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self._file = self.socket.makefile("rb")
        self.sequence = 0

    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._file.readline())
        return answer

    def say(self, op: str, **fields: object) -> dict[str, Any]:
        self.socket.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
        return self.answer()

    def beat(self, **fields: object) -> dict[str, Any]:
        return self.say("heartbeat", **self.beat_fields(**fields))

    def beat_fields(self, **fields: object) -> dict[str, object]:
        self.sequence += 1
        return {"sequence": self.sequence, "step_at_s": time.monotonic(), "outputs": ALL_ON, **fields}

    def take_control(self, pins: object) -> None:
        assert self.say("hello", protocol=1, role="control", pins=pins)["ok"]
        assert self.say("arm", sent_at_s=time.monotonic())["ok"]

    def install(self, op: str, version: str) -> dict[str, Any]:
        assert self.say("hello", protocol=1, role="installer")["ok"]
        return self.say(op, version=version)

    def close(self) -> None:
        self._file.close()
        self.socket.close()


class Outputs:
    """The process under test and its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "outputs.sock"
        self.pins_file = folder / "pins.json"
        self.remote_file = folder / "remote.json"
        self.pins: dict[str, Any] = {"outputs": {"kind": "simulated", "state_file": str(self.pins_file)}}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.talkers: list[Talker] = []

    def start(self, *arguments: str, silence_s: float = SILENCE_S) -> subprocess.Popen[bytes]:
        """Start it and wait until it serves, or has ended."""
        process = self.launch(f"--silence-s={silence_s}", *arguments)
        wait_until(lambda: process.poll() is not None or self.serves())
        return process

    def launch(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "smallbms.outputs", "--socket", str(self.socket), *arguments]
        log = self.folder / "log"
        with log.open("ab") as stderr:
            process = subprocess.Popen(command, stderr=stderr)
        self.processes.append(process)
        return process

    def serves(self) -> bool:
        with contextlib.suppress(OSError):
            Talker(self.socket).close()
            return True
        return False

    def talk(self) -> Talker:
        self.talkers.append(Talker(self.socket))
        return self.talkers[-1]

    def control(self) -> Talker:
        talker = self.talk()
        talker.take_control(self.pins)
        return talker

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.pins_file.read_text())
        return shown

    def wait_shown(self, pins: dict[str, Any]) -> None:
        wait_until(lambda: self.shown() == pins)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def end(self) -> None:
        for talker in self.talkers:
            talker.close()
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait(DEADLINE_S)
