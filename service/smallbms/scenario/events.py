"""What can happen in a scenario: one class for each word of `do`, with its keys and what it does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from smallbms.config_tables import Table
from smallbms.drivers.simulated import Datum
from smallbms.scenario.clock import Time
from smallbms.scenario.tables import MOST_BATTERIES, flag, text, within

if TYPE_CHECKING:
    from smallbms.scenario.stage import Stage

Output = Literal["atc", "atd", "pre_alarm"]
DATUMS = {datum.name.lower(): datum for datum in Datum}


def _battery() -> Any:
    return within(1, MOST_BATTERIES)


class Event(Table, ABC):
    """[[event]]: at this time, this."""

    at: Time
    do: str

    @property
    def told(self) -> str:
        """One line of the timeline."""
        given = self.model_dump(exclude={"at", "do"}, exclude_unset=True)
        return " ".join([f"event {self.do}", *(f"{key}={value}" for key, value in given.items())])

    @abstractmethod
    def happen(self, stage: Stage) -> None:
        """Let it happen."""


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


class Switches(Event):
    """A battery's own switches are opened or closed by hand."""

    battery: int = _battery()
    charge_on: bool = flag(True)
    discharge_on: bool = flag(True)

    def happen(self, stage: Stage) -> None:
        battery = stage.battery(self.battery)
        battery.charge_switch_open, battery.discharge_switch_open = not self.charge_on, not self.discharge_on


# --- people and wires -----------------------------------------------------------------------------------------------


class Set(Event):
    """Someone writes a setting, an action ("acknowledge", "synchronise", …: 1) or the SoC ("soc_pct")."""

    setting: str = text()
    value: float | str = Field(description="a number or a text")

    def happen(self, stage: Stage) -> None:
        stage.wish(self.setting, self.value)


class Remote(Event):
    """The loop between the remote terminals is opened or closed."""

    on: bool = Field(description="true or false")

    def happen(self, stage: Stage) -> None:
        stage.outputs.joined = self.on


class Stick(Event):
    """An output shows `level`, whatever it is told; without a level it works again."""

    output: Output = Field(description='"atc", "atd" or "pre_alarm"')
    level: bool | None = Field(default=None, description="true or false")

    def happen(self, stage: Stage) -> None:
        stage.outputs.stuck.pop(self.output, None)
        if self.level is not None:
            stage.outputs.stuck[self.output] = self.level


# --- the processes --------------------------------------------------------------------------------------------------


class StopMain(Event):
    """The main process ends; killed, it keeps nothing more."""

    killed: bool = flag(False)

    def happen(self, stage: Stage) -> None:
        stage.stop_main(in_good_order=not self.killed)


class StallMain(Event):
    """It hangs for a while: no step, no command, though its socket stays open."""

    for_s: float = within(0, 3600, "s")

    def happen(self, stage: Stage) -> None:
        stage.stall_main(self.for_s)


class StartMain(Event):
    """It starts on what was kept; `version` is another one after an update."""

    version: str | None = text(default=None)

    def happen(self, stage: Stage) -> None:
        stage.start_main(self.version)


class StopOutputs(Event):
    """The outputs process dies, its pins float."""

    def happen(self, stage: Stage) -> None:
        stage.outputs.stop()


class StartOutputs(Event):
    """It starts."""

    def happen(self, stage: Stage) -> None:
        stage.outputs.start(stage.now_s)


class Reboot(Event):
    """The power fails, and is back after `off_s`: both processes start anew, on a monotonic clock that begins anew.

    Nothing is read meanwhile, the world goes on.
    """

    off_s: float = within(1, 86_400, "s")

    def happen(self, stage: Stage) -> None:
        stage.lose_power(self.off_s)


class StepClock(Event):
    """The wall clock jumps."""

    by_s: float = within(-1e9, 1e9, "s")

    def happen(self, stage: Stage) -> None:
        stage.wall_shift_s += self.by_s


class BeginUpdate(Event):
    """An update of the main process begins."""

    version: str = text()

    def happen(self, stage: Stage) -> None:
        stage.begin_update(self.version)


EVENTS: dict[str, type[Event]] = {
    "load": SetLoad,
    "charger": SetCharger,
    "disobey": Disobey,
    "sun": SetSun,
    "ambient": SetAmbient,
    "unplug": Unplug,
    "replug": Replug,
    "flaky": Flaky,
    "leak": Leak,
    "worsen": Worsen,
    "break_sensor": BreakSensor,
    "heal_sensors": HealSensors,
    "switches": Switches,
    "set": Set,
    "remote": Remote,
    "stick": Stick,
    "stop_main": StopMain,
    "stall_main": StallMain,
    "start_main": StartMain,
    "stop_outputs": StopOutputs,
    "start_outputs": StartOutputs,
    "reboot": Reboot,
    "clock": StepClock,
    "begin_update": BeginUpdate,
}
