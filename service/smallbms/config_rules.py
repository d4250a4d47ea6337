"""What the tables of the configuration file must be together; each rule returns its faults as sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from smallbms.batteries import BATTERIES, MOST_BATTERIES, custom_model, model_named, system_voltage
from smallbms.config_batteries import WIRES, Battery, BleBattery, BusBattery, CanBattery, SerialBattery
from smallbms.config_inputs import (
    BusShunt,
    BusVbat,
    ShuntTable,
    ShuntVbat,
    VbatTable,
    VeDirectShunt,
    shunt_kind,
    vbat_kind,
)
from smallbms.config_tables import BankTable, MqttTable, read_table
from smallbms.errors import ConfigError, OutputError
from smallbms.model import BatteryModel
from smallbms.outputs import pinout
from smallbms.places import SERVICE_PREFIX
from smallbms.wording import refusal, shown

_PLACES: Mapping[type[Battery], tuple[str, ...]] = {
    CanBattery: ("port",),
    BusBattery: ("service",),
    BleBattery: ("address", "name"),
}


def read_models(given: object, faults: list[str]) -> dict[str, BatteryModel]:
    """Return the [model.<name>] tables as models."""
    if not isinstance(given, dict):
        faults.append("[model] must be written as [model.<name>]")
        return {}
    models = {}
    for name, table in given.items():
        if not isinstance(table, dict):
            faults.append(f"[model] {shown(name)} is not a table; write [model.<name>]")
            continue
        try:
            models[name] = custom_model(name, **table)
        except ConfigError as error:
            faults += [f"[model.{name}] {fault}" for fault in str(error).splitlines()]
    return models


def read_batteries(given: object, drivers: Collection[str], faults: list[str]) -> dict[int, Battery]:
    """Return the [[battery]] tables by number; a wrong one is left out."""
    if not isinstance(given, list) or not given:
        faults.append("[[battery]] is missing; one for each battery, in two brackets")
        return {}
    batteries: dict[int, Battery] = {}
    for number, table in enumerate(given, 1):
        driver = table.get("driver") if isinstance(table, dict) else None
        if isinstance(driver, str) and driver not in WIRES and driver not in drivers:
            faults.append(f"{_where(number)} {refusal('driver', driver, ', '.join([*drivers, *WIRES]))}")
        battery = read_table(WIRES.get(str(driver), SerialBattery), table, _where(number), faults)
        if battery is not None:
            batteries[number] = battery
    return batteries


def read_brokers(given: object, faults: list[str]) -> tuple[MqttTable, ...]:
    """Return the [[mqtt]] tables; a wrong one is left out."""
    if not isinstance(given, list):
        faults.append("[[mqtt]] must be written in two brackets, one for each broker")
        return ()
    tables = [read_table(MqttTable, table, f"[[mqtt]] {number}", faults) for number, table in enumerate(given, 1)]
    brokers = tuple(table for table in tables if table is not None)
    for number, broker in enumerate(brokers, 1):
        faults += [f"[[mqtt]] {number} {fault}" for fault in _broker_faults(broker)]
    if len({(broker.host, broker.port_used) for broker in brokers}) < len(brokers):
        faults.append("[[mqtt]] names a broker twice; one table for each")
    return brokers


def read_inputs(raw: Mapping[str, Any], faults: list[str]) -> tuple[ShuntTable | None, VbatTable | None]:
    """Return [shunt] and [vbat], where they are."""
    shunt = read_table(shunt_kind(raw["shunt"]), raw["shunt"], "[shunt]", faults) if "shunt" in raw else None
    vbat = read_table(vbat_kind(raw["vbat"]), raw["vbat"], "[vbat]", faults) if "vbat" in raw else None
    return shunt, vbat


def _broker_faults(broker: MqttTable) -> Iterator[str]:
    for needs in ("ca_file", "pinned_certificate", "client_certificate"):
        if getattr(broker, needs) is not None and not broker.tls:
            yield f"{needs} needs tls = true"
    if broker.ca_file is not None and broker.pinned_certificate is not None:
        yield "ca_file and pinned_certificate: only one of them"
    if (broker.client_certificate is None) is not (broker.client_key is None):
        yield "client_certificate and client_key: both or none"
    if broker.password is not None and broker.password_file is not None:
        yield "password and password_file: only one of them"
    if broker.user is None and (broker.password is not None or broker.password_file is not None):
        yield "a password needs a user"


def pins(outputs: object, remote: object) -> dict[str, Any]:
    """Return the pins as the outputs process takes them; the remote lines are on the chip of the outputs."""
    if isinstance(remote, dict):
        remote = {"kind": "gpio", **remote}
        if remote["kind"] == "gpio" and isinstance(outputs, dict) and "chip" in outputs:
            remote = {"chip": outputs["chip"], **remote}
    if isinstance(outputs, dict):
        outputs = {"kind": "gpio", **outputs}
    return {"outputs": outputs, "remote": remote}


def pin_faults(outputs: object, remote: object) -> Iterator[str]:
    for name, table in (("outputs", outputs), ("remote", remote)):
        file = table.get("state_file") if isinstance(table, dict) else None
        if isinstance(file, str) and not file.startswith("/"):
            yield f"[{name}] {refusal('state_file', file, 'a path from the root')}"
    try:
        pinout.parse(pins(outputs, remote))
    except OutputError as error:
        yield str(error)


def battery_faults(batteries: Mapping[int, Battery], own_models: object, drivers: Mapping[str, bool]) -> Iterator[str]:
    """Each battery by itself: its model is in the table or in `own_models`, right or wrong; its address is one."""
    known = [*(model.name for model in BATTERIES), *(own_models if isinstance(own_models, dict) else ())]
    for number, battery in batteries.items():
        where = _where(number)
        if battery.model is not None and battery.model not in known:
            allowed = f"{', '.join(known)}, or the name of a [model.<name>]"
            yield f"{where} {refusal('model', battery.model, allowed)}"
        if isinstance(battery, SerialBattery) and battery.address is not None and drivers.get(battery.driver) is False:
            yield f"{where} {refusal('address', battery.address, f'none: {battery.driver} has no addresses')}"


def place_faults(batteries: Mapping[int, Battery]) -> Iterator[str]:
    """A CAN interface has one battery, and so has a service; one that speaks Bluetooth has an address or a name."""
    taken: dict[str, int] = {}
    for number, battery in batteries.items():
        keys = next((keys for kind, keys in _PLACES.items() if isinstance(battery, kind)), ())
        places = {key: place for key in keys if (place := getattr(battery, key)) is not None}
        if keys and not places:
            yield f"{_where(number)} {refusal(keys[0], None, 'AA:BB:CC:DD:EE:FF, or a name instead')}"
        for key, place in places.items():
            first = taken.setdefault(place.upper(), number)
            if first != number:
                yield f"{_where(number)} {refusal(key, place, f'another than that of [[battery]] {first}')}"


def line_faults(batteries: Mapping[int, Battery], drivers: Mapping[str, bool]) -> Iterator[str]:
    """Batteries that share a port: told apart by address, and one way to talk to all."""
    lines: dict[str, dict[int, SerialBattery]] = {}
    for number, battery in batteries.items():
        if isinstance(battery, SerialBattery):
            lines.setdefault(battery.port, {})[number] = battery
    for line in lines.values():
        if len(line) > 1:
            yield from _shared_line_faults(line, drivers)


def _shared_line_faults(line: Mapping[int, SerialBattery], drivers: Mapping[str, bool]) -> Iterator[str]:
    first = min(line)
    taken: dict[int, int] = {}
    for number, battery in line.items():
        where = _where(number)
        if not drivers.get(battery.driver):
            if number != first:
                yield f"{where} {refusal('port', battery.port, f'one of its own: {battery.driver} has no addresses')}"
        elif battery.address is None or taken.setdefault(battery.address, number) != number:
            others = ", ".join(str(other) for other in line if other != number)
            allowed = f"an address of its own on the port it shares with [[battery]] {others}"
            yield f"{where} {refusal('address', battery.address, allowed)}"
        for key in ("driver", "baud", "poll_s"):
            value, leading = getattr(battery, key), getattr(line[first], key)
            if value != leading:
                there = "none" if leading is None else shown(leading)
                yield f"{where} {refusal(key, value, f'{there}, as for [[battery]] {first} on the same port')}"


def input_faults(shunt: ShuntTable | None, vbat: VbatTable | None, batteries: Mapping[int, Battery]) -> Iterator[str]:
    """A shunt has a port of its own, Vbat the shunt that it needs, and neither is what we say ourselves."""
    for number, battery in batteries.items():
        if isinstance(shunt, VeDirectShunt) and isinstance(battery, SerialBattery) and battery.port == shunt.port:
            yield f"[shunt] {refusal('port', shunt.port, f'one of its own: [[battery]] {number} has it')}"
    for name, table in (("shunt", shunt), ("vbat", vbat)):
        if isinstance(table, BusShunt | BusVbat) and table.service.startswith(SERVICE_PREFIX):
            yield f"[{name}] {refusal('service', table.service, 'the service of another device: this one is ours')}"
    if isinstance(vbat, ShuntVbat) and shunt is None:
        yield f"[vbat] {refusal('source', vbat.source, 'another one: there is no right [shunt]')}"


def bank_faults(bank: BankTable, batteries: Mapping[int, Battery], models: Mapping[str, BatteryModel]) -> Iterator[str]:
    """How many, of which model, how many in series (manual §2.1)."""
    count, series = len(batteries), bank.series or 1
    stated = {battery.model: model_of(battery, models) for battery in batteries.values() if battery.model}
    if len(stated) > 1:
        yield f"[[battery]] model: {', '.join(stated)} in one bank; allowed is one model"
    if count % series:
        yield f"[bank] {refusal('series', series, f'a number that divides {count} batteries')}"
    system_v = [system_voltage(model.nominal_v) for model in stated.values() if model]
    most = min((MOST_BATTERIES[v] for v in system_v if v), default=max(MOST_BATTERIES.values()))
    if count > most:
        yield f"[[battery]] {count} batteries are too many; allowed is up to {most}"
    for model in filter(None, stated.values()):
        if system_voltage(model.nominal_v * series) is None:
            yield f"[bank] series = {series} of {model.nominal_v:g} V is no 12, 24 or 48 V system"


def model_of(battery: Battery, models: Mapping[str, BatteryModel]) -> BatteryModel | None:
    """Return the stated model of a battery."""
    if battery.model is None:
        return None
    return models.get(battery.model) or model_named(battery.model)


def _where(number: int) -> str:
    return f"[[battery]] {number}"
