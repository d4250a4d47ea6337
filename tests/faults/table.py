"""Every fault that is injected, what must come of it, and the table of what came."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from random import Random

from integration.programs import wait_for
from smallbms.drivers.jbd import Register

from .rigged import SMALLEST_FILE_BYTES, RiggedSystem
from .trial import BOTH, CHARGE, WORDS, Act, Fault, Outcome
from .wire import GARBAGE, OPEN_SENSORS, Garbage, pack_data

LOST_S = 10.0  # promised for a battery that gives no valid data
HANGS_S = 8.0  # three seconds without an answer, and a start on a busy machine
SILENCE_S = 2.5  # promised for a main process that gives no command
PLAUSIBLE_S = 10.0
HOUR_S, YEAR_S = 3600.0, 31_536_000.0
STANDS_STILL_S = 4.0
ON, STANDBY = 3, 252
RESTED_V, CHARGED_A = 3.301, 7.5
HEADINGS = ("fault", "outputs", "after", "said", "lost", "both on again")


# --- the wire ----------------------------------------------------------------------------------------------------


def garble(garbage: Garbage) -> Act:
    async def act(system: RiggedSystem, _random: Random) -> None:
        system.wires[0].garble(garbage)

    return act


async def ungarble(system: RiggedSystem, _random: Random) -> None:
    system.wires[0].garble(None)


def say(register: Register, payload: bytes) -> Act:
    async def act(system: RiggedSystem, _random: Random) -> None:
        system.battery.board.payloads[register] = payload

    return act


async def say_truth(system: RiggedSystem, _random: Random) -> None:
    system.battery.board.payloads.clear()


async def lose_a_cell(system: RiggedSystem, _random: Random) -> None:
    system.pack.cells_v.pop()


async def find_the_cell(system: RiggedSystem, _random: Random) -> None:
    system.pack.cells_v.append(RESTED_V)


async def unplug(system: RiggedSystem, _random: Random) -> None:
    system.battery.cable.unplug()


async def plug(system: RiggedSystem, _random: Random) -> None:
    system.battery.cable.plug()


# --- the bus -----------------------------------------------------------------------------------------------------


async def kill_bus(system: RiggedSystem, _random: Random) -> None:
    await system.daemon.kill()


async def restart_bus(system: RiggedSystem, _random: Random) -> None:
    await system.restart_bus()


async def stop_bus(system: RiggedSystem, _random: Random) -> None:
    system.daemon.stop()


async def resume_bus(system: RiggedSystem, _random: Random) -> None:
    system.daemon.resume()


async def go_deaf(system: RiggedSystem, _random: Random) -> None:
    await system.subscribe_deaf()
    for step in range(1, 4):
        system.pack.current_a = CHARGED_A / step
        await system.shows({"/Dc/0/Current": system.pack.current_a})


async def hear(system: RiggedSystem, _random: Random) -> None:
    system.pack.current_a = 0.0
    await system.attend()


# --- disk and clock ----------------------------------------------------------------------------------------------


async def fill_disk(system: RiggedSystem, _random: Random) -> None:
    system.limit_files(SMALLEST_FILE_BYTES)
    await write_something(system)


async def empty_disk(system: RiggedSystem, _random: Random) -> None:
    system.limit_files(None)


async def make_read_only(system: RiggedSystem, _random: Random) -> None:
    system.forbid_writing(True)
    await write_something(system)


async def make_writable(system: RiggedSystem, _random: Random) -> None:
    system.forbid_writing(False)


async def jam_log(system: RiggedSystem, _random: Random) -> None:
    """And let there be something to say: somebody switches to standby, and on again."""
    await system.rigged_main.jam()
    for mode, allowed in ((STANDBY, 0), (ON, 1)):
        assert await system.client.set("/Mode", mode) == 0
        await system.shows({"/Io/AllowToDischarge": allowed})


async def unjam_log(system: RiggedSystem, _random: Random) -> None:
    system.rigged_main.unjam()


async def write_something(system: RiggedSystem) -> None:
    """A person's change that has to be kept, and its way back."""
    for value in (6.5, 5.5):
        assert await system.client.set("/Settings/Battery/TailCurrent", value) == 0


def step_clock(by_s: float) -> Act:
    async def act(system: RiggedSystem, _random: Random) -> None:
        system.shift_clock(by_s)

    return act


# --- processes ---------------------------------------------------------------------------------------------------


async def kill_main(system: RiggedSystem, _random: Random) -> None:
    await system.main.kill()


async def start_main(system: RiggedSystem, _random: Random) -> None:
    await system.start_main()


async def stop_main(system: RiggedSystem, _random: Random) -> None:
    system.main.send(signal.SIGSTOP)


async def resume_main(system: RiggedSystem, _random: Random) -> None:
    system.main.send(signal.SIGCONT)


async def kill_main_and_lose_a_year(system: RiggedSystem, _random: Random) -> None:
    await system.main.kill()
    system.shift_clock(-YEAR_S)


async def kill_outputs(system: RiggedSystem, _random: Random) -> None:
    """And start it again, as its supervisor does."""
    await system.outputs.kill()
    await system.start_outputs()


async def hang_outputs(system: RiggedSystem, _random: Random) -> None:
    """It is killed; its supervisor starts another."""
    system.outputs.send(signal.SIGSTOP)
    await wait_for(lambda: not system.outputs.running, "the end of the outputs process that hangs")
    await system.start_outputs()


def _lost(name: str, inject: Act, mend: Act) -> Fault:
    """A battery that cannot be read any more."""
    return Fault(name=name, inject=inject, mend=mend, floats=BOTH, within_s=LOST_S, says=("lost_battery", "BmsCable 2"))


def _clock(name: str, by_s: float) -> Fault:
    return Fault(name=f"wall clock {name}", inject=step_clock(by_s), mend=step_clock(0.0))


FAULTS = (
    *(_lost(f"wire: {name}", garble(garbage), ungarble) for name, garbage in GARBAGE.items()),
    _lost("wire: silence", garble(lambda _request, _reply, _random: b""), ungarble),
    _lost("655 V, sound checksum", say(Register.PACK, pack_data(voltage_10mv=0xFFFF)), say_truth),
    _lost("cells of 65 V, sound checksum", say(Register.CELLS, b"\xff" * 8), say_truth),
    _lost("cells of 0 V, sound checksum", say(Register.CELLS, bytes(8)), say_truth),
    Fault(
        name="SoC of 255 %, 655 Ah, sound checksum",
        inject=say(Register.PACK, pack_data(soc_pct=255, remaining_10mah=0xFFFF)), mend=say_truth,
    ),
    Fault(
        name="temperature sensors open", inject=say(Register.PACK, pack_data(sensors=OPEN_SENSORS)), mend=say_truth,
        floats=(CHARGE,), within_s=PLAUSIBLE_S, says=("temperature_unread", "BatteryTemperatureSensor 2"),
    ),
    Fault(
        name="a battery changes its cell count", inject=lose_a_cell, mend=find_the_cell,
        floats=BOTH, within_s=PLAUSIBLE_S, says=("bank_error",),
    ),
    _lost("port vanishes and returns", unplug, plug),
    Fault(
        name="bus daemon killed", inject=kill_bus, mend=restart_bus,
        says=("not on the bus: the connection is lost",),
    ),
    Fault(name="bus daemon stands still for 4 s", inject=stop_bus, mend=resume_bus, lasts_s=STANDS_STILL_S),
    Fault(name="a subscriber that does not read", inject=go_deaf, mend=hear),
    Fault(name="disk full", inject=fill_disk, mend=empty_disk, says=("InternalFailure 1",)),
    Fault(name="disk read-only", inject=make_read_only, mend=make_writable, says=("InternalFailure 1",)),
    Fault(
        name="nobody reads the log; then mode standby, and on again", inject=jam_log, mend=unjam_log, floats=BOTH,
        within_s=SILENCE_S, says=("mode_off",),
    ),
    _clock("+2 h", 2 * HOUR_S),
    _clock("−2 h", -2 * HOUR_S),
    _clock("+1 year", YEAR_S),
    _clock("−1 year", -YEAR_S),
    Fault(
        name="kill -9 of the main process", inject=kill_main, mend=start_main,
        floats=BOTH, within_s=SILENCE_S, says=("the controlling client is gone: disarmed",),
    ),
    Fault(
        name="kill -9 and a start a year earlier by the clock", inject=kill_main_and_lose_a_year, mend=start_main,
        floats=BOTH, within_s=SILENCE_S, says=("the controlling client is gone: disarmed",),
    ),
    Fault(
        name="SIGSTOP of the main process", inject=stop_main, mend=resume_main,
        floats=BOTH, within_s=SILENCE_S, says=("no command for 2 s: disarmed",),
    ),
    Fault(
        name="outputs process killed, started again", inject=kill_outputs,
        floats=BOTH, within_s=SILENCE_S, says=("output_fault_charge", "output_fault_load", "InternalFailure 2"),
    ),
    Fault(
        name="outputs process hangs, its successor started by its supervisor", inject=hang_outputs,
        floats=BOTH, within_s=HANGS_S,
        says=("output_fault_charge", "output_fault_load", "InternalFailure 2", "did not answer 3 times and was killed"),
    ),
)  # fmt: skip


def faults_of(fault: Fault, outcome: Outcome) -> list[str]:
    """What came otherwise than it must; empty if all is well."""
    found = []
    if outcome.floated != fault.floats:
        found.append(f"floated: {outcome.floated}, wanted {fault.floats}")
    elif outcome.off_s is not None and outcome.off_s > fault.within_s:
        found.append(f"floated after {outcome.off_s:.1f} s, allowed are {fault.within_s:g} s")
    missing = [text for text in fault.says if not any(text in said for said in outcome.said)]
    if missing:
        found.append(f"not said: {', '.join(missing)}")
    if outcome.lost:
        found.append(f"lost: {', '.join(outcome.lost)}")
    return found


def markdown(outcomes: Mapping[Fault, Outcome]) -> str:
    """The table, one row a fault."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(_row(fault, outcome) for fault, outcome in outcomes.items())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _row(fault: Fault, outcome: Outcome) -> tuple[str, ...]:
    floated = " and ".join(WORDS[pin] for pin in outcome.floated)
    return (
        fault.name,
        f"{floated} float" if floated else "stay as they are",
        "–" if outcome.off_s is None else f"{outcome.off_s:.2g} s",
        ", ".join(f"`{text}`" for text in outcome.said) or "–",
        ", ".join(outcome.lost) or "nothing",
        f"{outcome.back_s:.1f} s" if outcome.floated else "–",
    )
