"""The lines of the product as their wires see them: the real processes on chips of the kernel's simulator."""

from __future__ import annotations

import asyncio
import fcntl
import signal
import struct
import time
from collections.abc import AsyncIterator, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pytest

from integration.harness import BOTH_OFF, BOTH_ON, NO_CHARGE, NO_DISCHARGE, System, codes
from outputs.outputs_process import Outputs, Talker
from smallbms.outputs import gpio
from smallbms.outputs.gpio_pins import BLINK_S, DEBOUNCE_US
from smallbms.outputs.pulse import HALF_S

from .gpio_sim import GpioSim
from .waiting import wait_for

LABEL = "pins"
LINES = ("charge", "load", "alarm", "red", "blue", "charge_contact", "load_contact", "l", "h", "watchdog")
SYSFS = Path("/sys/class/gpio")
SILENCE_S = 1.0
TRAVEL_S = 0.05  # of a contactor
ALL = {"atc": True, "atd": True, "pre_alarm": True, "red_led": "on", "blue_led": "on"}
NONE = {"atc": False, "atd": False, "pre_alarm": False, "red_led": "off", "blue_led": "off"}


@pytest.fixture
def sim() -> Iterator[GpioSim]:
    with GpioSim(LABEL, LINES) as sim:
        yield sim


@pytest.fixture
def outputs(sim: GpioSim, tmp_path: Path) -> Iterator[Outputs]:
    """The process, not started yet, and its plain wiring."""
    under_test = Outputs(tmp_path)
    under_test.pins = {
        "outputs": {
            "kind": "gpio", "chip": LABEL, "charge_disconnect": 0, "load_disconnect": "load", "pre_alarm": "alarm",
            "red_led": "red", "blue_led": "blue",
        }
    }  # fmt: skip
    try:
        yield under_test
    finally:
        under_test.end()


def started(outputs: Outputs, silence_s: float = 60.0, **changes: object) -> Talker:
    outputs.pins["outputs"].update(changes)
    outputs.start(silence_s=silence_s)
    return outputs.control()


def levels(sim: GpioSim) -> tuple[bool, ...]:
    return tuple(sim.level(line) for line in LINES[:5])


class Told(NamedTuple):
    """What the kernel was told of a line that is held."""

    flags: gpio.Flag
    attributes: dict[int, int]


def told(line: str) -> Told:
    answer = bytearray(gpio.LINE_INFO_SIZE)
    struct.pack_into("<I", answer, 64, LINES.index(line))
    with open_chip_file() as chip:
        fcntl.ioctl(chip, gpio.GET_LINE_INFO, answer)
    count, flags = struct.unpack_from("<IQ", answer, 68)
    attributes = [struct.unpack_from("<IxxxxI", answer, 80 + 16 * number) for number in range(count)]
    return Told(gpio.Flag(flags & ~1), dict(attributes))  # the lowest bit: it is held


def open_chip_file() -> BinaryIO:
    with gpio.open_chip(LABEL) as chip:
        return open(f"/dev/{chip.name}", "rb")


def test_each_output_is_on_its_wire_with_its_polarity(outputs: Outputs, sim: GpioSim) -> None:
    talker = started(outputs, load_disconnect={"line": "load", "active_low": True})
    assert levels(sim) == (False, True, False, True, False)  # before the first command, red solid
    for command, wires in ((ALL, (True, False, True, True, True)), (NONE, (False, True, False, False, False))) * 2:
        state = talker.beat(outputs=command)["state"]
        assert (levels(sim), state["errors"]) == (wires, {})
        assert list(state["pins"].values()) == [command is ALL] * 5


def test_drive_and_bias_are_the_kernels_to_see_to(outputs: Outputs) -> None:
    outputs.pins["remote"] = {"kind": "gpio", "chip": LABEL, "l": {"line": "l", "bias": "disabled"}, "h": "h"}
    started(
        outputs,
        pre_alarm={"line": "alarm", "drive": "open_drain", "bias": "pull_up"},
        red_led={"line": 3, "drive": "open_source", "active_low": True},
    ).beat()
    flag, edges = gpio.Flag, gpio.Flag.EDGE_RISING | gpio.Flag.EDGE_FALLING
    debounce = {gpio.ID_DEBOUNCE: DEBOUNCE_US}
    assert {line: told(line) for line in ("charge", "alarm", "red", "l", "h", "watchdog")} == {
        "charge": Told(flag.OUTPUT, {}),
        "alarm": Told(flag.OUTPUT | flag.OPEN_DRAIN | flag.PULL_UP, {}),
        "red": Told(flag.OUTPUT | flag.OPEN_SOURCE | flag.ACTIVE_LOW, {}),
        "l": Told(flag.INPUT | edges | flag.BIAS_DISABLED, debounce),
        "h": Told(flag.INPUT | edges | flag.PULL_DOWN, debounce),
        "watchdog": Told(flag.INPUT, {}),  # nobody's
    }


def test_a_bias_decides_what_an_open_contact_reads(outputs: Outputs, sim: GpioSim) -> None:
    talker = started(
        outputs,
        charge_disconnect={"line": 0, "feedback": {"line": "charge_contact", "bias": "pull_up"}},
        load_disconnect={"line": 1, "feedback": {"line": "load_contact", "bias": "pull_up", "active_low": True}},
    )
    assert talker.beat()["state"]["feedback"] == {"charge_disconnect": True, "load_disconnect": False}
    for line in ("charge_contact", "load_contact"):
        sim.pull(line, False)
    assert talker.beat()["state"]["feedback"] == {"charge_disconnect": False, "load_disconnect": True}


@pytest.mark.parametrize(
    ("l_high", "h_high", "on"),
    [(True, False, False), (True, True, True), (False, False, True), (False, True, True)],
    ids=["off", "loop or H at plus", "L at minus", "both"],
)
def test_the_ways_to_use_the_remote_terminals(
    outputs: Outputs, sim: GpioSim, l_high: bool, h_high: bool, on: bool
) -> None:
    outputs.pins["remote"] = {"kind": "gpio", "chip": LABEL, "l": "l", "h": "h"}
    talker = started(outputs)
    assert not talker.beat()["state"]["remote"]["on"]  # open terminals rest at off
    sim.pull("l", l_high)
    sim.pull("h", h_high)
    wait_for(lambda: talker.beat()["state"]["remote"]["on"] is on, f"remote {on}")
    assert levels(sim)[:3] == (on, on, on)


def test_a_switch_acts_on_its_edge(outputs: Outputs, sim: GpioSim) -> None:
    outputs.pins["remote"] = {"kind": "gpio", "chip": LABEL, "h": "h"}
    talker = started(outputs)
    sim.pull("h", True)
    wait_for(lambda: talker.beat()["state"]["remote"]["on"], "remote on")
    took_s = 0.0
    for up in (False, True) * 3:
        sim.pull("h", up)  # and no command after it
        took_s += wait_for(lambda up=up: sim.level("load") is up, "the load output")  # type: ignore[misc]
    assert took_s < 6 * BLINK_S / 2  # looked at only from time to time, each would wait for BLINK_S


def watch(sim: GpioSim, line: str, seconds: float) -> list[tuple[bool, float]]:
    """How long a wire was high, low, high …; what was cut off at either end is left out."""
    seen = []
    end_s = time.monotonic() + seconds
    while (now_s := time.monotonic()) < end_s:
        seen.append((now_s, sim.level(line)))
        time.sleep(0.01)
    begins = [(next(group)[0], high) for high, group in groupby(seen, key=lambda sample: sample[1])]
    return [(high, after_s - at_s) for (at_s, high), (after_s, _) in pairwise(begins)][1:]


def test_leds_blink_at_their_pace_and_red_is_solid_when_nobody_commands(outputs: Outputs, sim: GpioSim) -> None:
    talker = started(outputs, silence_s=6 * BLINK_S)
    talker.beat(outputs={**NONE, "red_led": "blink", "blue_led": "on"})
    phases = watch(sim, "red", 4 * BLINK_S + 0.2)  # one command is enough: the process makes the pattern itself
    assert len(phases) >= 2
    assert all(0.5 * BLINK_S < seconds < 1.5 * BLINK_S for _, seconds in phases), phases
    assert sim.level("blue")
    wait_for(lambda: levels(sim) == (False, False, False, True, False), "red solid")
    assert watch(sim, "red", 2 * BLINK_S + 0.2) == []


def test_the_watchdog_makes_its_wave_only_while_somebody_commands(outputs: Outputs, sim: GpioSim) -> None:
    talker = started(outputs, silence_s=SILENCE_S, watchdog="watchdog")
    assert watch(sim, "watchdog", 5 * HALF_S) == []
    talker.beat()
    phases = watch(sim, "watchdog", 0.8 * SILENCE_S)
    assert len(phases) >= 3
    assert all(0.5 * HALF_S < seconds < 2 * HALF_S for _, seconds in phases), phases
    wait_for(lambda: not sim.level("load"), "silence")
    assert watch(sim, "watchdog", 5 * HALF_S) == []
    assert not sim.level("watchdog")
    talker.say("arm", sent_at_s=time.monotonic())
    assert talker.beat()["state"]["errors"] == {}
    assert watch(sim, "watchdog", 5 * HALF_S)
    outputs.processes[0].send_signal(signal.SIGSTOP)
    assert watch(sim, "watchdog", 5 * HALF_S) == []  # this process itself stands still
    outputs.processes[0].send_signal(signal.SIGCONT)


def test_a_busy_line_names_its_holder_and_ends_the_wave(outputs: Outputs, sim: GpioSim, tmp_path: Path) -> None:
    other = Outputs(tmp_path / "other")
    other.folder.mkdir()
    other.pins = {"outputs": {"kind": "gpio", "chip": LABEL, "charge_disconnect": 5, "load_disconnect": "load"}}
    try:
        started(other)
        talker = started(outputs, watchdog="watchdog")
        state = talker.beat()["state"]
        assert state["errors"] == {
            "load_disconnect": f"line load of {sim.name} ({LABEL}) is held by 'smallbms-outputs'"
        }
        assert (state["pins"]["charge_disconnect"], state["pins"]["load_disconnect"]) == (True, None)
        assert watch(sim, "watchdog", 5 * HALF_S) == []
        other.end()
        wait_for(lambda: talker.beat()["state"]["errors"] == {}, "the line that is free now")
        assert sim.level("load")
        assert watch(sim, "watchdog", 5 * HALF_S)
    finally:
        other.end()


@pytest.fixture
def relays(sim: GpioSim, tmp_path: Path) -> Iterator[Path]:
    """The first two lines as Venus OS exports the relays of a GX: the folder of their links."""
    (base,) = (
        int((chip / "base").read_text())
        for chip in SYSFS.glob("gpiochip*")
        if (chip / "label").read_text().strip() == LABEL
    )
    folder = tmp_path / "gpio"
    folder.mkdir()
    for relay in (1, 2):
        number = base + relay - 1
        (SYSFS / "export").write_text(str(number))
        (SYSFS / f"gpio{number}" / "direction").write_text("out")
        (folder / f"relay_{relay}").symlink_to(SYSFS / f"gpio{number}")
    yield folder
    for relay in (1, 2):
        (SYSFS / "unexport").write_text(str(base + relay - 1))


def test_the_relays_of_a_gx_are_driven_where_venus_os_has_exported_them(
    outputs: Outputs, sim: GpioSim, relays: Path
) -> None:
    talker = started(
        outputs,
        charge_disconnect={"kind": "gx-relay", "relay": 0, "chip": str(relays)},
        load_disconnect={"kind": "gx-relay", "relay": 1, "chip": str(relays)},
    )
    assert levels(sim)[:2] == (False, False)
    state = talker.beat(outputs={**ALL, "atd": False})["state"]
    assert (levels(sim)[:2], state["errors"]) == ((True, False), {})
    (relays / "relay_2" / "value").write_text("1")  # somebody else
    wait_for(lambda: levels(sim)[:2] == (True, False), "the relay as it was")
    assert "relay_2/value was switched by another program" in outputs.log()
    outputs.processes[0].kill()
    outputs.processes[0].wait()
    assert sim.level("charge")  # sysfs keeps it
    outputs.start()
    assert levels(sim)[:2] == (False, False)


def test_a_relay_taken_for_a_line_says_what_it_is(outputs: Outputs, sim: GpioSim, relays: Path) -> None:
    state = started(outputs).beat()["state"]
    assert state["errors"]["charge_disconnect"] == (
        f"line 0 of {sim.name} ({LABEL}) is held by 'sysfs': a relay of a GX is of kind \"gx-relay\""
    )


# --- with the main process ---------------------------------------------------------------------------------------


class Wired(System):
    """A whole system whose outputs are lines with contactors.

    Their auxiliary contacts follow TRAVEL_S later, unless one is forced.
    """

    def __init__(self, folder: Path, sim: GpioSim) -> None:
        outputs = ""
        for output, line in (("charge_disconnect", "charge"), ("load_disconnect", "load")):
            outputs += f'[outputs.{output}]\nkind = "gpio"\nchip = "{LABEL}"\nline = "{line}"\n'
            outputs += f'feedback = {{ line = "{line}_contact" }}\n'
        super().__init__(folder, extra=outputs)
        self.sim = sim
        self.forced = ""

    async def contactors(self) -> None:
        while True:
            levels = {line: self.sim.level(line) for line in ("charge", "load")}
            asyncio.get_running_loop().call_later(TRAVEL_S, self._moved, levels)
            await asyncio.sleep(0.005)

    def _moved(self, levels: dict[str, bool]) -> None:
        for line, level in levels.items():
            self.sim.pull(f"{line}_contact", level and line != self.forced)


@pytest.fixture
async def wired(sim: GpioSim, tmp_path: Path) -> AsyncIterator[Wired]:
    system = Wired(tmp_path, sim)
    contactors = asyncio.create_task(system.contactors())
    try:
        await system.daemon.start()
        await system.battery.start()
        await system.start_outputs()
        yield system
    finally:
        contactors.cancel()
        await asyncio.gather(contactors, return_exceptions=True)
        await system.stop()


async def test_a_contactor_that_takes_its_time_is_no_fault(wired: Wired) -> None:
    await wired.start_main()
    await wired.main.said("is on the bus")
    client = await wired.connect()
    await client.shows(BOTH_ON)
    for _ in range(3):
        assert await client.set("/Mode", 252) == 0
        await client.shows(BOTH_OFF)
        assert await client.set("/Mode", 3) == 0
        items = await client.shows(BOTH_ON)
        assert items["/Alarms/InternalFailure"] == 0


async def test_a_contactor_that_opens_is_found_and_alarmed_in_its_own_direction_only(wired: Wired) -> None:
    await wired.start_main()
    await wired.main.said("is on the bus")
    client = await wired.connect()
    for line, shown, code, reasons in (
        ("charge", NO_CHARGE, "output_fault_charge", "/Info/Reasons/Charge"),
        ("load", NO_DISCHARGE, "output_fault_load", "/Info/Reasons/Discharge"),
    ):
        await client.shows(BOTH_ON)
        wired.forced = line
        items = await client.shows({**shown, "/Alarms/InternalFailure": 2})
        assert codes(items[reasons]) == {code}
        assert {name: wired.sim.level(name) for name in ("charge", "load")} == {
            "charge": line != "charge",
            "load": line != "load",
        }
        wired.forced = ""
        assert await client.set("/Alarms/Acknowledge", 1) == 0
    await client.shows(BOTH_ON)
