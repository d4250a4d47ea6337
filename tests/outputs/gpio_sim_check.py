"""Check the outputs process on a kernel with gpio-sim: `python tests/outputs/gpio_sim_check.py`, as root.

Few kernels have that module, so this is a program to be run by hand and no test; it ends with status 1 at a fault.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from outputs_process import Outputs, Talker, wait_until

from smallbms.errors import OutputError
from smallbms.outputs import gpio

CONFIG = Path("/sys/kernel/config/gpio-sim/smallbms")
LABEL = "smallbms-sim"
LINES = {"charge": 0, "load": 1, "alarm": 2, "red": 3, "blue": 4, "contact": 5, "remote_l": 6, "remote_h": 7, "low": 8}
PINS = {
    "outputs": {
        "kind": "gpio",
        "chip": LABEL,
        "charge_disconnect": LINES["charge"],
        "load_disconnect": {"line": "load", "feedback": "contact"},
        "pre_alarm": "alarm",
        "red_led": {"line": LINES["red"], "active_low": True},
        "blue_led": "blue",
    },
    "remote": {"kind": "gpio", "chip": LABEL, "l": "remote_l", "h": "remote_h"},
}


class Simulator:
    """The other side of the lines."""

    def __init__(self) -> None:
        bank = CONFIG / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text("16")
        (bank / "label").write_text(LABEL)
        for name, offset in LINES.items():
            (bank / f"line{offset}").mkdir()
            (bank / f"line{offset}" / "name").write_text(name)
        (CONFIG / "live").write_text("1")
        device = (CONFIG / "dev_name").read_text().strip()
        self._folder = Path("/sys/devices/platform") / device / (bank / "chip_name").read_text().strip()

    def level(self, name: str) -> bool:
        return (self._folder / f"sim_gpio{LINES[name]}" / "value").read_text().strip() == "1"

    def pull(self, name: str, up: bool) -> None:
        (self._folder / f"sim_gpio{LINES[name]}" / "pull").write_text("pull-up" if up else "pull-down")

    def levels(self) -> tuple[bool, ...]:
        return tuple(self.level(name) for name in ("charge", "load", "alarm", "red"))


def expect(what: str, passed: bool) -> None:
    print("ok  " if passed else "FAIL", what, flush=True)
    if not passed:
        sys.exit(1)


def check_lines(sim: Simulator) -> None:
    with gpio.open_chip(LABEL) as chip:
        name = chip.name
        with_flags = gpio.Flag.OUTPUT | gpio.Flag.ACTIVE_LOW
        line = chip.request("low", with_flags)
        expect("an active-low output begins high on the wire", sim.level("low") and line.get() is False)
        line.set(True)
        expect("on is low on the wire", not sim.level("low") and line.get())
        try:
            chip.request(LINES["low"], gpio.Flag.OUTPUT)
            expect("a held line is refused", False)
        except OutputError as error:
            expect(f"a held line names its holder: {error}", gpio.CONSUMER in str(error))
        line.close()
    with gpio.open_chip(name) as by_name, gpio.open_chip(f"/dev/{name}") as by_path:
        expect("a chip is found by label, name and path", by_name.label == by_path.label == LABEL)


def check_remote(sim: Simulator, talker: Talker) -> None:

    def follows(on: bool) -> bool:
        return talker.beat()["state"]["remote"]["on"] is on and sim.level("load") is on

    cases = [(True, False, False), (False, False, True), (True, True, True), (False, True, True), (True, False, False)]
    for l_high, h_high, on in cases:
        sim.pull("remote_l", l_high)
        sim.pull("remote_h", h_high)
        started_s = time.monotonic()
        wait_until(partial(follows, on))
        wait_ms = (time.monotonic() - started_s) * 1000
        expect(f"L {'high' if l_high else 'low'}, H {'high' if h_high else 'low'}: {on} ({wait_ms:.0f} ms)", True)
    sim.pull("remote_h", True)
    wait_until(lambda: talker.beat()["state"]["remote"]["on"])
    sim.pull("remote_h", False)
    wait_until(lambda: not sim.level("load") and not sim.level("charge"))
    expect("remote off acts on its edge, without a heartbeat", True)
    sim.pull("remote_h", True)


def check_process(sim: Simulator, outputs: Outputs) -> None:
    outputs.pins = PINS
    process = outputs.start(silence_s=1.0)
    talker = outputs.control()
    expect("off, red solid, before the first heartbeat", sim.levels() == (False, False, False, False))
    expect("open terminals rest at off", not talker.beat()["state"]["remote"]["on"])
    sim.pull("remote_h", True)  # after the request: asking for a bias moves the simulated level too
    wait_until(lambda: talker.beat()["state"]["remote"]["on"])
    answer = talker.beat()
    expect("on with the answer of the heartbeat", sim.levels() == (True, True, True, True))
    state = answer["state"]
    expect("read back as commanded", list(state["pins"].values())[:4] == [True, True, True, False])
    expect(f"no errors: {state['errors']}", state["errors"] == {})
    sim.pull("contact", True)
    expect("the feedback contact is read", talker.beat()["state"]["feedback"] == {"load_disconnect": True})
    seen: set[bool] = set()
    end_s = time.monotonic() + 3.0
    while len(seen) < 2 and time.monotonic() < end_s:
        talker.beat()
        seen.add(sim.level("blue"))
        time.sleep(0.05)
    expect("the blue LED blinks", seen == {True, False})
    check_remote(sim, talker)
    talker.beat()
    wait_until(lambda: sim.levels() == (False, False, False, False))
    expect("silence: all off, red solid", True)
    talker.say("arm", sent_at_s=time.monotonic())
    talker.beat()
    expect("on again after arm", sim.levels() == (True, True, True, True))
    process.send_signal(signal.SIGTERM)
    expect("ends with status 0", process.wait(10) == 0)
    expect("all off at the end", sim.levels()[:3] == (False, False, False))


def check_busy(sim: Simulator, outputs: Outputs) -> None:
    with gpio.open_chip(LABEL) as chip:
        held = chip.request("load", gpio.Flag.OUTPUT)
    outputs.start(silence_s=60.0)
    state = outputs.talk().say("state")["state"]
    expect(f"a busy line: {state['errors']}", state["pins"]["load_disconnect"] is None)
    expect("the other lines work", state["pins"]["charge_disconnect"] is False)
    held.close()
    wait_until(lambda: outputs.talk().say("state")["state"]["pins"]["load_disconnect"] is False)
    expect("it is taken when it becomes free", True)


def main() -> None:
    subprocess.run(["modprobe", "gpio-sim"], check=False, capture_output=True)
    sim = Simulator()
    check_lines(sim)
    with tempfile.TemporaryDirectory() as folder:
        outputs = Outputs(Path(folder))
        try:
            check_process(sim, outputs)
            check_busy(sim, outputs)
        finally:
            outputs.end()
            print(outputs.log())


if __name__ == "__main__":
    main()
