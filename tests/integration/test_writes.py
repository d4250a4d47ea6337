"""Every write over the bus: what is allowed is taken, all else is refused, and nothing that was not meant moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from smallbms.settings import ACTIONS, SET_SOC, SETTINGS

from .client import Items
from .harness import BOTH_OFF, BOTH_ON, System, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

TAKEN, REFUSED = 0, 1
SHUTDOWN = 12
ECHO = "/Battery/Request/Id"
SOC = "/Settings/Battery/StateOfCharge"
FLOOR, LOW_SOC, LOW_SOC_CLEAR = (
    "/Settings/Battery/DischargeFloor", "/Settings/Alarm/LowSoc", "/Settings/Alarm/LowSocClear",
)  # fmt: skip


@dataclass(frozen=True)
class Write:
    """A value that is taken, what is shown then (all but the path itself), and how the path is put back."""

    path: str
    value: Any
    shown: Any = ...
    moves: tuple[str, ...] = ()
    back: Any = None


OFF = (
    "/Io/AllowToCharge", "/Io/AllowToDischarge", "/Info/", "/State", "/Balancer/", "/System/NrOfModulesBlocking",
)  # fmt: skip
CHOSEN = (
    Write("/Settings/Battery/ChargedVoltage", 13.84, back=13.8),
    Write("/Settings/Battery/ChargedVoltage", "13.9", shown=13.9, back=13.8),
    Write("/Settings/Battery/TailCurrent", 0.5, back=4.0),
    Write("/Settings/Battery/TailCurrent", 10, shown=10.0, back=4.0),
    Write("/Settings/Battery/ChargedDetectionTime", 50.0, shown=50, back=3),
    Write("/Settings/Battery/ChargedDetectionTime", "1", shown=1, back=3),
    Write(LOW_SOC, 59, moves=(LOW_SOC_CLEAR,), back=15),
    Write(FLOOR, 14, back=10),
    Write(FLOOR, 0, moves=("/Info/Notices",), back=10),
    Write("/Settings/Battery/PreAlarmCellVoltage", 2.85, back=3.1),
    Write("/Settings/Battery/PreAlarmCellVoltage", 3.15, back=3.1),
    Write("/Settings/BluetoothMode", 0, back=1),
    Write("/CustomName", "Škuner 2", back=""),
    Write("/CustomName", "x" * 32, back=""),
    Write(ECHO, 1),
    Write("/Mode", 252, moves=OFF, back=3),
    Write("/Mode", "4", shown=4, moves=OFF, back=3),
)

WRITES = (
    *CHOSEN,
    *(
        Write(row.bus_path, row.bounds.maximum, back=row.bounds.default)
        for row in SETTINGS
        if row.bus_path not in {write.path for write in CHOSEN}
    ),
)

BAD: dict[str, tuple[Any, ...]] = {
    **{row.bus_path: ((row.bounds.maximum or 0) + 1, "not a number", None) for row in SETTINGS},
    "/Settings/Battery/ChargedVoltage": (13.59, 14.01, 0, -13.8, "full", None, float("nan"), float("inf")),
    "/Settings/Battery/TailCurrent": (0.49, 10.01, "", None),
    "/Settings/Battery/ChargedDetectionTime": (0, 51, 2.5, "3 min", None),
    LOW_SOC: (0, 100, 10, 15.5, "low", None),
    FLOOR: (-1, 91, 10.5, "ten", None),
    "/Settings/Battery/PreAlarmCellVoltage": (2.84, 3.16, "x", None),
    "/Settings/BluetoothMode": (2, -1, "maybe", None),
    "/Mode": (0, 1, 2, 5, 251, 253, -3, "party", None, float("nan")),
    "/CustomName": ("x" * 33, "two\nlines", 5, None),
    SOC: (-0.1, 100.1, 1000, "half", None, float("nan")),
    ECHO: (0, 2, -1, "one"),
    **{action.bus_path: (2, -1, 0.5, "yes", None) for action in ACTIONS},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    async with running(tmp_path_factory.mktemp("writes")) as shared:
        await shared.measured()
        yield shared


async def test_every_writable_path_is_tried() -> None:
    actions = {action.bus_path for action in ACTIONS}
    writable = {row.bus_path for row in (*SETTINGS, SET_SOC)} | actions | {ECHO}
    assert set(BAD) == writable
    assert {write.path for write in WRITES} == writable - actions - {SOC}


def moved(before: Items, after: Items) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


async def settled(system: System) -> Items:
    """All items once two engine steps and a turn of the measured values are over."""
    await system.more_beats(4)
    return await system.client.items()


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write.path.rpartition('/')[2]}={write.value}"[:40])
async def test_an_allowed_value_is_shown_and_nothing_else_moves(system: System, write: Write) -> None:
    before = await system.client.items()
    shown = write.value if write.shown is ... else write.shown
    assert await system.client.set(write.path, write.value) == TAKEN
    after = await system.shows({write.path: shown})
    if write.moves:
        after = await settled(system)
    unmeant = {path for path in moved(before, after) if not path.startswith((write.path, *write.moves))}
    assert not unmeant
    if write.back is not None:
        assert await system.client.set(write.path, write.back) == TAKEN
        await system.shows({write.path: before[write.path], "/Io/AllowToCharge": 1, "/Io/AllowToDischarge": 1})


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.rpartition("/")[2])
async def test_a_refused_value_changes_nothing(system: System, path: str) -> None:
    before = await system.client.items()
    for value in BAD[path]:
        assert await system.client.set(path, value) == REFUSED, value
    assert moved(before, await system.client.items()) == set()


async def test_nothing_else_can_be_written(system: System) -> None:
    before = await system.client.items()
    for path in sorted(before.keys() - BAD.keys()):
        assert await system.client.set(path, 1) == REFUSED, path
    assert moved(before, await settled(system)) == set()


async def test_a_floor_takes_the_warning_with_it_and_defaults_bring_both_back(system: System) -> None:
    before = await system.client.items()
    assert await system.client.set(FLOOR, 50) == TAKEN
    after = await system.shows({FLOOR: 50, LOW_SOC: 51, LOW_SOC_CLEAR: 52})
    assert moved(before, after) == {FLOOR, LOW_SOC, LOW_SOC_CLEAR}
    assert await system.client.set(LOW_SOC, 50) == REFUSED  # not above the floor
    assert await system.client.set("/Settings/RestoreDefaults", 1) == TAKEN
    after = await system.shows({FLOOR: 10, LOW_SOC: 15})
    assert moved(before, after) <= {"/Settings/RestoreDefaults"}


async def test_a_floor_above_the_state_of_charge_takes_discharging_at_once_and_gives_it_back(system: System) -> None:
    assert await system.client.set(FLOOR, 70) == TAKEN
    items = await system.shows({"/Io/AllowToDischarge": 0, "/Alarms/LowSoc": 2, "/Info/MaxDischargeCurrent": 0})
    assert items["/Io/AllowToCharge"] == 1
    assert "state of charge 60.0 %, the discharge floor is 70 %" in items["/Info/Reasons/Discharge/Text"]
    await system.pins(load_disconnect=False, charge_disconnect=True)
    assert await system.client.set("/Settings/RestoreDefaults", 1) == TAKEN
    await system.shows({"/Io/AllowToDischarge": 1, LOW_SOC: 15})
    await system.pins(load_disconnect=True)


async def test_a_state_of_charge_is_set_and_synchronised(system: System) -> None:
    for value, soc in ((44.4, 44.4), ("30", 30.0), (100, 100.0), (60, 60.0)):
        assert await system.client.set(SOC, value) == TAKEN
        items = await system.shows({"/Soc": soc})
        assert items[SOC] is None  # a state to set, not to read
    assert await system.client.set("/Settings/Battery/Synchronize", 1) == TAKEN
    items = await system.shows({"/Soc": 100.0, "/History/AutomaticSyncs": 1, "/Info/SocState": 2})
    assert items["/History/TimeSinceLastFullCharge"] is not None


async def test_the_history_is_cleared(system: System) -> None:
    assert await system.client.set("/Settings/Battery/Synchronize", 1) == TAKEN
    await system.shows({"/History/AutomaticSyncs": lambda count: count >= 1})
    assert await system.client.set("/History/Clear", 1) == TAKEN
    items = await system.shows({"/History/AutomaticSyncs": 0})
    assert items["/Soc"] == 100.0
    assert items["/Settings/Battery/TailCurrent"] == 4.0


async def test_one_command_switches_all_off_and_one_on(system: System) -> None:
    assert await system.command("set", "mode", "off") == (0, "Mode: off\n", "")
    await system.pins(charge_disconnect=False, load_disconnect=False, pre_alarm=False)
    await system.shows({**BOTH_OFF, "/Mode": 4, "/State": SHUTDOWN})
    assert await system.command("set", "mode", "on") == (0, "Mode: on\n", "")
    await system.pins(charge_disconnect=True, load_disconnect=True)
    await system.shows({**BOTH_ON, "/Mode": 3})


async def test_one_command_synchronises(system: System) -> None:
    assert await system.client.set(SOC, 60) == TAKEN
    await system.shows({"/Soc": 60.0})
    assert await system.command("synchronise") == (0, "Synchronise SoC to 100 %: done\n", "")
    await system.shows({"/Soc": 100.0, "/Info/SocState": 2})
