"""The stage of a scenario: the world, the batteries' wires, both processes and their clocks, moved tick by tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from smallbms.drivers.simulated import SimulatedBattery
from smallbms.errors import OutputError, SettingsError
from smallbms.memory import SETTINGS
from smallbms.model import BankSpec, BatteryReading, Decision, Measurement
from smallbms.scenario.figures import Sample
from smallbms.scenario.main_process import MainProcess, Shelf
from smallbms.scenario.meters import Meters
from smallbms.scenario.outputs_process import OutputsProcess
from smallbms.settings import Settings, to_json
from smallbms.simulation.world import Flow, World

BOOT_S: Final = 20.0  # a monotonic clock when the processes start after a power failure
BEGIN_WALL_S: Final = 1_800_000_000.0
VERSION: Final = "1.0"


class Stage:
    """Everything that moves; `world`, `meters`, `outputs`, `wall_shift_s` may be changed between `move` and `act`."""

    def __init__(
        self,
        world: World,
        spec: BankSpec,
        settings: Settings,
        *,
        reports_soc: bool = True,
        meters: Meters | None = None,
    ) -> None:
        self.world = world
        self.meters = meters or Meters()
        self.outputs = OutputsProcess()
        self.wall_shift_s = 0.0
        self._said: list[str] = []
        self._spec = spec
        self._reports_soc = reports_soc
        self._time_s = 0.0
        self._clock_zero_s = 0.0
        self._power_back_at_s: float | None = None
        self._stalled_until_s = 0.0
        self._flaky: dict[int, tuple[float, float, float]] = {}
        self._limits = (0.0, 0.0, 0.0)
        self._shelf = Shelf()
        self._shelf.save(SETTINGS, to_json(settings))
        self._main: MainProcess | None = None
        self._version = VERSION
        self._flow = self._step_world(0.0)
        self.start_main(None)

    @property
    def now_s(self) -> float:
        """The monotonic clock of the machine."""
        return self._time_s - self._clock_zero_s

    @property
    def wall_s(self) -> float:
        return BEGIN_WALL_S + self._time_s + self.wall_shift_s

    @property
    def decision(self) -> Decision | None:
        """The last one; None while the main process is down."""
        return self._main.decision if self._main else None

    def battery(self, number: int) -> SimulatedBattery:
        return self.world.bank.batteries[number - 1]

    def heard(self) -> list[str]:
        """What people were told since the last call: refusals, notices."""
        said, self._said = self._said, []
        return said

    def make_flaky(self, number: int, *, silent_s: float, every_s: float) -> None:
        self._flaky[number] = (self._time_s, silent_s, every_s)

    def wish(self, name: str, value: float | str) -> None:
        """What a person writes; refused wishes are said."""
        if self._main is None:
            self._said.append(f"{name} cannot be written: the main process is down")
            return
        try:
            self._main.door.apply(name, value, "scenario")
        except SettingsError as error:
            self._said.append(f"refused: {error}")

    def begin_update(self, version: str) -> None:
        """What the installer says; refused while the outputs process is down."""
        try:
            self.outputs.begin_update(version, self.now_s)
        except OutputError as error:
            self._said.append(f"no update begins: {error}")

    def stop_main(self, *, in_good_order: bool) -> None:
        if self._main is not None:
            self._main.stop(self.wall_s, in_good_order=in_good_order)
            self._main, self._stalled_until_s = None, 0.0

    def stall_main(self, for_s: float) -> None:
        self._stalled_until_s = self._time_s + for_s

    def start_main(self, version: str | None) -> None:
        """Start it, if it does not run; a version left out is the one that was."""
        if self._main is not None:
            return
        self._version = version or self._version
        self._main = MainProcess(
            self._spec, self._shelf, self.outputs, version=self._version, now_s=self.now_s, wall_s=self.wall_s
        )
        self._said += self._main.notices

    def lose_power(self, off_s: float) -> None:
        self.stop_main(in_good_order=False)
        self.outputs.stop()
        self._power_back_at_s = self._time_s + off_s

    def move(self, time_s: float) -> None:
        """Let the world go on until `time_s`, under what the pins show and what a GX was told last."""
        dt_s, self._time_s = time_s - self._time_s, time_s
        if dt_s > 0:
            self._flow = self._step_world(dt_s)
        if self._power_back_at_s is not None and time_s >= self._power_back_at_s:
            self._power_back_at_s = None
            self._clock_zero_s = time_s - BOOT_S
            self.outputs.start(self.now_s)
            self.start_main(None)

    def act(self, *, read: bool) -> Sample:
        """Let both processes do what is due, with the batteries read or not; return what is then."""
        self.outputs.tick(self.now_s)
        if self._main is not None and self._time_s >= self._stalled_until_s:
            answered = read and self._main.decision is not None  # its first step comes before any battery's answer
            decision = self._main.step(self._measured(answered=answered), self.now_s, self.wall_s)
            self._limits = decision.cvl_v, decision.ccl_a, decision.dcl_a
        batteries = self.world.bank.batteries
        cells_v = [cell_v for battery in batteries for cell_v in battery.true_cell_voltages_v]
        temperatures_c = [battery.temperature_c for battery in batteries]
        return Sample(
            time_s=self._time_s,
            pins=self.outputs.pins,
            update=self.outputs.update,
            decision=self.decision,
            history=self._main.state.history if self._main else None,
            flow=self._flow,
            soc_pct=sum(battery.true_soc_pct for battery in batteries) / len(batteries),
            min_cell_v=min(cells_v),
            max_cell_v=max(cells_v),
            min_temperature_c=min(temperatures_c),
            max_temperature_c=max(temperatures_c),
        )

    def _step_world(self, dt_s: float) -> Flow:
        pins, (cvl_v, ccl_a, dcl_a) = self.outputs.pins, self._limits
        return self.world.step(dt_s, atc=pins.atc, atd=pins.atd, cvl_v=cvl_v, ccl_a=ccl_a, dcl_a=dcl_a)

    def _measured(self, *, answered: bool) -> Measurement:
        return Measurement(
            readings=self._readings() if answered else {},
            vbat_v=self.meters.vbat_v(self._flow),
            shunt=self.meters.shunt_reading(self._flow, self.now_s),
        )

    def _readings(self) -> Mapping[int, BatteryReading]:
        readings = {n: r for n, r in self.world.readings(self.now_s).items() if not self._silent(n)}
        if self._reports_soc:
            return readings
        return {n: replace(reading, soc_pct=None, remaining_ah=None) for n, reading in readings.items()}

    def _silent(self, number: int) -> bool:
        since_s, silent_s, every_s = self._flaky.get(number, (0.0, 0.0, 1.0))
        return (self._time_s - since_s) % every_s < silent_s
