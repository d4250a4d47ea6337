"""[[battery]]: one table for each kind of wire; which one a table is, its `driver` says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from smallbms.config_tables import ABSOLUTE, Table, number, text
from smallbms.wording import span

SIMULATED = "simulated"
POLL_S = 0.4  # under the 0.5 s of the engine: a reading and not a timer makes the step, and a high cell is seen sooner
Temperature = Annotated[Literal["sensors", "none"], Field(description='"sensors" or "none"')]
ModelName = Annotated[str, Field(pattern=".", description="the name of a model")]
BoardSensors = Annotated[
    tuple[Annotated[int, Field(ge=1, le=32)], ...],
    Field(strict=False, description="the positions, 1…32, of sensors that are not at cells"),
]

Thermistors = Annotated[
    tuple[Literal["TS1", "TS2", "TS3"], ...], Field(strict=False, description="a list of TS1, TS2, TS3")
]


class Battery(Table):
    """What every battery may say of itself; without `model`, cell count and capacity give it.

    `current_factor`: what its current is to be multiplied by, -1 where discharging is shown as positive.
    """

    driver: str = Field(description="the name of a driver")
    model: ModelName | None = text(None, "the name of a model")
    temperature: Temperature = "sensors"
    current_factor: float = Field(default=1.0, ge=-10, le=10, description="-10…10 without 0")

    @field_validator("current_factor")
    @classmethod
    def _some_current(cls, factor: float) -> float:
        if factor == 0:
            raise ValueError("no current at all")
        return factor

    @property
    def where(self) -> str:
        """How it is connected, in words."""
        return self.driver


class SerialBattery(Battery):
    """A battery on a serial line, which it may share where its protocol has addresses."""

    port: str = Field(pattern=ABSOLUTE, description="a path, best one of /dev/serial/by-id/")
    baud: int | None = number(None, 1200, 1_000_000)
    address: int | None = number(None, 0, 255)
    board_sensors: BoardSensors = ()
    poll_s: float = number(POLL_S, 0.25, 2, "s")

    @property
    def where(self) -> str:
        return f"{self.driver} on {Path(self.port).name}"


class MuxReset(Table):
    """The line at the reset pin of a multiplexer: of which chip, by offset or name."""

    chip: str = Field(pattern=".", description="the label, name or path of a GPIO chip")
    line: int | str = Field(description="a line by offset or name")


class I2cBattery(Battery):
    """driver = "bq76952": bare cells behind a monitor chip, alone on an I²C bus or behind a multiplexer.

    `inputs` of the chip that have a cell, the lowest first; left out: the lowest, and the highest for the top cell.
    """

    driver: Literal["bq76952"]
    model: ModelName
    port: str = Field(pattern=r"^/dev/i2c-\d+$", description="an I²C bus, as /dev/i2c-1")
    address: int = number(0x08, 0x08, 0x77)
    mux: int | None = number(None, 0x70, 0x77)
    channel: int | None = number(None, 0, 7)
    mux_reset: MuxReset | None = Field(default=None, description="a table { chip, line }")
    crc: bool = Field(default=False, description="true or false")
    sense_mohm: float = Field(ge=0.02, le=10, description=span(0.02, 10, "mΩ"))
    inputs: tuple[Annotated[int, Field(ge=1, le=16)], ...] = Field(
        default=(), strict=False, description="a list of 1…16"
    )
    thermistors: Thermistors = ("TS1",)
    board_thermistors: Thermistors = ()
    fets: bool = Field(default=False, description="true or false")
    watchdog_s: int = number(10, 5, 60, "s")

    @property
    def where(self) -> str:
        channel = "" if self.channel is None else f" channel {self.channel}"
        return f"{self.driver} on {Path(self.port).name}{channel}"


class CanBattery(Battery):
    """driver = "can-bms": a battery with Pylontech's and Victron's protocol on CAN, which does not count its cells."""

    driver: Literal["can-bms"]
    model: ModelName
    port: str = Field(pattern=r"^[a-z][a-z0-9]{0,14}$", description="a CAN interface, as can0")
    answer: bool = Field(default=True, description="true or false")

    @property
    def where(self) -> str:
        return f"{self.driver} on {self.port}"


class BusBattery(Battery):
    """driver = "victron-dbus": a battery that another service has on the D-Bus."""

    driver: Literal["victron-dbus"]
    service: str = Field(
        pattern=r"^com\.victronenergy\.battery\.[A-Za-z0-9_]+$",
        description="the name of a battery service, as com.victronenergy.battery.ttyUSB0",
    )

    @property
    def where(self) -> str:
        return self.service


class BleBattery(Battery):
    """driver = "ble": a battery that speaks Bluetooth."""

    driver: Literal["ble"]
    type: str = Field(pattern=r"^[a-z0-9_]+$", description="a kind of battery that aiobmsble knows, as jbd_bms")
    name: str | None = text(None, "the name that the battery advertises")
    address: str | None = text(None, "an address as AA:BB:CC:DD:EE:FF", r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$")
    board_sensors: BoardSensors = ()

    @property
    def where(self) -> str:
        return f"{self.type} at {self.address or self.name}"


class SimulatedBattery(Battery):
    """driver = "simulated"."""

    driver: Literal["simulated"]
    model: ModelName
    soc_pct: float = number(60.0, 0, 100, "%")
    temperature_c: float = number(20.0, -30, 70, "°C")
    seed: int = number(1, 0, 2**31)


WIRES: dict[str, type[Battery]] = {  # by driver; every other is that of a serial line
    "bq76952": I2cBattery,
    "can-bms": CanBattery,
    "victron-dbus": BusBattery,
    "ble": BleBattery,
    SIMULATED: SimulatedBattery,
}
