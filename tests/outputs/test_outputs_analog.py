"""Remote on/off by voltage: real processes, with files in the place of the kernel's ADC."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from outputs_process import DEADLINE_S, Outputs, Talker, wait_until

from smallbms.outputs import analog
from smallbms.outputs.analog import AnalogRemote
from smallbms.outputs.pinout import LineConfig, RemoteConfig
from smallbms.outputs.remote import RemoteLevels

DIVIDER = 10.0  # 1 mV a count: a count is 0.01 V


class Adc:
    """Channel 0 at L, channel 1 at H."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "iio:device0"
        self.folder.mkdir()
        (self.folder / "in_voltage_scale").write_text("1\n", encoding="ascii")
        self.show(5.0, 0.0)

    def file(self, channel: int) -> Path:
        return self.folder / f"in_voltage{channel}_raw"

    def show(self, *volts: float) -> None:
        for channel, voltage_v in enumerate(volts):
            fresh = self.folder / "new"
            fresh.write_text(f"{round(voltage_v * 100)}\n", encoding="ascii")
            fresh.rename(self.file(channel))

    def remote(self) -> dict[str, Any]:
        terminals = {name: f"{self.folder}/in_voltage{channel}" for channel, name in enumerate("lh")}
        return {"kind": "iio", "divider": DIVIDER, **terminals}


@pytest.fixture
def adc(tmp_path: Path, outputs: Outputs) -> Adc:
    """Both terminals open."""
    made = Adc(tmp_path)
    outputs.pins["remote"] = made.remote()
    return made


def follows(talker: Talker, on: bool) -> None:
    wait_until(lambda: talker.beat()["state"]["remote"]["on"] is on)
    assert talker.beat()["state"]["applied"]["atd"] is on


def test_the_four_ways_to_use_the_terminals(outputs: Outputs, adc: Adc) -> None:
    adc.show(4.0, 4.0)  # the loop
    outputs.start(silence_s=60.0)
    talker = outputs.control()
    assert talker.beat()["state"]["remote"]["on"]  # with the very first command
    for l_v, h_v, on in [(5.0, 0.0, False), (0.0, 0.0, True), (5.0, 2.9, False), (5.0, 12.8, True), (3.5, 0.0, False)]:
        adc.show(l_v, h_v)
        follows(talker, on)


def test_off_acts_without_a_command_and_an_unread_terminal_says_nothing(outputs: Outputs, adc: Adc) -> None:
    adc.show(5.0, 12.8)
    outputs.start(silence_s=60.0)
    talker = outputs.control()
    talker.beat()
    adc.file(1).unlink()
    wait_until(lambda: not outputs.shown()["load_disconnect"])
    state = outputs.talk().say("state")["state"]
    assert state["remote"]["levels"] == {"l_at_minus": False, "h_at_plus": None, "joined": None}
    assert str(adc.file(1)) in state["errors"]["remote.h"]
    adc.show(5.0, 12.8)
    follows(talker, True)
    assert outputs.talk().say("state")["state"]["errors"] == {}


def test_a_failed_conversion_is_said_and_switches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analog, "PERIOD_S", 0.01)
    adc = Adc(tmp_path)
    adc.show(0.0, 12.8)
    terminals = {name: LineConfig(str(adc.folder), f"in_voltage{channel}") for channel, name in enumerate("lh")}
    remote = AnalogRemote(RemoteConfig("iio", **terminals, divider=DIVIDER))

    def errors() -> dict[str, str]:
        remote.read(time.monotonic())
        return remote.errors()

    try:
        wait_until(lambda: errors() == {})
        failed_at_s = time.monotonic()
        adc.file(1).write_text("", encoding="ascii")
        wait_until(lambda: set(errors()) == {"remote.h"})
        assert remote.read(failed_at_s) == RemoteLevels(l_at_minus=True, h_at_plus=True)
        assert remote.read(time.monotonic() + analog.STALE_S).h_at_plus is None
        adc.show(0.0, 12.8)
        wait_until(lambda: errors() == {})
    finally:
        remote.close()


def test_a_converter_that_hangs_holds_nobody_up_and_counts_as_off(outputs: Outputs, adc: Adc) -> None:
    adc.show(0.0, 0.0)
    process = outputs.start(silence_s=60.0)
    talker = outputs.control()
    assert talker.beat()["state"]["remote"]["on"]
    adc.file(0).unlink()
    os.mkfifo(adc.file(0))  # whoever reads it waits for a writer
    slowest_s = 0.0
    while talker.say("state")["state"]["remote"]["on"]:
        began_s = time.monotonic()
        talker.beat()
        slowest_s = max(slowest_s, time.monotonic() - began_s)
    assert slowest_s < 0.5
    state = talker.beat()["state"]
    assert state["errors"] == {"remote": "no conversion has ended for 1 s"}
    assert not state["applied"]["atd"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0


def test_one_terminal_is_enough(tmp_path: Path) -> None:
    adc = Adc(tmp_path)
    adc.show(0.0, 12.8)
    remote = AnalogRemote(RemoteConfig("iio", h=LineConfig(str(adc.folder), "in_voltage1"), divider=DIVIDER))
    try:
        assert remote.read(time.monotonic()) == RemoteLevels(l_at_minus=None, h_at_plus=True)
        assert remote.lines() == []
        assert remote.read(time.monotonic() + 60.0) == RemoteLevels(l_at_minus=None, h_at_plus=None)
    finally:
        remote.close()
