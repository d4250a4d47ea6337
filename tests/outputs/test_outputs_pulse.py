"""The watchdog line: a wave only while somebody commands the outputs and both could be written.

A relay's file stands for the line; on a real line: tests/hwbed/inside/test_pins.py.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from guarded import BOTH

from smallbms.outputs import pins
from smallbms.outputs.gpio_pins import Held
from smallbms.outputs.guard import Limits
from smallbms.outputs.keeper import Keeper
from smallbms.outputs.pinout import LineConfig
from smallbms.outputs.protocol import Arm, Heartbeat, Hello, Role, UpdateBegin
from smallbms.outputs.pulse import HALF_S, Pulse
from smallbms.outputs.relay import Relay

T_S = 1000.0
MAIN, INSTALLER, NEXT = 1, 2, 3


class Wire:
    """A line that others see as a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "relay_1").mkdir()
        (folder / "relay_1/value").write_text("1", encoding="ascii")

    @property
    def high(self) -> bool:
        return (self.folder / "relay_1/value").read_text(encoding="ascii") == "1"

    def pulse(self) -> Pulse:
        return Pulse(Held(partial(Relay, LineConfig(str(self.folder), 0))))


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path)


def wave(pulse: Pulse, wire: Wire, alive: bool, now_s: float, halves: int) -> list[bool]:
    levels = []
    for half in range(halves):
        pulse.beat(alive, now_s + half * (HALF_S + 0.001))
        levels.append(wire.high)
    return levels


def test_it_toggles_at_its_time_and_not_before(wire: Wire) -> None:
    pulse = wire.pulse()
    assert wave(pulse, wire, True, T_S, 4) == [True, False, True, False]
    due_at_s = pulse.due_at_s
    pulse.beat(True, due_at_s - 0.001)
    assert (wire.high, pulse.due_at_s) == (False, due_at_s)
    pulse.beat(True, T_S + 99.0)  # late by far: one toggle, and then in its time
    assert wire.high
    assert pulse.due_at_s == pytest.approx(T_S + 99.0 + HALF_S)


def test_it_is_low_at_once_and_stays_so_without_life(wire: Wire) -> None:
    pulse = wire.pulse()
    pulse.beat(True, T_S)
    assert wire.high
    assert wave(pulse, wire, False, T_S + 0.01, 4) == [False] * 4
    assert pulse.due_at_s == float("inf")
    assert pulse.errors() == {}


def test_a_line_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    pulse = Pulse(Held(partial(Relay, LineConfig(str(tmp_path), 0))))
    pulse.beat(True, T_S)
    assert "relay_1/value" in pulse.errors()["watchdog"]
    pulse.close(T_S)


class Commanded:
    """The rules and a wave, with simulated outputs in a folder."""

    def __init__(self, folder: Path, wire: Wire) -> None:
        self.folder = folder
        self.wire = wire
        self.keeper = Keeper(str(folder / "saved"), Limits(), T_S)
        outputs = {"kind": "simulated", "state_file": str(folder / "pins.json"), "watchdog": {"chip": "c", "line": 0}}
        self.keeper.obey(MAIN, Hello(1, Role.CONTROL, {"outputs": outputs}), T_S)
        self.sequence = 0

    def beat(self, now_s: float) -> None:
        self.sequence += 1
        self.keeper.obey(MAIN, Heartbeat(self.sequence, now_s, BOTH), now_s)

    def moves(self, now_s: float) -> bool:
        """Whether there is a wave from this moment on."""
        self.keeper.tick(now_s)
        levels = set()
        for half in range(4):
            self.keeper.pulse(now_s + half * (HALF_S + 0.001))
            levels.add(self.wire.high)
        return levels == {True, False}


@pytest.fixture
def commanded(tmp_path: Path, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Commanded:
    monkeypatch.setattr(pins, "request_output", lambda config: Relay(LineConfig(str(tmp_path), config.line)))
    return Commanded(tmp_path, wire)


def test_it_begins_with_the_first_command_and_ends_with_silence(commanded: Commanded) -> None:
    assert not commanded.moves(T_S)
    commanded.keeper.obey(MAIN, Arm(T_S), T_S)
    assert not commanded.moves(T_S)
    commanded.beat(T_S)
    assert commanded.moves(T_S)
    assert not commanded.moves(T_S + 2.0)


def test_it_ends_with_the_connection(commanded: Commanded) -> None:
    commanded.keeper.obey(MAIN, Arm(T_S), T_S)
    commanded.beat(T_S)
    commanded.keeper.gone(MAIN, T_S)
    assert not commanded.moves(T_S)


def test_it_ends_when_an_output_cannot_be_written(commanded: Commanded) -> None:
    commanded.keeper.obey(MAIN, Arm(T_S), T_S)
    commanded.beat(T_S)
    (commanded.folder / "pins.json").unlink()
    assert not commanded.moves(T_S)


def test_it_goes_on_while_an_update_holds_the_load_output(commanded: Commanded) -> None:
    commanded.keeper.obey(MAIN, Arm(T_S), T_S)
    commanded.beat(T_S)
    commanded.keeper.obey(INSTALLER, Hello(1, Role.INSTALLER), T_S)
    commanded.keeper.obey(INSTALLER, UpdateBegin("2.0"), T_S)
    commanded.keeper.gone(MAIN, T_S)
    assert commanded.moves(T_S + 60.0)
    assert not commanded.moves(T_S + 121.0)  # no version was healthy in time
