"""The loop with a real outputs process: what makes it step, who hears of it in which order, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.bench_battery import BenchBattery, model
from outputs.outputs_process import DEADLINE_S, Outputs
from smallbms.core import engine, saving
from smallbms.core.state import Snapshot
from smallbms.loop import Loop
from smallbms.memory import ENGINE, Memory
from smallbms.model import BankSpec, Decision, DeviceIdentity, LinkHealth, Member
from smallbms.settings import Settings
from smallbms.store import Store
from smallbms.words import Fault, ReasonCode, UpdatePhase

MODEL = model()
HIGH_CELL_V = 3.80
NEAR_CELL_V = 3.72
IDENTITY = DeviceIdentity(serial="SB1", version="2.0", product_id=0xFFFF, instance=0, connection="test")


class Wire:
    """A link that only notes what it is asked for."""

    def __init__(self, numbers: Collection[int]) -> None:
        self.numbers = frozenset(numbers)
        self.urged: list[int] = []
        self.near: frozenset[int] = frozenset()
        self.health = LinkHealth(name="/dev/ttyUSB0", batteries=tuple(sorted(numbers)), open=True)

    def urge(self, number: int) -> None:
        self.urged.append(number)

    def set_near_limit(self, numbers: Collection[int]) -> None:
        self.near = frozenset(numbers)


class System:
    """A loop, its batteries, and every snapshot with what the pins showed when it came."""

    def __init__(self, outputs: Outputs, count: int, readable_before: frozenset[int]) -> None:
        self.batteries = {
            n: BenchBattery(model=MODEL, key=f"works {n}", cells_v=[3.3] * MODEL.cells, soc_pct=50.0)
            for n in range(1, count + 1)
        }
        self.wire = Wire(self.batteries)
        self.heard: list[tuple[Snapshot, tuple[bool, bool]]] = []
        self.kept: dict[str, dict[str, Any]] = {}
        self._outputs = outputs
        self.vbat_v: Callable[[], float | None] = lambda: None
        store = Store(outputs.folder / "state")
        self.loop = Loop(
            spec=BankSpec(members=tuple(Member(number=n, model=MODEL) for n in self.batteries), series=1),
            state=engine.begin(asyncio.get_running_loop().time()),
            settings=Settings(),
            identity=IDENTITY,
            store=store,
            memory=Memory(self),
            outputs_path=str(outputs.socket),
            pins=outputs.pins,
            readable_before=readable_before,
            vbat_v=self._measured_vbat,
        )
        self.loop.attach([self.wire])  # type: ignore[list-item]
        self.loop.publish = self._hear

    def read(self, number: int = 1, **changes: Any) -> None:
        """Have a battery read now."""
        battery = self.batteries[number]
        for name, value in changes.items():
            setattr(battery, name, value)
        self.loop.on_reading(number, battery.reading(asyncio.get_running_loop().time()))

    def save(self, name: str, data: dict[str, Any], *, urgent: bool = False) -> None:
        """What the next process would find."""
        self.kept[name] = data

    @property
    def last(self) -> Snapshot:
        return self.heard[-1][0]

    def _measured_vbat(self, _now_s: float) -> float | None:
        return self.vbat_v()

    def _hear(self, snapshot: Snapshot) -> None:
        pins = json.loads(self._outputs.pins_file.read_text()) if self._outputs.pins_file.exists() else {}
        self.heard.append((snapshot, (pins.get("charge_disconnect", False), pins.get("load_disconnect", False))))


@pytest.fixture
def outputs(tmp_path: Path) -> Iterator[Outputs]:
    """The process, not started yet."""
    under_test = Outputs(tmp_path)
    try:
        yield under_test
    finally:
        under_test.end()


@asynccontextmanager
async def running(
    outputs: Outputs, count: int = 1, readable_before: frozenset[int] = frozenset()
) -> AsyncIterator[System]:
    system = System(outputs, count, readable_before)
    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(system.loop.outputs.run()), tasks.create_task(system.loop.run())]
        try:
            yield system
        finally:
            for task in work:
                task.cancel()


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not what():
            await asyncio.sleep(0.005)


async def allowing(system: System) -> None:
    """All are read, both are allowed."""
    for number in system.batteries:
        system.read(number)
    await until(lambda: system.heard and system.heard[-1][1] == (True, True))


async def allowing_with_extremes(system: System) -> None:
    """The same, of boards that tell their lowest and highest cell, as all drivers of single cells do."""
    for battery in system.batteries.values():
        battery.cell_min_v = battery.cell_max_v = 3.3
    await allowing(system)


async def test_a_reading_is_decided_on_before_its_link_goes_on(outputs: Outputs) -> None:
    outputs.start(silence_s=2.0)
    async with running(outputs) as system:
        await allowing(system)
        stepped_at_s = system.loop.stepped_at_s
        system.read()
        assert system.loop.stepped_at_s > stepped_at_s


async def test_calm_readings_that_follow_a_step_are_decided_on_together_and_soon(outputs: Outputs) -> None:
    outputs.start(silence_s=2.0)
    async with running(outputs, count=3) as system:
        await allowing_with_extremes(system)
        for _ in range(10):
            system.loop.wake()
            stepped_at_s = system.loop.stepped_at_s
            await until(lambda since_s=stepped_at_s: system.loop.stepped_at_s > since_s)
            stepped_at_s = system.loop.stepped_at_s
            for number in system.batteries:
                system.read(number)
            if system.loop.stepped_at_s == stepped_at_s:
                break
        assert system.loop.stepped_at_s == stepped_at_s
        await until(lambda: system.last.decision.at_s > stepped_at_s)
        assert system.last.decision.at_s - stepped_at_s < engine.STEP_S / 2
        assert all(battery.valid_at_s > stepped_at_s for battery in system.last.decision.bank.batteries)


@pytest.mark.parametrize(
    "changes",
    [
        {"cell_max_v": 3.33},
        {"cell_min_v": 3.27},
        {"cell_max_v": None},
        {"cells_v": [3.3] * (MODEL.cells + 1)},
        {"faults": {Fault.CELL_HIGH}},
        {"charge_switch_on": False},
        {"discharge_switch_on": False},
    ],
)
async def test_a_reading_that_may_matter_is_decided_on_at_once(outputs: Outputs, changes: dict[str, Any]) -> None:
    """Also right after a step, in a bank of many."""
    outputs.start(silence_s=2.0)
    async with running(outputs, count=3) as system:
        await allowing_with_extremes(system)
        for number in system.batteries:
            system.read(number)
        stepped_at_s = system.loop.stepped_at_s
        system.read(2, **changes)
        assert system.loop.stepped_at_s > stepped_at_s


async def test_it_steps_at_least_every_half_second_with_nothing_new(outputs: Outputs) -> None:
    outputs.start(silence_s=2.0)
    async with running(outputs) as system:
        await allowing(system)
        begun = len(system.heard)
        await until(lambda: len(system.heard) >= begun + 3)
    steps_s = [snapshot.decision.at_s for snapshot, _ in system.heard[begun:]]
    assert steps_s == sorted(set(steps_s))
    assert steps_s[-1] - steps_s[0] < 2 * engine.STEP_S * (len(steps_s) - 1)


def is_on_time(now: Decision, after: Decision) -> bool:
    """The step after this one came when a delay ended, which was well before the half second was over."""
    return now.wake_at_s < now.at_s + engine.STEP_S - 0.1 and 0.0 <= after.at_s - now.wake_at_s < 0.1


async def test_it_steps_when_a_delay_ends(outputs: Outputs) -> None:
    """The second reading of a high cell is waited for no longer than a second, whatever else makes it step."""
    outputs.start(silence_s=2.0)
    async with running(outputs) as system:
        await allowing(system)
        for cell_v in (HIGH_CELL_V, 3.3) * 5:
            system.read(cells_v=[cell_v] * MODEL.cells)
            await asyncio.sleep(0.3)
            system.loop.wake()
            await asyncio.sleep(0.2)
            decisions = [snapshot.decision for snapshot, _ in system.heard]
            if any(is_on_time(*both) for both in pairwise(decisions)):
                return
            await asyncio.sleep(0.6)
    pytest.fail("no step at the end of a delay")


async def test_nobody_hears_of_a_permission_before_it_is_on_the_pins(outputs: Outputs) -> None:
    outputs.start(silence_s=2.0)
    async with running(outputs) as system:
        await allowing(system)
        for _ in range(2):
            system.read(cells_v=[HIGH_CELL_V, 3.3, 3.3, 3.3])
            await asyncio.sleep(0.02)
        await until(lambda: not system.last.decision.allow_to_charge)
    told = {((s.decision.allow_to_charge, s.decision.allow_to_discharge), pins) for s, pins in system.heard}
    assert told == {((True, True), (True, True)), ((False, True), (False, True))}
    assert {ReasonCode.HIGH_CELL} == {reason.code for reason in system.last.decision.reasons}


async def test_links_hear_who_is_near_a_limit_and_whose_cells_are_urgent(outputs: Outputs) -> None:
    outputs.start(silence_s=2.0)
    async with running(outputs, count=2) as system:
        await allowing(system)
        assert (system.wire.near, system.wire.urged) == (frozenset(), [])
        system.read(2, cells_v=[NEAR_CELL_V] * MODEL.cells)
        assert (system.wire.near, system.wire.urged) == ({2}, [])
        system.read(1, cells_v=[HIGH_CELL_V] * MODEL.cells)
        assert system.wire.near == {1, 2}
        assert set(system.wire.urged) == {1}
        system.read(2, cells_v=[3.3] * MODEL.cells)
        assert system.wire.near == {1}


async def test_publishers_hear_how_the_links_are_doing(outputs: Outputs) -> None:
    outputs.start(silence_s=2.0)
    async with running(outputs) as system:
        await allowing(system)
        assert system.last.links == (system.wire.health,)
        before, system.wire.health = system.wire.health, replace(system.wire.health, frames_ok=7)
        system.read()
        assert all(s.links == (before,) for s, _ in system.heard), "nobody is told of every frame"
        await until(lambda: system.last.links == (system.wire.health,))


async def test_a_wish_is_decided_on_at_once(outputs: Outputs) -> None:
    outputs.start(silence_s=2.0)
    async with running(outputs) as system:
        await allowing(system)
        system.loop.door.apply("custom_name", "the shed", "test")
        await until(lambda: system.last.identity.custom_name == "the shed")
        system.loop.door.apply("discharge_floor_pct", 70, "test")
        await until(lambda: system.heard[-1][1] == (True, False))
        assert system.last.settings.discharge_floor_pct == 70


async def test_without_an_outputs_process_it_decides_and_says_so(outputs: Outputs) -> None:
    async with running(outputs) as system:
        system.read()
        assert system.heard == []  # the outputs process is given time to answer first
        await until(lambda: system.heard)
        assert not system.last.outputs.reachable
        outputs.start(silence_s=2.0)
        await until(lambda: system.last.outputs.reachable)


async def test_what_a_step_raises_ends_the_process(outputs: Outputs) -> None:
    """In the callback of a link as in that of the timer: both are callbacks of the loop, whose handler ends it."""
    outputs.start(silence_s=2.0)
    raised: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))

    def break_down() -> float | None:
        raise ZeroDivisionError

    async with running(outputs) as system:
        await allowing(system)
        system.vbat_v = break_down
        with pytest.raises(ZeroDivisionError):
            system.read()
        system.loop.wake()
        await until(lambda: raised)
    assert [type(error) for error in raised] == [ZeroDivisionError]


async def test_a_new_version_is_healthy_once_all_that_were_read_before_are_read(outputs: Outputs) -> None:
    outputs.start(silence_s=2.0)
    async with running(outputs, count=3) as system:
        await allowing(system)
    assert outputs.talk().install("update_begin", "2.0")["ok"]
    before = frozenset({1, 2, 4})  # the fourth is configured no more
    async with running(outputs, count=3, readable_before=before) as system:
        await until(lambda: system.loop.outputs.state)
        system.read(1)
        system.read(3)
        begun = len(system.heard)
        await until(lambda: len(system.heard) >= begun + 3)
        assert system.last.outputs.update is UpdatePhase.RUNNING
        assert saving.readable(system.kept[ENGINE]) >= {1, 2}, "a second start of it must read them all too"
        system.read(2)
        await until(lambda: system.last.outputs.update is UpdatePhase.NONE)
        system.loop.keep_all()
        assert saving.readable(system.kept[ENGINE]) == {1, 2, 3}
