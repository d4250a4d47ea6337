"""Twelve batteries as one bank: what is found, and each way in which it is none, as people and programs see it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from smallbms.emulators.jbd import JbdBoard
from smallbms.emulators.pty import PtyServer
from smallbms.model import BatteryReading
from smallbms.words import BankError

from .harness import BOTH_OFF, BOTH_ON, Battery, Pack, System
from .programs import wait_for

COUNT, SERIES, CAPACITY_AH = 12, 4, 200.0
TWELVE = {
    "/System/NrOfBatteries": 12, "/System/NrOfModulesOnline": 12, "/System/BatteriesSeries": 4,
    "/System/BatteriesParallel": 3, "/System/NrOfCellsPerBattery": 4, "/Capacity": 600, "/InstalledCapacity": 600.0,
    "/Settings/Battery/NominalVoltage": 48, "/ErrorCode": 0,
}  # fmt: skip


class AnyBattery(Battery):
    """A board of any capacity and cell count; `there`: it has a cable."""

    def __init__(self, port: Path, *, capacity_ah: float = CAPACITY_AH, cells: int = 4, there: bool = True) -> None:
        super().__init__(port)
        self.pack = Pack(cells_v=[3.3] * cells)
        self.there = there
        self._capacity_ah = capacity_ah
        self.board = JbdBoard(self._reading)
        self.cable = PtyServer(self.board, port, baud=0)

    def _reading(self) -> BatteryReading:
        reading = self.pack.reading()
        return BatteryReading(
            taken_at_s=0.0,
            cells_taken_at_s=0.0,
            identity=reading.identity,
            voltage_v=reading.voltage_v,
            current_a=reading.current_a,
            cell_voltages_v=reading.cell_voltages_v,
            cell_temperatures_c=reading.cell_temperatures_c,
            remaining_ah=self._capacity_ah * self.pack.soc_pct / 100,
            capacity_ah=self._capacity_ah,
            soc_pct=self.pack.soc_pct,
        )

    async def start(self) -> None:
        if self.there:
            await super().start()


class Bank(System):
    """The configuration tells the ports of the batteries, and how many are in series or where Vbat is: no more."""

    def __init__(self, folder: Path, batteries: list[AnyBattery], *, by_vbat: bool = False) -> None:
        self.vbat_file = folder / "vbat"
        self.vbat_file.write_text("52.8", encoding="ascii")
        self._by_vbat = by_vbat
        self._members = batteries
        super().__init__(folder)
        self.batteries = list(batteries)

    def config(self, *, with_remote: bool = False) -> str:
        series = "" if self._by_vbat else f"series = {SERIES}\n"
        vbat = f'[vbat]\npath = "{self.vbat_file}"\n' if self._by_vbat else ""
        batteries = "".join(
            f'[[battery]]\ndriver = "jbd"\nport = "{battery.cable.path}"\npoll_s = 1\n' for battery in self._members
        )
        return (
            f"[bank]\n{series}{vbat}{batteries}"
            f'[outputs]\nkind = "simulated"\nstate_file = "{self.pins_file}"\n[store]\ndirectory = "{self.state}"\n'
            f'[service]\nname = "bank"\n[dbus]\nbus = "{self.daemon.address}"\nlocalsettings = false\n'
        )

    async def begin(self) -> None:
        """Everything, until it is on the bus; nothing may ever be allowed."""
        await self.daemon.start()
        await asyncio.gather(*(battery.start() for battery in self.batteries))
        await self.start_outputs()
        await self.start_main()
        self.client = await self.connect()
        await wait_for(lambda: "is on the bus" in self.main.text or not self.main.running, "the service on the bus")


def batteries(folder: Path, count: int = COUNT, **odd: object) -> list[AnyBattery]:
    """As many; the seventh is `odd`."""
    return [
        AnyBattery(folder / f"jbd{number}", **(odd if number == 7 else {}))  # type: ignore[arg-type]
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("by_vbat", [True, False])
async def test_twelve_are_found_as_four_in_series_and_three_in_parallel(tmp_path: Path, by_vbat: bool) -> None:
    system = Bank(tmp_path, batteries(tmp_path), by_vbat=by_vbat)
    try:
        await system.begin()
        items = await system.shows({**BOTH_ON, **TWELVE})
        assert items["/Dc/0/Voltage"] == pytest.approx(52.8)
        assert items["/Info/MaxChargeCurrent"] == 600
        await system.pins(charge_disconnect=True, load_disconnect=True)
    finally:
        await system.stop()


@pytest.mark.parametrize(("count", "odd", "error", "battery", "said"), [
    (13, {}, BankError.WRONG_PARALLEL, None, "the number of batteries does not fit the number in series"),
    (12, {"capacity_ah": 100.0}, BankError.DIFFERENT_TYPES, 7, "the batteries are of different types"),
    (12, {"cells": 8}, BankError.DIFFERENT_TYPES, 7, "the batteries are of different types"),
    (12, {"capacity_ah": 117.0}, BankError.UNKNOWN_BATTERY, 7, "a battery is unknown or has changed"),
])  # fmt: skip
async def test_what_makes_no_bank_is_said_and_opens_both(
    tmp_path: Path, count: int, odd: dict[str, object], error: BankError, battery: int | None, said: str
) -> None:
    by_vbat = count % SERIES != 0  # a stated number that cannot be is refused beforehand
    system = Bank(tmp_path, batteries(tmp_path, count, **odd), by_vbat=by_vbat)
    try:
        await system.begin()
        items = await system.shows({**BOTH_OFF, "/Info/Reasons/Charge": lambda text: "bank_error" in str(text)})
        (reason,) = [r for r in json.loads(items["/Info/Reasons/Charge"]) if r["code"] == "bank_error"]
        assert (reason["value"], reason["battery"]) == (error, battery)
        assert said in items["/Info/Reasons/Discharge/Text"]
        assert f"No to charging: the battery bank is not valid: {said}" in await system.why()
        assert not (system.shown()["charge_disconnect"] or system.shown()["load_disconnect"])
    finally:
        await system.stop()


START_S = 20.0  # that batteries have to answer at the start
ONE_MISSING: dict[str, object] = {"there": False}
ANOTHER_CAPACITY: dict[str, object] = {"capacity_ah": 100.0}


@pytest.mark.slow
@pytest.mark.parametrize(("odd", "error", "said"), [
    (ONE_MISSING, BankError.WRONG_NUMBER, "battery 7 gives no valid data: check its cable and power"),
    (ANOTHER_CAPACITY, BankError.DIFFERENT_TYPES, "the batteries are of different types"),
])  # fmt: skip
async def test_its_code_is_told_once_all_have_had_their_time(
    tmp_path: Path, odd: dict[str, object], error: BankError, said: str
) -> None:
    system = Bank(tmp_path, batteries(tmp_path, **odd))
    try:
        await system.begin()
        await system.shows({**BOTH_OFF, "/ErrorCode": error, "/State": 10}, START_S + 20)
        assert said in await system.why()
        online = COUNT - (odd is ONE_MISSING)
        await system.shows({"/System/NrOfBatteries": COUNT, "/System/NrOfModulesOnline": online})
    finally:
        await system.stop()
