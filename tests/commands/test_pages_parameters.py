"""Every parameter that the manual's §5.1 names is on its page, with the figure of the bus."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.bench_battery import Rig
from publish.snapshots import rows_of, snapshot_of, values_of
from smallbms.changes import ClearHistory, Synchronise
from smallbms.commands.pages import battery_page, history_page, status_page
from smallbms.commands.peer import Item

Page = Callable[[dict[str, Item]], list[str]]

# page, parameter, what it shows of the bank below
SHOWN: tuple[tuple[Page, str, str], ...] = (
    (status_page, "State of charge", "99.4%"),
    (status_page, "Mode", "On"),
    (status_page, "Allowed to charge", "Yes"),
    (status_page, "Allowed to discharge", "Yes"),
    (status_page, "Voltage", "26.48V"),
    (status_page, "Current", "-72.0A"),
    (status_page, "Power", "-1907W"),
    (status_page, "Consumed Ah", "-2.4Ah"),
    (status_page, "Time remaining", "5 h 02 min"),
    (battery_page, "Balancer status", "Balanced   the cells are balanced"),
    (battery_page, "Min cell voltage", "3.29V   B3 C2"),
    (battery_page, "Max cell voltage", "3.33V   B2 C4"),
    (battery_page, "Min cell temperature", "11 degrees   B1 C2"),
    (battery_page, "Max cell temperature", "31 degrees   B4 C1"),
    (battery_page, "Batteries", "4"),
    (battery_page, "Battery cells", "16"),
    (battery_page, "Batteries in series", "2"),
    (battery_page, "Batteries in parallel", "2"),
    (battery_page, "System voltage", "24V"),
    (battery_page, "Capacity", "400Ah"),
    (history_page, "Deepest discharge", "-2.4Ah"),
    (history_page, "Cumulative Ah drawn", "2.4Ah"),
    (history_page, "Discharged energy", "0.06kWh"),
    (history_page, "Charged energy", "0.13kWh"),
    (history_page, "Synchronisations", "1"),
    (history_page, "Cycles", "0"),
    (history_page, "Last full charge", "0 h 02 min ago"),
    (history_page, "Min battery voltage", "26.48V"),
    (history_page, "Max battery voltage", "26.48V"),
    (history_page, "Min cell voltage", "3.29V"),
    (history_page, "Max cell voltage", "3.33V"),
    (history_page, "Min battery temperature", "11 degrees"),
    (history_page, "Max battery temperature", "31 degrees"),
)


def bank() -> Rig:
    """Two strings of two, full and then used and charged a little."""
    rig = Rig(4, type_name="12.8/200", series=2)
    rig.each(cell_v=3.31)
    rig.batteries[3].cells_v[1] = 3.29
    rig.batteries[2].cells_v[3] = 3.33
    rig.batteries[1].temperatures_c = [25.0, 11.0]
    rig.batteries[4].temperatures_c = [31.0, 25.0]
    rig.start()
    rig.step(Synchronise())
    rig.step(ClearHistory())
    rig.each(current_a=36.0)
    rig.advance(240.0)
    rig.step(Synchronise())
    rig.each(current_a=-36.0)
    rig.advance(120.0)
    return rig


@pytest.fixture(scope="module")
def items() -> dict[str, Item]:
    """Everything that the bus shows of it."""
    snapshot = snapshot_of(bank())
    rows = rows_of(snapshot)
    return {
        path: Item(value=value, text="" if value is None else rows[path].form.text(value))
        for path, value in values_of(snapshot).items()
    }


@pytest.mark.parametrize(("page", "name", "shown"), SHOWN, ids=lambda part: getattr(part, "__name__", part))
def test_a_parameter_of_the_manual_is_on_its_page(items: dict[str, Item], page: Page, name: str, shown: str) -> None:
    (line,) = [line for line in page(items) if line.startswith(f"  {name:<24}")]
    assert line == f"  {name:<24}{shown}"


@pytest.mark.parametrize(
    ("number", "volts", "temperature"),
    [
        (1, "13.24V", "18 degrees"),
        (2, "13.26V", "25 degrees"),
        (3, "13.22V", "25 degrees"),
        (4, "13.24V", "28 degrees"),
    ],
)
def test_each_battery_has_its_own_part(items: dict[str, Item], number: int, volts: str, temperature: str) -> None:
    """Serial number, voltage, current, temperature, nominal capacity, firmware, each cell."""
    said = {"Serial": f"HQ{number}", "FwVersion": f"1.{number}"}
    page = battery_page(items | {f"/Battery/{number}/{what}": Item(value=t, text=t) for what, t in said.items()})
    at = page.index(f"Battery #{number} [HQ{number}]")
    assert page[at + 1] == f"    {volts}  -36.0A  {temperature}  200Ah  firmware 1.{number}"
    cells = {2: ["3.310V", "3.310V", "3.310V", "3.330V"], 3: ["3.310V", "3.290V", "3.310V", "3.310V"]}
    assert page[at + 2].split() == cells.get(number, ["3.310V"] * 4)
