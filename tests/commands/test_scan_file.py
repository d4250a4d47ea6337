"""The file that a scan writes: it can be read, it says what is known, and what a person must still say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smallbms.commands.check import known_drivers
from smallbms.commands.scan_file import text
from smallbms.config import Config, parse
from smallbms.errors import ConfigError
from smallbms.links.found import Found
from smallbms.model import BatteryReading, Identity

READING = BatteryReading(
    taken_at_s=0.0,
    cells_taken_at_s=0.0,
    identity=Identity(key="a", model='A "good" one', serial="B1"),
    voltage_v=51.2,
    cell_voltages_v=(3.2,) * 16,
    cell_temperatures_c=(20.0,),
    capacity_ah=280.0,
    soc_pct=55.0,
)
PORT = '/dev/serial/by-id/usb-"odd"\\name'


def found(number: int = 1, **changes: object) -> Found:
    return Found(
        table={"driver": "pylontech", "port": PORT, "address": number + 1, "baud": 9600},
        reading=replace(READING, **changes),  # type: ignore[arg-type]
    )


def written(*batteries: Found, series: int | None = None, bus: str | None = None) -> tuple[str, Config]:
    content = text(batteries, series=series, bus=bus, pins=Path("/run/smallbms/pins.json"))
    return content, parse(content, "scan", known_drivers())


def test_one_battery_is_a_bank_that_runs() -> None:
    content, config = written(found())
    assert config.bank.series == 1
    (battery,) = config.batteries
    assert battery.model_dump(exclude_unset=True) == {
        "driver": "pylontech",
        "port": PORT,
        "address": 2,
        "baud": 9600,
        "model": "16s-280ah",
    }
    model = config.model_of(battery)
    assert model is not None
    assert (model.cells, model.capacity_ah) == (16, 280.0)
    assert '# A "good" one, serial B1, 16 cells, 280 Ah, 51.20 V, 55 %' in content
    assert any("no pin is driven" in warning for warning in config.warnings())


def test_several_leave_the_series_to_a_person_and_share_their_model() -> None:
    content, config = written(found(1), found(2, capacity_ah=275.0))
    assert config.bank.series is None
    assert "# series = 1 " in content
    assert {battery.model for battery in config.batteries} == {"16s-280ah"}
    assert any("nothing is allowed until" in warning for warning in config.warnings())
    halves = [found(number, cell_voltages_v=(3.2,) * 8) for number in (1, 2)]
    assert written(*halves, series=2)[1].bank.series == 2


def test_a_battery_of_the_table_needs_no_model() -> None:
    content, config = written(found(capacity_ah=100.0))
    assert config.batteries[0].model is None
    assert config.models == {}
    assert "# it is found to be a 51.2/100" in content


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"capacity_ah": None}, "# model = …"),
        ({"cell_voltages_v": ()}, "# model = …"),
        ({"cell_voltages_v": (3.2,) * 10}, "# CHECK: 10 cells and 280 Ah are no battery that can be used here"),
        ({"capacity_ah": 2.0}, "# CHECK: 16 cells and 2 Ah are no battery"),
        ({"cell_temperatures_c": ()}, '# temperature = "none"'),
        ({"cell_temperatures_c": (None,)}, '# temperature = "none"'),
        ({"identity": Identity(key="a"), "voltage_v": None, "soc_pct": None}, "[[battery]]                 # 16 cells"),
    ],
)
def test_what_it_did_not_tell_is_left_to_a_person(changes: dict[str, object], said: str) -> None:
    content, config = written(found(**changes))
    assert said in content
    assert len(config.batteries) == 1


def test_a_battery_that_told_nothing_has_no_remark() -> None:
    silent = BatteryReading(taken_at_s=0.0, cells_taken_at_s=0.0, identity=Identity(key="a"))
    content, _ = written(Found(table={"driver": "jbd", "port": "/dev/a"}, reading=silent))
    assert "[[battery]]\ndriver" in content


def test_what_only_a_person_can_state_is_asked_for() -> None:
    chip = Found(table={"driver": "bq76952", "port": "/dev/i2c-1", "mux": 112}, reading=READING, needs=("sense_mohm",))
    content = text([chip], series=None, bus=None, pins=Path("/run/smallbms/pins.json"))
    assert "# sense_mohm = …                 # CHECK: only you can state it" in content
    with pytest.raises(ConfigError, match="sense_mohm"):
        parse(content, "scan", known_drivers())


def test_a_bus_of_its_own_is_kept() -> None:
    assert written(found(), bus="unix:path=/tmp/bus")[1].dbus.bus == "unix:path=/tmp/bus"
    assert "[dbus]" not in written(found())[0]
