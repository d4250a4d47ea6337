"""The configuration file: the hardware as it is wired. What can be changed while it runs is in settings.py.

    [bank]
    series = 1                      # only where no Vbat is measured
    [[battery]]
    driver = "jbd"
    port = "/dev/serial/by-id/usb-…"
    model = "my-pack"               # only for a battery that is not in the table of batteries.py
    [model.my-pack]                 # what is left out follows from these two
    cells = 16
    capacity_ah = 280
    [outputs]                       # and [remote]: outputs/pinout.py
    kind = "gpio"
    chip = "gpiochip0"
    charge_disconnect = 17
    load_disconnect = 27

All tables: config_tables.py, those of the batteries config_batteries.py. Every fault of a file is found in one reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smallbms import config_rules as rules
from smallbms.config_batteries import SIMULATED, Battery, I2cBattery, SerialBattery, SimulatedBattery
from smallbms.config_i2c import i2c_faults
from smallbms.config_inputs import ShuntTable, VbatTable
from smallbms.config_tables import (
    BankTable,
    DBusTable,
    MqttTable,
    ServiceTable,
    StoreTable,
    read_table,
)
from smallbms.errors import ConfigError
from smallbms.frozen import frozen
from smallbms.model import BankSpec, BatteryModel, Member
from smallbms.outputs import pinout
from smallbms.toml import parse_toml
from smallbms.wording import one_line

TABLES = ("bank", "battery", "model", "outputs", "remote", "shunt", "vbat", "store", "service", "dbus", "mqtt")
UNSTABLE_PORTS = ("/dev/ttyUSB", "/dev/ttyACM")
LASTING_PORTS = "use /dev/serial/by-id/, or /dev/serial/by-path/ where adapters have no serial number of their own"


@frozen
class Config:
    """A checked configuration file; `outputs` and `remote` are as written, for the outputs process."""

    bank: BankTable
    batteries: tuple[Battery, ...]
    models: Mapping[str, BatteryModel]
    outputs: Mapping[str, Any]
    remote: Mapping[str, Any] | None
    shunt: ShuntTable | None
    vbat: VbatTable | None
    store: StoreTable
    service: ServiceTable
    dbus: DBusTable
    brokers: tuple[MqttTable, ...] = ()

    def model_of(self, battery: Battery) -> BatteryModel | None:
        """Return the stated model of a battery; None = to be found by cell count and capacity."""
        return rules.model_of(battery, self.models)

    def bank_spec(self) -> BankSpec:
        """Return what the engine needs of the bank; batteries count from 1 in the order of the file."""
        members = tuple(
            Member(
                number=number,
                model=self.model_of(battery),
                temperature_sensors=battery.temperature == "sensors",
                bleeds=isinstance(battery, I2cBattery),
            )
            for number, battery in enumerate(self.batteries, 1)
        )
        return BankSpec(members=members, series=self.bank.series, host_current_a=self.bank.host_current_a)

    def pins(self) -> dict[str, Any]:
        """Return what the outputs process is told in its `hello`."""
        return rules.pins(self.outputs, self.remote)

    def relays(self) -> dict[str, int]:
        """Return the outputs that are relays of a GX, with their numbers on the bus."""
        outputs = pinout.parse(self.pins()).outputs
        return {name: int(o.line.line) for name, o in outputs.items() if o.kind == "gx-relay" and o.line is not None}

    def warnings(self) -> tuple[str, ...]:
        """Return a sentence for all that is allowed and yet dangerous."""
        said = []
        if self.bank.host_current_a is None:
            said.append("[bank] host_current_a is not stated: what this computer draws is missing in the reserve")
        if self.bank.series is None and self.vbat is None and len(self.batteries) > 1:
            said.append("neither [bank] series nor [vbat]: nothing is allowed until one tells how many are in series")
        simulated = [name for name, pin in pinout.parse(self.pins()).outputs.items() if pin.kind == SIMULATED]
        if simulated:
            said.append(f"[outputs] simulated, no pin is driven: {', '.join(simulated)}")
        for number, battery in enumerate(self.batteries, 1):
            if battery.temperature == "none":
                said.append(f"[[battery]] {number} has no cell temperature: charging a frozen battery is not prevented")
            if isinstance(battery, SimulatedBattery):
                said.append(f"[[battery]] {number} is simulated")
            elif isinstance(battery, SerialBattery) and battery.port.startswith(UNSTABLE_PORTS):
                said.append(f"[[battery]] {number} port {battery.port} may change its name: {LASTING_PORTS}")
        return tuple(said)


def load(path: Path, drivers: Mapping[str, bool]) -> Config:
    """Return the configuration in a file; like `parse`."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    return parse(text, str(path), drivers)


def parse(text: str, source: str, drivers: Mapping[str, bool]) -> Config:
    """Return the configuration in a text.

    `drivers`: the known ones, and whether several batteries may share a line by their addresses.
    Raises ConfigError, one line for each fault: the source, the table, the key, its value, what is allowed.
    """
    raw = parse_toml(text, source)
    if not raw:
        raise ConfigError(f"{source}: nothing is set yet; say there which batteries and outputs you have")
    faults = [f"[{key}] is unknown; known are {', '.join(TABLES)}" for key in raw if key not in TABLES]
    models = rules.read_models(raw.get("model", {}), faults)
    batteries = rules.read_batteries(raw.get("battery", []), drivers, faults)
    bank = read_table(BankTable, raw.get("bank", {}), "[bank]", faults)
    shunt, vbat = rules.read_inputs(raw, faults)
    store = read_table(StoreTable, raw.get("store", {}), "[store]", faults)
    service = read_table(ServiceTable, raw.get("service", {}), "[service]", faults)
    dbus = read_table(DBusTable, raw.get("dbus", {}), "[dbus]", faults)
    brokers = rules.read_brokers(raw.get("mqtt", []), faults)
    outputs, remote = raw.get("outputs", {}), raw.get("remote")
    faults += rules.pin_faults(outputs, remote)
    faults += rules.battery_faults(batteries, raw.get("model", {}), drivers)
    faults += rules.place_faults(batteries)
    faults += rules.line_faults(batteries, drivers)
    faults += i2c_faults(batteries, models)
    faults += rules.input_faults(shunt, vbat, batteries)
    if bank is not None and not faults:
        faults += rules.bank_faults(bank, batteries, models)
    if faults or bank is None or store is None or service is None or dbus is None:
        raise ConfigError("\n".join(f"{source}: {one_line(fault)}" for fault in faults))
    return Config(
        bank=bank,
        batteries=tuple(batteries.values()),
        models=models,
        outputs=outputs,
        remote=remote,
        shunt=shunt,
        vbat=vbat,
        store=store,
        service=service,
        dbus=dbus,
        brokers=brokers,
    )
