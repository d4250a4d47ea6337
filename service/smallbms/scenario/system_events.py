"""What happens to the BMS: what people write, its remote and its outputs, its two processes and their clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from smallbms.scenario.event import Event
from smallbms.scenario.tables import flag, text, within

if TYPE_CHECKING:
    from smallbms.scenario.stage import Stage

Output = Literal["atc", "atd", "pre_alarm"]


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
    """An installer says that an update of the main process begins; none does while the outputs process is down."""

    version: str = text()

    def happen(self, stage: Stage) -> None:
        stage.begin_update(self.version)
