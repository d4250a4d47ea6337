"""README's table of drivers: what each reads is what it has read in the captures, or of its emulator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import NamedTuple

from drivers.capture import all_captures, replay
from drivers.chips import pair
from drivers.test_ble import WHOLE
from smallbms import drivers
from smallbms.drivers import ble, bq76952_registers, can_bms, victron_dbus
from smallbms.drivers.base import DriverInfo
from smallbms.emulators.can_bms import frames
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

STATE = BatteryReading(
    taken_at_s=0.0,
    cells_taken_at_s=0.0,
    identity=Identity(key=""),
    voltage_v=51.2,
    current_a=1.0,
    cell_min_v=3.1,
    cell_max_v=3.3,
    cell_temperatures_c=(20.0, 21.0),
    charge_limit_a=50.0,
    discharge_limit_a=50.0,
    charge_voltage_limit_v=56.0,
    soc_pct=50.0,
    capacity_ah=100.0,
)

COLUMNS: Mapping[str, Callable[[BatteryReading], str]] = {
    "cells": lambda r: "each" if r.cell_voltages_v else "lowest, highest",
    "temperatures": lambda r: _words(cells=r.cell_temperatures_c, board=r.board_temperatures_c),
    "current": lambda r: _words(yes=r.current_a is not None),
    "state of charge": lambda r: _words(
        percent=r.soc_pct is not None, Ah=r.remaining_ah is not None, counter=r.charge_ah is not None
    ),
    "capacity": lambda r: _words(yes=r.capacity_ah is not None),
    "switches": lambda r: _words(yes=r.charge_switch_on is not None),
    "limits": lambda r: _words(yes=r.charge_limit_a is not None),
    "serial number": lambda r: _words(yes=r.identity.serial is not None),
}


class Row(NamedTuple):
    wire: str
    readings: tuple[BatteryReading, ...]  # of several, the one that says most counts
    module: ModuleType  # that names its protections


def driver_table() -> str:
    """One row for each driver; the last column counts the kinds of protections that it can report."""
    lines = [f"| `driver` | wire | {' | '.join(COLUMNS)} | protections |", "|---" * (len(COLUMNS) + 3) + "|"]
    for name, row in (_serial() | _others()).items():
        said = [max((tell(reading) for reading in row.readings), key=len) for tell in COLUMNS.values()]
        lines.append(f"| `{name}` | {row.wire} | {' | '.join(said)} | {len(set(_faults(vars(row.module).values())))} |")
    return "\n".join(lines) + "\n"


def _serial() -> dict[str, Row]:
    rows = {}
    for name, driver in drivers.available().items():
        read = [replay(capture).reading() for capture in all_captures() if capture.driver == name]
        readings = tuple(reading for reading in read if reading is not None)
        rows[name] = Row(_line(driver.INFO), readings, sys.modules[driver.__module__])
    return rows


def _line(info: DriverInfo) -> str:
    bauds = " or ".join(map(str, (info.baud, *info.other_bauds)))
    several = f", addresses {info.addresses[0]}…{info.addresses[-1]}" if info.addressed else ", one on a line"
    return f"serial, {bauds} baud{several}"


def _others() -> dict[str, Row]:
    can = can_bms.CanBms(key="")
    for can_id, data in frames(STATE):
        can.take(can_id, data, 1.0)
    service = victron_dbus.VictronBattery(key="")
    for path in (victron_dbus.CONNECTED, *victron_dbus.PATHS):
        service.take(path, "1" if path == victron_dbus.SERIAL else 1, 1.0)
    chip = pair(fets=True)
    identity = Identity(key="", serial="1")
    sample = ble.ble_reading(WHOLE, kind="any", identity=identity, board_sensors=frozenset(), taken_at_s=1.0)
    return {
        "ble": Row("Bluetooth, as far as the battery tells", (sample,), ble),
        "bq76952": Row("I²C", (chip.reading(),), bq76952_registers),
        "can-bms": Row("CAN, 500 kbit/s", _there(can.reading()), can_bms),
        "victron-dbus": Row("D-Bus", _there(service.reading(1.0)), victron_dbus),
    }


def _there(reading: BatteryReading | None) -> tuple[BatteryReading, ...]:
    assert reading is not None
    return (reading,)


def _words(**said: object) -> str:
    return ", ".join(word for word, is_there in said.items() if is_there) or "–"


def _faults(things: Iterable[object]) -> Iterable[Fault]:
    """Every fault in tables, however they are nested."""
    for thing in things:
        if isinstance(thing, Fault):
            yield thing
        elif isinstance(thing, Mapping):
            yield from _faults(thing.values())
        elif isinstance(thing, tuple | list | frozenset):
            yield from _faults(thing)
