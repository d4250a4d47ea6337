"""The library aiobmsble with its own JBD protocol, on an adapter without a radio."""

from __future__ import annotations

from dataclasses import replace

import pytest

import configurations
from smallbms import wiring
from smallbms.emulators.jbd import JbdBoard
from smallbms.errors import ConfigError
from smallbms.links import ble, radio
from smallbms.links.ble import BleLink
from smallbms.links.probe_ble import probe_ble
from smallbms.links.radio import BleRadio
from smallbms.model import BatteryReading
from smallbms.words import Fault

from .bluetooth import Air
from .rig import STATE, running, until

CONFIGURATION = (
    configurations.OUTPUTS
    + """
[[battery]]
driver = "ble"
type = "jbd_bms"
address = "A4:C1:38:00:00:01"
[[battery]]
driver = "ble"
type = "jikong_bms"
name = "JK-2"
"""
)
FIRST, SECOND = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02"


@pytest.fixture
def air(monkeypatch: pytest.MonkeyPatch) -> Air:
    made = Air()
    made.backends(monkeypatch)
    monkeypatch.setattr(ble, "POLL_S", 0.02)
    monkeypatch.setattr(ble, "BACK_OFF_S", (0.01, 0.05))
    monkeypatch.setattr(radio, "FIND_S", 0.2)
    return made


class Read:
    """What came of one battery."""

    def __init__(self, found: BleRadio, number: int, kind: str = "jbd_bms", **where: str) -> None:
        self.readings: list[BatteryReading] = []
        self.link = BleLink(found, number, kind, on_reading=lambda _, reading: self.readings.append(reading), **where)

    async def another(self) -> BatteryReading:
        wanted = len(self.readings) + 1
        await until(lambda: len(self.readings) >= wanted)
        return self.readings[-1]


async def test_a_jbd_battery_is_read_through_the_library(air: Air) -> None:
    board = JbdBoard(lambda: replace(STATE, charge_switch_on=True, discharge_switch_on=True, cycles=7))
    air.add(FIRST, "JBD-1", board)
    battery = Read(BleRadio({}), 1, address=FIRST)
    async with running(battery.link.run):
        reading = await battery.another()
        board.protection = 1 << 5
        await until(lambda: battery.readings[-1].faults == {Fault.CHARGE_COLD})
    assert (reading.voltage_v, reading.current_a, reading.soc_pct, reading.cycles) == (13.2, -4.5, 50, 7)
    assert reading.cell_voltages_v == (3.3, 3.301, 3.302, 3.299)
    assert reading.cell_temperatures_c == pytest.approx((22.4, 22.3), abs=0.06)
    assert (reading.charge_switch_on, reading.faults, reading.identity.key) == (True, frozenset(), f"ble:{FIRST}")
    assert reading.capacity_ah == 100
    assert air.open == []


async def test_two_are_looked_for_one_after_the_other_and_read_side_by_side(air: Air) -> None:
    found = BleRadio({})
    for address, name in ((FIRST, "JBD-1"), (SECOND, "JBD-2")):
        air.add(address, name, JbdBoard(lambda: STATE))
    first, second = Read(found, 1, address=FIRST), Read(found, 2, name="JBD-2")
    async with running(first.link.run, second.link.run):
        await first.another()
        assert (await second.another()).identity.key == f"ble:{SECOND}"
        assert air.open == [FIRST, SECOND]
    assert air.most_scanning == 1


async def test_a_connection_that_is_dropped_is_made_again(air: Air) -> None:
    air.add(FIRST, "JBD-1", JbdBoard(lambda: STATE))
    battery = Read(BleRadio({}), 1, address=FIRST)
    async with running(battery.link.run):
        await battery.another()
        air.drop(FIRST)
        await battery.another()
        await until(lambda: len(air.connections) == 2)


async def test_one_that_answers_no_more_is_connected_anew(air: Air, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radio, "READ_S", 0.2)
    air.add(FIRST, "JBD-1", JbdBoard(lambda: STATE))
    battery = Read(BleRadio({}), 1, address=FIRST)
    async with running(battery.link.run):
        await battery.another()
        air.silent.add(FIRST)
        await until(lambda: len(air.connections) >= 2)
        assert "no answer in time" in battery.link.health.last_error
        air.silent.clear()
        await battery.another()


@pytest.mark.parametrize("where", [{"address": FIRST}, {"name": "JBD-1"}])
async def test_one_out_of_reach_is_said_to_be_and_found_when_it_comes(air: Air, where: dict[str, str]) -> None:
    battery = Read(BleRadio({}), 1, **where)
    async with running(battery.link.run):
        await until(lambda: "is not in reach" in battery.link.health.last_error)
        air.add(FIRST, "JBD-1", JbdBoard(lambda: STATE))
        await battery.another()


async def test_a_cell_at_0_v_leaves_no_cell_that_is_believed(air: Air) -> None:
    air.add(FIRST, "JBD-1", JbdBoard(lambda: replace(STATE, cell_voltages_v=(3.3, 0.0, 3.3, 3.3))))
    battery = Read(BleRadio({}), 1, address=FIRST)
    async with running(battery.link.run):
        assert (await battery.another()).cell_voltages_v == (None,) * 4


async def test_a_kind_that_the_library_does_not_know_is_refused_with_those_that_it_knows() -> None:
    BleRadio({"[[battery]] 1": "jbd_bms", "[[battery]] 2": "jikong_bms"})
    with pytest.raises(ConfigError, match=r"^\[\[battery\]\] 2 type = 'acme_bms' is not allowed; .* jbd_bms, .*$"):
        BleRadio({"[[battery]] 1": "jbd_bms", "[[battery]] 2": "acme_bms"})


async def test_what_is_in_reach_is_found_and_what_does_not_answer_is_said(air: Air) -> None:
    said: list[str] = []
    for address, name in ((FIRST, "JBD-1"), (SECOND, "JBD-2")):
        air.add(address, name, JbdBoard(lambda: STATE))
    del air.boards[SECOND]  # connected to somebody else
    (found,) = await probe_ble(BleRadio({}), say=said.append)
    assert found.table == {"driver": "ble", "type": "jbd_bms", "address": FIRST}
    assert found.reading.cell_voltages_v == STATE.cell_voltages_v
    assert [sentence.partition(": ")[0] for sentence in said] == [f"jbd_bms at {SECOND}"]
    assert air.open == []


async def test_the_configuration_makes_its_links() -> None:
    made = wiring.links(configurations.config(CONFIGURATION), lambda number, reading: None, None)
    assert [(type(link), link.numbers) for link in made] == [(BleLink, {1}), (BleLink, {2})]
