"""A scenario file, checked: every fault of it is found in one reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from smallbms.batteries import model_named, system_voltage
from smallbms.config_tables import Table, read_table
from smallbms.errors import ConfigError, SettingsError
from smallbms.frozen import frozen
from smallbms.model import BatteryModel
from smallbms.scenario.conditions import read_expectation
from smallbms.scenario.event import Event
from smallbms.scenario.events import EVENTS
from smallbms.scenario.expect import Expectation
from smallbms.scenario.system_events import Set
from smallbms.scenario.tables import BankTable, BatteryTable, ChargerTable, HeadTable, LoadTable, WorldTable
from smallbms.scenario.world_events import Disobey, SetCharger
from smallbms.settings import Settings, change_for, changed
from smallbms.toml import parse_toml
from smallbms.wording import one_line, refusal

TABLES = ("bank", "battery", "world", "charger", "load", "settings", "event", "expect")
DEMO_CHARGERS = ("solar", "shore")
OF_THE_DEMO = ("ambient_c", "ambient_swing_c", "sunrise", "sunset", "clouds")

AnyTable = TypeVar("AnyTable", bound=Table)


@frozen
class Scenario:
    """A checked scenario; events in the order of their times."""

    source: str
    head: HeadTable
    bank: BankTable
    model: BatteryModel
    batteries: Mapping[int, BatteryTable]
    world: WorldTable
    chargers: Mapping[str, ChargerTable]
    loads: Mapping[str, LoadTable]
    settings: Settings
    events: tuple[Event, ...]
    expectations: tuple[Expectation, ...]


def load(path: Path) -> Scenario:
    """Return the scenario in a file; like `parse`."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def parse(text: str, source: str) -> Scenario:
    """Return the scenario in a text; raise ConfigError, one line for each fault: source, table, key, value, allowed."""
    raw = parse_toml(text, source)
    faults: list[str] = []
    head = read_table(HeadTable, {key: raw[key] for key in raw if key not in TABLES}, "top", faults)
    bank = read_table(BankTable, raw.get("bank", {}), "[bank]", faults)
    world = read_table(WorldTable, raw.get("world", {}), "[world]", faults)
    model = model_named(bank.model) if bank else None
    batteries = {b.number: b for b in _list(BatteryTable, raw, "battery", faults)}
    chargers = _named(ChargerTable, raw, "charger", faults)
    loads = _named(LoadTable, raw, "load", faults)
    settings = _settings(raw.get("settings", {}), faults)
    events = _events(raw, faults)
    expectations = _expectations(raw, head.duration if head else 0.0, faults) if head else ()
    if head and bank and world and not faults:
        faults += _bank_faults(bank, model, batteries)
        faults += _world_faults(world, loads)
        faults += _event_faults(events, bank, model, (*chargers, *(DEMO_CHARGERS if world.demo else ())), head)
    if faults or head is None or bank is None or model is None or world is None:
        raise ConfigError("\n".join(f"{source}: {one_line(fault)}" for fault in faults))
    return Scenario(
        source=source, head=head, bank=bank, model=model, batteries=batteries, world=world, chargers=chargers,
        loads=loads, settings=settings, events=tuple(sorted(events, key=lambda e: e.at)), expectations=expectations,
    )  # fmt: skip


def _tables(raw: Mapping[str, Any], key: str, faults: list[str]) -> list[Any]:
    tables = raw.get(key, [])
    if isinstance(tables, list):
        return tables
    faults.append(f"[{key}] must be written as [[{key}]], in two brackets")
    return []


def _list(kind: type[AnyTable], raw: Mapping[str, Any], key: str, faults: list[str]) -> list[AnyTable]:
    tables = enumerate(_tables(raw, key, faults), 1)
    return [t for t in (read_table(kind, table, f"[[{key}]] {number}", faults) for number, table in tables) if t]


def _named(kind: type[AnyTable], raw: Mapping[str, Any], key: str, faults: list[str]) -> dict[str, AnyTable]:
    tables = raw.get(key, {})
    if not isinstance(tables, dict):
        faults.append(f"[{key}] must be written as [{key}.<name>]")
        return {}
    read = {name: read_table(kind, table, f"[{key}.{name}]", faults) for name, table in tables.items()}
    return {name: table for name, table in read.items() if table}


def _settings(given: object, faults: list[str]) -> Settings:
    settings = Settings()
    if not isinstance(given, dict):
        faults.append("[settings] is not a table")
        return settings
    for name, value in given.items():
        try:
            settings = changed(settings, name, value)
        except SettingsError as error:
            faults.append(f"[settings] {error}")
    return settings


def _events(raw: Mapping[str, Any], faults: list[str]) -> list[Event]:
    events = []
    for number, table in enumerate(_tables(raw, "event", faults), 1):
        where, do = f"[[event]] {number}", table.get("do") if isinstance(table, dict) else None
        kind = EVENTS.get(do) if isinstance(do, str) else None
        if kind is None:
            faults.append(f"{where} {refusal('do', do, ', '.join(EVENTS))}")
            continue
        event = read_table(kind, table, where, faults)
        if event is not None:
            events.append(event)
    return events


def _expectations(raw: Mapping[str, Any], duration_s: float, faults: list[str]) -> tuple[Expectation, ...]:
    tables = _tables(raw, "expect", faults)
    if not tables and not faults:
        faults.append("[[expect]] is missing: a scenario says what must come of it")
    read = [read_expectation(number, table, duration_s, faults) for number, table in enumerate(tables, 1)]
    return tuple(expectation for expectation in read if expectation)


def _bank_faults(bank: BankTable, model: BatteryModel | None, batteries: Mapping[int, BatteryTable]) -> Iterator[str]:
    if model is None:
        yield f"[bank] {refusal('model', bank.model, 'a model of the table of batteries, as 12.8/200')}"
        return
    if bank.batteries % bank.series:
        yield f"[bank] {refusal('series', bank.series, f'a number that divides {bank.batteries} batteries')}"
    elif system_voltage(model.nominal_v * bank.series) is None:
        yield f"[bank] series = {bank.series} of {model.nominal_v:g} V is no 12, 24 or 48 V system"
    for battery in batteries.values():
        if battery.number > bank.batteries:
            yield f"[[battery]] {refusal('number', battery.number, f'1…{bank.batteries}')}"
        if len(battery.cell_offsets_pct) > model.cells:
            allowed = f"at most {model.cells} figures"
            yield f"[[battery]] {refusal('cell_offsets_pct', battery.cell_offsets_pct, allowed)}"


def _world_faults(world: WorldTable, loads: Mapping[str, LoadTable]) -> Iterator[str]:
    if world.demo:
        for key in OF_THE_DEMO:
            if key in world.model_fields_set:
                yield f"[world] {key} comes with the demo; allowed is one of the two"
    for name, load_table in loads.items():
        for one, other in (("on_at", "off_at"), ("on_s", "period_s")):
            if (getattr(load_table, one) is None) is not (getattr(load_table, other) is None):
                yield f"[load.{name}] {one} and {other} need each other"
        if load_table.on_at is not None and load_table.on_s is not None:
            yield f"[load.{name}] has on_at and on_s; allowed is one of the two"


def _event_faults(
    events: list[Event], bank: BankTable, model: BatteryModel | None, chargers: tuple[str, ...], head: HeadTable
) -> Iterator[str]:
    for event in events:
        where = f"[[event]] {event.do}"
        battery, cell = getattr(event, "battery", 1), getattr(event, "cell", 1)
        if event.at > head.duration:
            yield f"{where} is after the end of the run"
        if battery > bank.batteries:
            yield f"{where} {refusal('battery', battery, f'1…{bank.batteries}')}"
        if model and cell > model.cells:
            yield f"{where} {refusal('cell', cell, f'1…{model.cells}')}"
        if isinstance(event, SetCharger | Disobey) and event.name not in chargers:
            yield f"{where} {refusal('name', event.name, ', '.join(chargers) or 'none: there is no [charger.<name>]')}"
        if isinstance(event, Set):
            try:
                change_for(event.setting, event.value)
            except SettingsError as error:
                yield f"{where} {error}"
