"""What was taken away stays away over a kill: the first decision of the next process knows it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .client import Items
from .harness import BOTH_OFF, BOTH_ON, NO_CHARGE, NO_DISCHARGE, System, codes, running
from .programs import DEADLINE_S

INITIALIZING = 4
Step = Callable[[System], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """How a reason is tripped, and how its cause goes away while nobody looks."""

    code: str
    way: str  # Charge or Discharge
    shown: Items
    trip: Step
    mend: Step

    @property
    def never_again(self) -> tuple[str, ...]:
        """What the outputs process may not say any more."""
        said = {"/Io/AllowToCharge": "atc on", "/Io/AllowToDischarge": "atd on"}
        return tuple(said[path] for path, allowed in self.shown.items() if not allowed)


async def nothing(_: System) -> None:
    """The cause is gone by itself."""


async def empty_a_cell(system: System) -> None:
    """A battery that comes back from a loss is judged at once, as at the start: no 30 s of pre-alarm."""
    await system.main.terminate()
    system.pack.cells_v[0] = 2.79
    await system.start_main()


async def recover_the_cell_a_little(system: System) -> None:
    system.pack.cells_v[0] = 3.15  # above the limit, below the release


async def reach_the_floor(system: System) -> None:
    assert await system.client.set("/Settings/Battery/StateOfCharge", 9) == 0


async def overload(system: System) -> None:
    system.pack.current_a = 201.0  # above the limit of 10 s: two readings are enough


async def unload(system: System) -> None:
    system.pack.current_a = 0.0


async def draw_too_much(system: System) -> None:
    system.pack.current_a = -201.0


async def freeze(system: System) -> None:
    system.pack.temperatures_c = (4.0, 4.0)


async def thaw_a_little(system: System) -> None:
    system.pack.temperatures_c = (6.0, 6.0)  # above the limit, below the release


async def break_the_pins(system: System) -> None:
    system.pins_file.unlink()
    system.pins_file.mkdir()  # neither read nor written


async def mend_the_pins(system: System) -> None:
    system.pins_file.rmdir()


async def switch_to_standby(system: System) -> None:
    assert await system.client.set("/Mode", 252) == 0


CASES = (
    Case("low_cell", "Discharge", NO_DISCHARGE, empty_a_cell, recover_the_cell_a_little),
    Case("floor", "Discharge", NO_DISCHARGE, reach_the_floor, nothing),
    Case("over_current", "Charge", NO_CHARGE, overload, unload),
    Case("over_current", "Discharge", NO_DISCHARGE, draw_too_much, unload),
    Case("charge_cold", "Charge", NO_CHARGE, freeze, thaw_a_little),
    Case("output_fault_charge", "Charge", BOTH_OFF, break_the_pins, mend_the_pins),
    Case("output_fault_load", "Discharge", BOTH_OFF, break_the_pins, mend_the_pins),
    Case("mode_off", "Discharge", BOTH_OFF, switch_to_standby, nothing),
)


def reason(items: Items, way: str, code: str) -> dict[str, Any]:
    """One reason as the bus shows it."""
    found: dict[str, Any] = next(r for r in json.loads(items[f"/Info/Reasons/{way}"]) if r["code"] == code)
    return found


async def kept(case: Case, system: System) -> None:
    """Wait until it is on the disk: within milliseconds of the trip, by a thread of its own."""
    async with asyncio.timeout(10):
        while True:
            tripped = any(latch["tripped"] for latch in (await system.slot("engine")).get("latches", ()))
            settings = await system.slot("settings")
            if (settings.get("mode") == 252) if case.code == "mode_off" else tripped:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.way}".lower())
async def test_a_tripped_reason_outlives_a_kill(case: Case, tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await case.trip(system)
        place = f"/Info/Reasons/{case.way}"
        before = await system.shows({**case.shown, place: lambda text: case.code in codes(text)})
        await kept(case, system)
        killed_at_s = time.monotonic()
        await system.main.kill()
        await system.client.vanished()
        await case.mend(system)
        said, heard = len(system.outputs.lines), len(system.client.seen)
        await system.start_main()
        first = await system.client.items()
        assert case.code in codes(first[place])
        assert first[f"/Io/AllowTo{case.way}"] == 0
        again = await system.shows({**case.shown, "/State": lambda state: state != INITIALIZING})
        later_s = reason(again, case.way, case.code)["since"] - reason(before, case.way, case.code)["since"]
        assert -2 <= later_s <= time.monotonic() - killed_at_s + 2  # the time between two processes is not counted
        assert not [line for line in system.outputs.lines[said:] if any(text in line.text for text in case.never_again)]
        assert (f"/Io/AllowTo{case.way}", 1) not in [(path, value) for _, path, value in system.client.seen[heard:]]


@pytest.mark.parametrize("way", ["Charge", "Discharge"])
async def test_a_third_overcurrent_is_held_over_a_kill_with_the_time_that_is_left(way: str, tmp_path: Path) -> None:
    """Two earlier trips within 15 min are in the store: this one holds for 15 min from its own moment."""
    async with running(tmp_path) as system:
        await system.main.terminate()
        await prepare(system, f"over_current_{way.lower()}", tripped_for_s=600.0)
        began_s = time.time() - 600.0
        for _ in range(2):
            await system.start_main()
            items = await system.shows({f"/Io/AllowTo{way}": 0, "/State": lambda state: state != INITIALIZING})
            held = reason(items, way, "over_current")
            assert "15 min from the trip" in held["text"]
            assert abs(held["since"] - began_s) <= 5
            await system.main.kill()
            await system.client.vanished()


async def prepare(system: System, row: str, *, tripped_for_s: float) -> None:
    """Put a held over-current into the store that a stopped main process has left."""
    latch = {
        "row": row, "key": 1, "tripped": True, "tripped_for_s": tripped_for_s,
        "trips_ago_s": [tripped_for_s + 200.0, tripped_for_s + 100.0, tripped_for_s], "held": True,
        "charged_ah": 0.0, "mark": 0.0,
        "finding": {"battery": 1, "cell": None, "value": 201.0, "limit": 100.0},
    }  # fmt: skip
    await system.write_slot("engine", await system.slot("engine") | {"latches": [latch]})


async def test_a_fault_of_an_output_goes_when_it_is_mended_and_then_acknowledged(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await break_the_pins(system)
        await system.shows({**BOTH_OFF, "/ErrorCode": 36, "/Alarms/InternalFailure": 2})
        assert (await system.command("acknowledge")).status == 0
        await mend_the_pins(system)
        await system.pins(charge_disconnect=False, load_disconnect=False)
        await system.shows(BOTH_OFF)
        async with asyncio.timeout(DEADLINE_S):
            while not (await system.client.items())["/Io/AllowToCharge"]:
                await system.client.set("/Alarms/Acknowledge", 1)
        await system.shows(BOTH_ON)
        await system.pins(charge_disconnect=True, load_disconnect=True)
