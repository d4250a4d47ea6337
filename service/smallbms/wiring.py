"""From the tables of the configuration to links, one for each wire, and to what is measured beside the batteries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from smallbms import drivers
from smallbms.config import Config
from smallbms.config_batteries import (
    Battery,
    BleBattery,
    BusBattery,
    CanBattery,
    I2cBattery,
    SerialBattery,
    SimulatedBattery,
)
from smallbms.config_inputs import BusShunt, BusVbat, ChannelVbat, FileVbat, ShuntVbat, VeDirectShunt
from smallbms.errors import ConfigError
from smallbms.frozen import frozen
from smallbms.iio import Channel
from smallbms.inputs.shunt import Shunt, bus_shunt
from smallbms.inputs.vbat import ReadVbat, Vbat, bus_vbat, of_file
from smallbms.inputs.vedirect import VeDirect
from smallbms.links.base import Link
from smallbms.links.serial import SerialLine
from smallbms.links.simulated import SimulatedLink
from smallbms.model import BatteryReading, ShuntReading
from smallbms.places import SERVICE_PREFIX

if TYPE_CHECKING:
    from smallbms.links.radio import BleRadio

OnReading = Callable[[int, BatteryReading], None]
Source = Callable[[float], Mapping[int, BatteryReading]]
Kind = TypeVar("Kind", bound=Battery)


def links(config: Config, on_reading: OnReading, simulation: Source | None, serial: str = "") -> tuple[Link, ...]:
    """One link for each wire; `simulation` gives the simulated batteries by loop time, `serial` is our own.

    Raises ConfigError for a battery that is ourselves, or speaks Bluetooth in a way that is not known here.
    """
    on_reading = _corrected(config, on_reading)
    wired = (*_serial_lines(config, on_reading), *_i2c_buses(config, on_reading), *_can_buses(config, on_reading))
    unwired = (*_services(config, on_reading, serial), *_by_bluetooth(config, on_reading))
    return (*wired, *unwired, *_simulated(config, on_reading, simulation))


def _corrected(config: Config, on_reading: OnReading) -> OnReading:
    """Hand readings on with the current as it is, where a battery's own is in other units or directions."""
    factors = {n: b.current_factor for n, b in enumerate(config.batteries, 1) if b.current_factor != 1.0}
    if not factors:
        return on_reading

    def hand_on(number: int, reading: BatteryReading) -> None:
        factor = factors.get(number, 1.0)
        if factor != 1.0 and reading.current_a is not None:
            counted_ah = None if reading.charge_ah is None else reading.charge_ah * factor
            reading = replace(reading, current_a=reading.current_a * factor, charge_ah=counted_ah)
        on_reading(number, reading)

    return hand_on


def _of(kind: type[Kind], config: Config) -> dict[int, Kind]:
    """The batteries of one kind of wire by number."""
    return {number: battery for number, battery in enumerate(config.batteries, 1) if isinstance(battery, kind)}


def _serial_lines(config: Config, on_reading: OnReading) -> Iterator[Link]:
    lines: dict[str, dict[int, SerialBattery]] = {}
    for number, battery in _of(SerialBattery, config).items():
        lines.setdefault(battery.port, {})[number] = battery
    for port, batteries in lines.items():
        units = {
            number: drivers.make(b.driver, port=port, unit=b.address, board_sensors=b.board_sensors)
            for number, b in batteries.items()
        }
        first = next(iter(batteries.values()))
        baud = first.baud or next(iter(units.values())).INFO.baud
        yield SerialLine(port, units, baud=baud, poll_s=first.poll_s, on_reading=on_reading)


def _i2c_buses(config: Config, on_reading: OnReading) -> Iterator[Link]:
    if batteries := _of(I2cBattery, config):
        from smallbms.wiring_i2c import i2c_lines

        yield from i2c_lines(config, batteries, on_reading)


def _can_buses(config: Config, on_reading: OnReading) -> Iterator[Link]:
    for number, battery in _of(CanBattery, config).items():
        from smallbms.drivers.can_bms import CanBms
        from smallbms.links.can import CanLink

        driver = CanBms(key=f"can-bms:{battery.port}")
        yield CanLink(battery.port, number, driver, answer=battery.answer, on_reading=on_reading)


def _services(config: Config, on_reading: OnReading, serial: str) -> Iterator[Link]:
    services = {battery.service: number for number, battery in _of(BusBattery, config).items()}
    own = SERVICE_PREFIX + serial
    if own in services:
        raise ConfigError(f"[[battery]] {services[own]} service = '{own}': that is this BMS itself")
    if services:
        from smallbms.links.dbus import BusLink

        yield BusLink(config.dbus.bus, services, own_serial=serial, on_reading=on_reading)


def bluetooth(config: Config) -> BleRadio | None:
    """Who reads the batteries that speak Bluetooth; ConfigError where that cannot be, or a kind is not known."""
    kinds = {f"[[battery]] {number}": battery.type for number, battery in _of(BleBattery, config).items()}
    if not kinds:
        return None
    from smallbms.links.radio import BleRadio  # dear for those who have none

    return BleRadio(kinds)


def _by_bluetooth(config: Config, on_reading: OnReading) -> Iterator[Link]:
    radio = bluetooth(config)
    if radio is None:
        return
    from smallbms.links.ble import BleLink

    for number, b in _of(BleBattery, config).items():
        yield BleLink(
            radio,
            number,
            b.type,
            address=b.address,
            name=b.name,
            board_sensors=frozenset(b.board_sensors),
            on_reading=on_reading,
        )


def _simulated(config: Config, on_reading: OnReading, simulation: Source | None) -> Iterator[Link]:
    numbers = _of(SimulatedBattery, config)
    if numbers and simulation is not None:
        yield SimulatedLink(simulation, numbers, on_reading=on_reading)


class Work(Protocol):
    """Measures until cancelled; what fails is retried and never raises."""

    async def run(self) -> None: ...


@frozen
class Inputs:
    """What is measured beside the batteries, and the work of measuring it."""

    vbat_v: Callable[[float], float | None]
    shunt: Callable[[], ShuntReading | None]
    work: tuple[Work, ...]


def inputs(config: Config) -> Inputs:
    """The shunt and Vbat, as far as there are any."""
    shunt, vbat = _shunt(config), Vbat()
    work = (*_shunt_work(config, shunt), *_vbat_work(config, vbat))
    return Inputs(
        vbat_v=shunt.voltage_v if isinstance(config.vbat, ShuntVbat) else vbat.voltage_v,
        shunt=shunt.reading if config.shunt else lambda: None,
        work=work,
    )


def _shunt(config: Config) -> Shunt:
    table = config.shunt
    return Shunt(soc=table.soc, reversed_=table.reversed) if table else Shunt()


def _shunt_work(config: Config, shunt: Shunt) -> Iterator[Work]:
    if isinstance(config.shunt, VeDirectShunt):
        yield VeDirect(config.shunt.port, shunt.take)
    elif isinstance(config.shunt, BusShunt):
        yield bus_shunt(config.dbus.bus, config.shunt.service, shunt)


def _vbat_work(config: Config, vbat: Vbat) -> Iterator[Work]:
    table = config.vbat
    if isinstance(table, FileVbat):
        yield ReadVbat(table.path, partial(of_file, table.path, table.volts_per_count), vbat)
    elif isinstance(table, ChannelVbat):
        yield ReadVbat(table.path, Channel(table.path, table.divider).read_v, vbat)
    elif isinstance(table, BusVbat):
        yield bus_vbat(config.dbus.bus, table.service, vbat)
