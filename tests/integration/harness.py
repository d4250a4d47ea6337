"""The whole service on private sockets: a bus, the outputs process, the main process, and JBD boards on PTYs.

The boards live in the test's own process, so that it can set their figures, make them misbehave and unplug them.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from private_bus import Daemon
from smallbms.emulators.jbd import JbdBoard
from smallbms.emulators.pty import PtyServer
from smallbms.model import BatteryReading, Identity
from smallbms.store import Store
from smallbms.store.record import unseal

from .client import Client, Items, Wanted
from .programs import DEADLINE_S, Program, Result, run_command, wait_for

MODEL = "12.8/100"
CAPACITY_AH = 100.0
BOTH_ON = {"/Io/AllowToCharge": 1, "/Io/AllowToDischarge": 1}
BOTH_OFF = {"/Io/AllowToCharge": 0, "/Io/AllowToDischarge": 0}
NO_CHARGE = {"/Io/AllowToCharge": 0, "/Io/AllowToDischarge": 1}
NO_DISCHARGE = {"/Io/AllowToCharge": 1, "/Io/AllowToDischarge": 0}


@dataclass
class Pack:
    """What a battery measures; its voltage is the sum of its cells."""

    cells_v: list[float] = field(default_factory=lambda: [3.300, 3.301, 3.302, 3.303])
    current_a: float = 0.0
    soc_pct: float = 60.0
    temperatures_c: tuple[float, ...] = (20.0, 21.0)

    def reading(self) -> BatteryReading:
        return BatteryReading(
            taken_at_s=0.0,
            cells_taken_at_s=0.0,
            identity=Identity(key="pack"),
            voltage_v=sum(self.cells_v),
            current_a=self.current_a,
            cell_voltages_v=tuple(self.cells_v),
            cell_temperatures_c=self.temperatures_c,
            remaining_ah=CAPACITY_AH * self.soc_pct / 100,
            capacity_ah=CAPACITY_AH,
            soc_pct=self.soc_pct,
        )


class Battery:
    """A JBD board at the end of a cable."""

    def __init__(self, port: Path) -> None:
        self.pack = Pack()
        self.board = JbdBoard(self.pack.reading)
        self.cable = PtyServer(self.board, port, baud=0)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._serving = asyncio.create_task(self.cable.run())
        await wait_for(self.cable.path.exists, "the port of a battery")

    async def stop(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)


class System:
    """Everything in one folder; parts may be started, killed and started again."""

    def __init__(
        self, folder: Path, *, batteries: int = 1, remote: bool = False, localsettings: bool = False, extra: str = ""
    ) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.runtime = folder / "run"
        self.socket = self.runtime / "outputs.sock"
        self.pins_file = folder / "pins.json"
        self.remote_file = folder / "remote.json"
        self.config_file = folder / "smallbms.toml"
        self.batteries = [Battery(folder / f"jbd{number}") for number in range(1, batteries + 1)]
        self.daemon = Daemon(folder)
        self.programs: list[Program] = []
        self._clients: list[Client] = []
        self._localsettings = localsettings
        self._extra = extra
        if remote:
            self.remote("open", "plus")
        self.runtime.mkdir(mode=0o700)
        self.config_file.write_text(self.config(with_remote=remote), encoding="utf-8")

    @property
    def battery(self) -> Battery:
        return self.batteries[0]

    @property
    def pack(self) -> Pack:
        return self.batteries[0].pack

    def config(self, *, with_remote: bool = False) -> str:
        """The configuration file, as a person would write it."""
        batteries = "".join(
            f'[[battery]]\ndriver = "jbd"\nport = "{battery.cable.path}"\nmodel = "{MODEL}"\n'
            for battery in self.batteries
        )
        remote = f'[remote]\nkind = "simulated"\nstate_file = "{self.remote_file}"\n' if with_remote else ""
        return (
            f"[bank]\nseries = 1\nhost_current_a = 0.4\n{batteries}"
            f'[outputs]\nkind = "simulated"\nstate_file = "{self.pins_file}"\n{remote}'
            f'[store]\ndirectory = "{self.state}"\n[service]\nname = "integration"\n'
            f'[dbus]\nbus = "{self.daemon.address}"\nlocalsettings = {str(self._localsettings).lower()}\n{self._extra}'
        )

    # --- parts -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Everything, until both permissions are given."""
        await self.daemon.start()
        for battery in self.batteries:
            await battery.start()
        await self.start_outputs()
        await self.start_main()
        self.client = await self.connect()
        await wait_for(lambda: "is on the bus" in self.main.text or not self.main.running, "the service on the bus")
        assert self.main.running, self.main.text
        await self.client.shows(BOTH_ON)
        await self.pins(charge_disconnect=True, load_disconnect=True)

    async def start_outputs(self, *arguments: str) -> Program:
        self.outputs = await self.run("smallbms.outputs", "--socket", str(self.socket), *arguments)
        await self.outputs.said("smallbms-outputs at")
        return self.outputs

    async def start_main(self) -> Program:
        self.main = await self.run("smallbms", *self.run_arguments())
        return self.main

    def run_arguments(self) -> tuple[str, ...]:
        return "run", "--config", str(self.config_file), "--runtime", str(self.runtime)

    async def run(self, module: str, *arguments: str) -> Program:
        program = Program(self.folder, module, *arguments)
        self.programs.append(program)
        await program.start()
        return program

    async def connect(self) -> Client:
        client = await Client.connect(self.daemon.address)
        self._clients.append(client)
        return client

    async def command(self, name: str, *arguments: str) -> Result:
        """A command that looks for the service on this system's bus."""
        return await run_command(self.folder, name, *arguments, "--bus", self.daemon.address)

    async def stop(self) -> None:
        """End whatever runs, and look through all that was said."""
        for program in self.programs:
            if program.running:
                program.send(signal.SIGCONT)
            await program.kill()
        for client in self._clients:
            await client.close()
        for battery in self.batteries:
            await battery.stop()
        await self.daemon.kill()
        for program in self.programs:
            assert "Traceback" not in program.text, program.text

    # --- pins --------------------------------------------------------------------------------------------------

    def remote(self, low: str, high: str) -> None:
        """Set the remote terminals; by rename, so that no half file is read."""
        fresh = self.remote_file.with_suffix(".new")
        fresh.write_text(json.dumps({"l": low, "h": high}), encoding="utf-8")
        fresh.rename(self.remote_file)

    def shown(self) -> dict[str, Any]:
        """What the pins show now."""
        shown: dict[str, Any] = json.loads(self.pins_file.read_text(encoding="utf-8"))
        return shown

    async def pins(self, *, seconds: float = DEADLINE_S, **wanted: object) -> float:
        """Wait until the pins show this; the time it took."""
        began_s = time.monotonic()
        await wait_for(
            lambda: self.pins_file.exists() and wanted.items() <= self.shown().items(), f"pins {wanted}", seconds
        )
        return time.monotonic() - began_s

    async def beats(self) -> int:
        """The sequence number of the last command that the outputs process obeyed, as anyone may ask."""
        reader, writer = await asyncio.open_unix_connection(str(self.socket))
        try:
            writer.write(b'{"op": "state"}\n')
            state = json.loads(await reader.readline())["state"]
        finally:
            writer.close()
            await writer.wait_closed()
        return int(state["sequence"] or 0)

    async def more_beats(self, count: int) -> None:
        """Wait until so many more commands were obeyed."""
        wanted = await self.beats() + count
        async with asyncio.timeout(DEADLINE_S):
            while await self.beats() < wanted:
                await asyncio.sleep(0.05)

    async def floating(self) -> float:
        """Wait until the pins show that nobody commands them; the time it took."""
        return await self.pins(charge_disconnect=False, load_disconnect=False, pre_alarm=False, red_led="on")

    # --- the store -----------------------------------------------------------------------------------------------

    def generation(self, name: str) -> int:
        """How often a slot was written."""
        slots = [unseal(file.read_bytes()) for file in self.state.glob(f"{name}.[ab].json")]
        return max((int(str(slot["generation"])) for slot in slots), default=0)

    async def saved(self, name: str, *, after: int) -> None:
        """Wait until a slot is newer than that."""
        await wait_for(lambda: self.generation(name) > after, f"a newer {name}")

    async def slot(self, name: str) -> dict[str, Any]:
        """What the main process kept."""
        return dict((await Store(self.state).load(name)).data or {})

    async def write_slot(self, name: str, data: dict[str, Any]) -> None:
        """Put something else into the store that a stopped main process has left."""
        store = Store(self.state)
        await store.load(name)
        writing = asyncio.create_task(store.run())
        store.save(name, data, urgent=True)
        assert await store.close()
        await writing

    # --- the bus -----------------------------------------------------------------------------------------------

    async def shows(self, wanted: Wanted, seconds: float = DEADLINE_S) -> Items:
        return await self.client.shows(wanted, seconds)

    async def measured(self) -> Items:
        """All items, once the measured ones had their turn too."""
        return await self.shows({**BOTH_ON, "/Soc": self.pack.soc_pct})

    async def why(self) -> str:
        result = await self.command("why")
        assert result.status == 0, result
        return result.out


def codes(reasons: str | None) -> set[str]:
    """The codes in /Info/Reasons/…"""
    return {reason["code"] for reason in json.loads(reasons or "[]")}


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[System]:
    """A whole system with both permissions given."""
    system = System(folder, **options)
    try:
        await system.start()
        yield system
    finally:
        await system.stop()
