"""From the tables of batteries on I²C to a link for each bus; imported only where there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from smallbms.config import Config
from smallbms.config_batteries import POLL_S, I2cBattery
from smallbms.drivers.bq76952 import Bq76952
from smallbms.drivers.bq76952_settings import Board, usual_inputs
from smallbms.errors import ConfigError
from smallbms.links.i2c import I2cLine, Unit
from smallbms.links.i2c_bus import I2cBus, I2cDevice, Place, pulse
from smallbms.model import BatteryModel, BatteryReading


def i2c_lines(
    config: Config, batteries: Mapping[int, I2cBattery], on_reading: Callable[[int, BatteryReading], None]
) -> Iterator[I2cLine]:
    """One for each bus; ConfigError for a battery without a model."""
    buses: dict[str, dict[int, I2cBattery]] = {}
    for number, battery in batteries.items():
        buses.setdefault(battery.port, {})[number] = battery
    for port, on_bus in buses.items():
        units = {n: Unit(_chip(b, config.model_of(b)), Place(b.mux, b.channel)) for n, b in on_bus.items()}
        resets = {(b.mux_reset.chip, b.mux_reset.line) for b in on_bus.values() if b.mux_reset is not None}
        muxes = {b.mux for b in on_bus.values() if b.mux is not None}
        bus = I2cBus(partial(I2cDevice, port), muxes=muxes, reset=partial(pulse, resets) if resets else None)
        yield I2cLine(port, bus, units, poll_s=POLL_S, on_reading=on_reading)


def _chip(battery: I2cBattery, model: BatteryModel | None) -> Bq76952:
    if model is None:
        raise ConfigError(f"{battery.where} needs a model")
    place = (battery.port, battery.mux, battery.channel, battery.address)
    return Bq76952(
        key=":".join(["bq76952", *(str(part) for part in place if part is not None)]),
        model=model,
        board=Board(
            sense_mohm=battery.sense_mohm,
            inputs=battery.inputs or usual_inputs(model.cells),
            thermistors=battery.thermistors,
            board_thermistors=battery.board_thermistors,
            fets=battery.fets,
            watchdog_s=battery.watchdog_s,
        ),
        address=battery.address,
        crc=battery.crc,
    )
