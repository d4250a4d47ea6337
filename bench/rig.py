"""A whole system of real processes: bus daemon, batteries on pseudo-terminals, outputs process, main process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from bench.battery_process import CAPACITY_AH, CELLS
from bench.processes import DEADLINE_S, Daemon, Helper, daemon, end, product, until
from velib_python import Connection, DbusError, connect

BUS_ITEM = "com.victronenergy.BusItem"
DBUS = "org.freedesktop.DBus"
BATTERY = "com.victronenergy.battery"
PINS = ("charge_disconnect", "load_disconnect")
CONFIGURATION = """\
[bank]
series = {series}
host_current_a = 0.4
{batteries}
[model.bench]
cells = {cells}
capacity_ah = {capacity_ah}
[outputs]
kind = "simulated"
state_file = "{folder}/pins.json"
[dbus]
bus = "{address}"
[store]
directory = "{folder}/state"
{extra}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """The batteries: the helper process that plays them, and their tables, where `{folder}` is its first argument."""

    module: str
    arguments: tuple[str, ...]
    tables: str
    cells: int = CELLS
    series: int = 1


def jbd_plant(count: int) -> Plant:
    """So many JBD batteries, each on a port of its own."""
    tables = [
        f'[[battery]]\ndriver = "jbd"\nport = "{{folder}}/battery{number}"\nmodel = "bench"\n'
        for number in range(1, count + 1)
    ]
    return Plant(module="bench.battery_process", arguments=(str(count),), tables="".join(tables))


class RigError(Exception):
    """The system under measurement does not do what it must before it can be measured."""


class Rig:
    """One system; `timed`: with a stopwatch in the main process's loop (timed_main.py)."""

    def __init__(self, folder: Path, bus: Daemon, batteries: Helper, stack: ExitStack, *, timed: bool) -> None:
        self.daemon = bus
        self.batteries = batteries
        self.name = ""
        self._folder = folder
        self._turns = folder / "turns.json"
        before = ["-m", "bench.timed_main", str(self._turns)] if timed else ["-m", "smallbms"]
        runtime = folder / "run"
        runtime.mkdir()
        socket = str(runtime / "outputs.sock")
        log = folder / "log"
        self.started_at_s = time.monotonic()
        self.outputs = stack.enter_context(product("-B", "-m", "smallbms.outputs", "--socket", socket, log=log))
        command = ("run", "--config", str(folder / "smallbms.toml"), "--runtime", str(runtime))
        self.main: Popen[bytes] = stack.enter_context(product(*before, *command, log=log))

    @property
    def log(self) -> str:
        """What its processes have said."""
        return (self._folder / "log").read_text(encoding="utf-8")

    def pins(self) -> tuple[bool, bool]:
        """Charge and load disconnect, as they are; both off where there is no file yet."""
        try:
            levels = json.loads((self._folder / "pins.json").read_bytes())
        except FileNotFoundError:
            return False, False
        return levels[PINS[0]], levels[PINS[1]]

    def turns(self) -> list[tuple[float, float, float]]:
        """End the main process: when, how long, and how much CPU each turn of its loop took, in seconds."""
        end(self.main)
        return _times(self._turns)

    def steps(self) -> list[tuple[float, float, float]]:
        """The same of each step of the engine."""
        end(self.main)
        return _times(self._turns.with_name(f"{self._turns.name}.steps"))

    async def order(self, battery: int = 1, **order: Any) -> float:
        """Have a battery become so: the moment when it did."""
        return float((await self.batteries.ask(battery=battery, **order))["at_s"])

    async def polls(self) -> int:
        """How often batteries have been asked so far, all together."""
        return sum((await self.batteries.ask(battery=1))["polls"])

    async def connect(self) -> Connection:
        return await connect(self.daemon.address)

    async def find(self, bus: Connection) -> float:
        """Wait for the service with values: when it had them. RigError if that does not come."""
        end_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < end_s and self.main.poll() is None:
            with contextlib.suppress(DbusError):
                self.name = self.name or await _service_name(bus)
                if self.name and (await self.values(bus)).get("/Dc/0/Voltage") is not None:
                    return time.monotonic()
            await asyncio.sleep(0.005)
        raise RigError(f"the system did not start:\n{self.log}")

    async def values(self, bus: Connection) -> dict[str, Any]:
        """Every path and its value; None = invalid."""
        (items,) = await bus.call(self.name, "/", BUS_ITEM, "GetItems")
        return {path: known(item["Value"]) for path, item in items.items()}

    async def value(self, bus: Connection, path: str) -> Any:
        (variant,) = await bus.call(self.name, path, BUS_ITEM, "GetValue")
        return known(variant)


def _times(file: Path) -> list[tuple[float, float, float]]:
    return [(at_s, wall_s, cpu_s) for at_s, wall_s, cpu_s in json.loads(file.read_bytes())]


def known(variant: Any) -> Any:
    """The value of a variant; None for the empty array that stands for invalid."""
    return None if variant.value == [] else variant.value


@contextlib.asynccontextmanager
async def running(
    count: int = 1, *, plant: Plant | None = None, timed: bool = False, extra: str = ""
) -> AsyncIterator[Rig]:
    """A system with these batteries, or so many of JBD, from the start of its processes on.

    `extra`: more tables of its configuration.
    """
    plant = plant or jbd_plant(count)
    with _folder() as folder, ExitStack() as stack:
        bus = stack.enter_context(daemon(folder))
        batteries = Helper(plant.module, str(folder), *plant.arguments)
        stack.callback(batteries.close)
        await batteries.ask()
        _configure(folder, bus.address, plant, extra)
        yield Rig(folder, bus, batteries, stack, timed=timed)


@contextlib.asynccontextmanager
async def allowing(
    count: int = 1, *, plant: Plant | None = None, timed: bool = False, extra: str = ""
) -> AsyncIterator[tuple[Rig, Connection]]:
    """The same once both permissions are given, and a connection to its bus. RigError if they never are."""
    async with running(count, plant=plant, timed=timed, extra=extra) as rig:
        bus = await rig.connect()
        await rig.find(bus)
        if math.isinf(await until(lambda: rig.pins() == (True, True))):
            raise RigError(f"the outputs stay off:\n{rig.log}")
        yield rig, bus
        await bus.close()


async def _service_name(bus: Connection) -> str:
    (names,) = await bus.call_daemon("ListNames")
    return next((name for name in names if name.startswith(BATTERY)), "")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="smallbms-bench-") as name:
        yield Path(name)


def _configure(folder: Path, address: str, plant: Plant, extra: str) -> None:
    text = CONFIGURATION.format(
        batteries=plant.tables.format(folder=folder), cells=plant.cells, series=plant.series,
        capacity_ah=CAPACITY_AH, folder=folder, address=address, extra=extra,
    )  # fmt: skip
    (folder / "smallbms.toml").write_text(text, encoding="utf-8")
