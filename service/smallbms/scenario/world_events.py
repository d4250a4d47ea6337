"""What happens to the world and to the batteries: sun, loads, cables, cells, sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from smallbms.drivers.simulated import Datum
from smallbms.scenario.event import Event
from smallbms.scenario.tables import LARGEST_BANK, flag, text, within

if TYPE_CHECKING:
    from smallbms.scenario.stage import Stage

DATUMS = {datum.name.lower(): datum for datum in Datum}


def _battery() -> Any:
    return within(1, LARGEST_BANK)


# --- the world ------------------------------------------------------------------------------------------------------


class SetLoad(Event):
    """A load draws another power from now on; a new name is a new load."""

    name: str = text()
    power_w: float = within(0, 1e6, "W")

    def happen(self, stage: Stage) -> None:
        stage.world.set_load(self.name, self.power_w)


class SetCharger(Event):
    """A charger has another power: 0 = unplugged."""

    name: str = text()
    power_w: float = within(0, 1e6, "W")

    def happen(self, stage: Stage) -> None:
        stage.world.set_charger(self.name, self.power_w)


class Disobey(Event):
    """A charger goes to its own voltage, whatever the GX says."""

    name: str = text()
    setpoint_v: float = within(8, 70, "V")

    def happen(self, stage: Stage) -> None:
        stage.world.disobey(self.name, self.setpoint_v)


class SetSun(Event):
    """The sun is held at a share of clear noon; without one it is as the weather has it."""

    share: float | None = within(0, 1, default=None)

    def happen(self, stage: Stage) -> None:
        stage.world.set_sun(self.share)


class SetAmbient(Event):
    """The air is held at this; without it, as the weather has it."""

    temperature_c: float | None = within(-40, 70, "°C", default=None)

    def happen(self, stage: Stage) -> None:
        stage.world.set_ambient(self.temperature_c)


# --- the batteries --------------------------------------------------------------------------------------------------


class Unplug(Event):
    """A battery's data cable is pulled."""

    battery: int = _battery()

    def happen(self, stage: Stage) -> None:
        stage.battery(self.battery).cable_pulled = True


class Replug(Event):
    """It is put back."""

    battery: int = _battery()

    def happen(self, stage: Stage) -> None:
        stage.battery(self.battery).cable_pulled = False


class Flaky(Event):
    """A battery is silent for `silent_s` of every `every_s` from now on; 0 mends it."""

    battery: int = _battery()
    silent_s: float = within(0, 3600, "s")
    every_s: float = within(1, 3600, "s", default=60.0)

    def happen(self, stage: Stage) -> None:
        stage.make_flaky(self.battery, silent_s=self.silent_s, every_s=self.every_s)


class Leak(Event):
    """A cell loses this much beside its self-discharge; 0 heals it."""

    battery: int = _battery()
    cell: int = within(1, 32)
    current_a: float = within(0, 100, "A")

    def happen(self, stage: Stage) -> None:
        stage.battery(self.battery).leak(self.cell, self.current_a)


class Worsen(Event):
    """The resistance of a cell is multiplied."""

    battery: int = _battery()
    cell: int = within(1, 32)
    factor: float = within(0.1, 1000)

    def happen(self, stage: Stage) -> None:
        stage.battery(self.battery).worsen(self.cell, self.factor)


class BreakSensor(Event):
    """A sensor says `value` from now on, however absurd; without a value nothing."""

    battery: int = _battery()
    sensor: str = Field(pattern=f"^({'|'.join(DATUMS)})$", description=", ".join(DATUMS))
    index: int = within(1, 32, default=1)
    value: float | None = Field(default=None, allow_inf_nan=True, description="a number")

    def happen(self, stage: Stage) -> None:
        stage.battery(self.battery).break_sensor(DATUMS[self.sensor], self.value, self.index)


class HealSensors(Event):
    """All sensors of a battery work again."""

    battery: int = _battery()

    def happen(self, stage: Stage) -> None:
        stage.battery(self.battery).heal_sensors()


class SetVbat(Event):
    """Vbat shows `value` from now on; without one what is there."""

    value: float | None = Field(default=None, allow_inf_nan=True, description="a number")

    def happen(self, stage: Stage) -> None:
        stage.meters.wrong_v = self.value


class SetShunt(Event):
    """The shunt shows `factor` times its current, −1 = turned round; mute, it shows nothing any more."""

    factor: float = within(-10, 10, default=1.0)
    mute: bool = flag(False)

    def happen(self, stage: Stage) -> None:
        stage.meters.shunt_factor = None if self.mute else self.factor


class Switches(Event):
    """A battery's own switches are opened or closed by hand."""

    battery: int = _battery()
    charge_on: bool = flag(True)
    discharge_on: bool = flag(True)

    def happen(self, stage: Stage) -> None:
        battery = stage.battery(self.battery)
        battery.charge_switch_open, battery.discharge_switch_open = not self.charge_on, not self.discharge_on
