"""The engine under anything that can happen to it in any order: every rule of `watched` after every step, and from
wherever that has led, good readings and a person's acknowledgement give both permissions back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from smallbms.batteries import custom_model
from smallbms.changes import Acknowledge, Change, ClearHistory, ResetDefaults, SetMode, SetSetting, SetSoc, Synchronise
from smallbms.model import BatteryModel, OutputsReadBack, ShuntReading
from smallbms.setting_row import Value
from smallbms.settings import SETTINGS, bounds, changed, with_defaults
from smallbms.words import Fault, Mode, UpdatePhase

from .anything import BATTERY, STUCK, WILD, or_wild
from .bench_battery import model
from .watched import WatchedRig, check_figures

NUMBERS = st.integers(1, 4)
YEAR_S = 366 * 86_400.0
MODELS = st.sampled_from([
    model(), model(), model("25.6/100"),
    custom_model("tight", cells=4, capacity_ah=100, high_cell_v=3.65, low_cell_v=3.0, charge_v=14.0, float_v=13.5),
    custom_model("wide", cells=4, capacity_ah=50, high_cell_v=3.80, low_cell_v=2.50, charge_hot_c=40),
])  # fmt: skip
LEVELS_V = st.sampled_from(
    [1.9, 2.0, 2.4, 2.79, 2.80, 2.9, 3.05, 3.1, 3.2, 3.3, 3.45, 3.59, 3.6, 3.66, 3.75, 3.86, 4.2]
)
WRITABLE = [row for row in SETTINGS if row.kind != "s"]


def allowed(name: str, of: BatteryModel) -> st.SearchStrategy[Value]:
    row = next(row for row in WRITABLE if row.name == name)
    if row.words:
        return st.sampled_from(list(row.words.values()))
    own = bounds(row, of)
    assert own.minimum is not None and own.maximum is not None
    if row.kind == "d":
        return st.floats(own.minimum, own.maximum)
    return st.integers(int(own.minimum), int(own.maximum))


class Engine(RuleBasedStateMachine):
    """One bank, its pins, its clocks and its owner."""

    @initialize(of=MODELS, strings=st.integers(1, 2), series=st.integers(1, 2), stated=st.booleans(),
                known=st.booleans(), soc=st.one_of(st.none(), st.floats(0, 100)), started=st.booleans())  # fmt: skip
    def install(
        self, of: BatteryModel, strings: int, series: int, stated: bool, known: bool, soc: float | None, started: bool
    ) -> None:
        stated = stated or of.name in ("tight", "wide")
        self.of, self.series = of, series
        self.vbat_v = None if known else of.nominal_v * series
        self.rig = WatchedRig(
            strings * series, battery_model=of, stated=stated, series=series if known else None, vbat_v=self.vbat_v,
            soc_pct=soc,
        )  # fmt: skip
        self.rig.settings = with_defaults(self.rig.settings)
        self.rig.step()
        if started:
            self.rig.advance(2.0)

    def battery(self, number: int) -> Any:
        return self.rig.batteries[(number - 1) % len(self.rig.batteries) + 1]

    # --- time -----------------------------------------------------------------------------------------------------

    @rule(
        seconds=st.sampled_from([0.5, 1.0, 1.5, 3.0, 11.0, 11.0, 32.0, 62.0]), read=st.sampled_from([True, True, False])
    )
    def time_passes(self, seconds: float, read: bool) -> None:
        self.rig.advance(seconds, step=0.5 if seconds < 12.0 else 2.0, read=read)

    @rule(seconds=st.one_of(st.sampled_from([0.0, 8.9, 9.0, 29.0, 31.0, 3700.0]), st.floats(0, 10 * 86_400)))
    def a_gap(self, seconds: float) -> None:
        self.rig.now_s += seconds
        self.rig.wall_s += seconds
        self.rig.step()

    @rule(seconds=st.floats(-YEAR_S, YEAR_S))
    def the_wall_clock_is_set(self, seconds: float) -> None:
        self.rig.wall_s += seconds
        self.rig.step()

    @rule(off_s=st.sampled_from([0.0, 5.0, 4000.0, 3e6]), wall_error_s=st.sampled_from([0.0, -YEAR_S, YEAR_S]),
          begins_at_s=st.sampled_from([0.0, 100.0, 1e7]))  # fmt: skip
    def the_power_is_cut(self, off_s: float, wall_error_s: float, begins_at_s: float) -> None:
        assert self.rig.restart(off_s=off_s, wall_error_s=wall_error_s, now_s=begins_at_s) == ()

    # --- the batteries --------------------------------------------------------------------------------------------

    @rule(number=NUMBERS, cells=st.lists(LEVELS_V, min_size=1, max_size=4), rest_v=st.floats(3.25, 3.4))
    def cells_drift(self, number: int, cells: list[float], rest_v: float) -> None:
        battery = self.battery(number)
        battery.cells_v = [*cells, *[rest_v] * (self.of.cells - len(cells))]
        battery.voltage_v = None

    @rule(voltage_v=LEVELS_V)
    def all_cells_are(self, voltage_v: float) -> None:
        self.rig.each(cells_v=[voltage_v] * self.of.cells, voltage_v=None)

    @rule(current_c=st.sampled_from([-3.0, -1.5, -1.01, -0.5, -0.02, 0.0, 0.02, 0.5, 1.01, 3.0]))
    def current_flows(self, current_c: float) -> None:
        self.rig.each(current_a=current_c * self.of.capacity_ah)

    @rule(number=NUMBERS, temperature_c=st.sampled_from([-21.0, -19.0, 1.0, 6.0, 8.0, 25.0, 39.0, 48.0, 51.0, None]))
    def it_is_hot_or_cold(self, number: int, temperature_c: float | None) -> None:
        self.battery(number).temperatures_c = [temperature_c, 25.0 if temperature_c is not None else None]

    @rule(number=NUMBERS, faults=st.sets(st.sampled_from(list(Fault)), max_size=2), charge=st.booleans(),
          discharge=st.booleans())  # fmt: skip
    def it_protects_itself(self, number: int, faults: set[Fault], charge: bool, discharge: bool) -> None:
        battery = self.battery(number)
        battery.faults, battery.charge_switch_on, battery.discharge_switch_on = faults, charge, discharge

    @rule(number=NUMBERS, values=BATTERY)
    def it_says_anything(self, number: int, values: dict[str, Any]) -> None:
        battery = self.battery(number)
        for name, value in values.items():
            if name == "cell_v":
                battery.set_cells(value)
            else:
                setattr(battery, name, value)

    @rule(number=NUMBERS, way=st.sampled_from(["silent", "unplugged", "back"]))
    def it_is_lost_or_back(self, number: int, way: str) -> None:
        battery = self.battery(number)
        battery.answers = way == "back"
        if way == "unplugged":
            self.rig.unplug(next(n for n, b in self.rig.batteries.items() if b is battery))

    @rule(number=NUMBERS)
    def it_is_well(self, number: int) -> None:
        self.heal(self.battery(number))

    @rule(
        vbat_v=st.one_of(st.none(), WILD, st.sampled_from([7.9, 13.2, 26.4, 52.8])),
        shunt_a=or_wild(st.floats(-150, 150)),
    )
    def the_sensors_say(self, vbat_v: float | None, shunt_a: float | None) -> None:
        self.rig.vbat_v, self.rig.shunt = vbat_v, ShuntReading(taken_at_s=self.rig.now_s, current_a=shunt_a)

    # --- the pins and the person ----------------------------------------------------------------------------------

    @rule(stuck=STUCK)
    def pins_do_not_follow(self, stuck: dict[str, bool | None]) -> None:
        self.rig.stuck = stuck
        self.rig.advance(1.5)

    @rule(reachable=st.booleans(), remote_on=st.booleans(), update=st.sampled_from(list(UpdatePhase)),
          held=st.booleans(), lamp_fault=st.booleans())  # fmt: skip
    def the_outputs_process_says(
        self, reachable: bool, remote_on: bool, update: UpdatePhase, held: bool, lamp_fault: bool
    ) -> None:
        self.rig.pins = replace(
            self.rig.pins, reachable=reachable, remote_on=remote_on, update=update, update_holds_discharge_off=held,
            lamp_fault=lamp_fault,
        )  # fmt: skip
        self.rig.step()

    @rule(ok=st.booleans(), app=st.booleans())
    def the_store_and_the_app(self, ok: bool, app: bool) -> None:
        self.rig.store_ok, self.rig.app_connected = ok, app

    @rule(name=st.sampled_from([row.name for row in WRITABLE]), data=st.data())
    def a_setting_is_written(self, name: str, data: st.DataObject) -> None:
        value = data.draw(allowed(name, self.of))
        try:
            self.rig.settings = changed(self.rig.settings, name, value, model=self.of)
        except ValueError as refused:
            assert name == "low_soc_warning_pct", refused  # the floor stands above it
            return
        wish = SetMode(mode=Mode(int(value))) if name == "mode" else SetSetting(name=name, value=value)
        self.rig.step(wish)

    @rule(wish=st.one_of(st.sampled_from([Synchronise(), ClearHistory(), Acknowledge(), ResetDefaults()]),
                         st.builds(SetSoc, soc_pct=st.floats(0, 100))))  # fmt: skip
    def a_person_asks(self, wish: Change) -> None:
        if isinstance(wish, ResetDefaults):
            self.rig.settings = with_defaults(self.rig.settings)
        self.rig.step(wish)

    # --- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def all_figures_are_sound(self) -> None:
        check_figures(self.rig)

    def heal(self, battery: Any) -> None:
        battery.cells_v = [3.34] * self.of.cells
        battery.voltage_v = battery.cell_min_v = battery.cell_max_v = battery.capacity_ah = None
        battery.temperatures_c, battery.board_temperatures_c = [25.0, 25.0], []
        battery.soc_pct = battery.remaining_ah = battery.soh_pct = None
        battery.charge_switch_on = battery.discharge_switch_on = True
        battery.charge_limit_a = battery.discharge_limit_a = battery.charge_voltage_limit_v = None
        battery.faults, battery.warnings, battery.answers, battery.current_a = set(), set(), True, 0.0
        number = next(n for n, b in self.rig.batteries.items() if b is battery)
        battery.key = f"cell works {number}"

    def teardown(self) -> None:
        """Whatever has happened: mend it all, charge, acknowledge, wait."""
        rig = self.rig
        for battery in rig.batteries.values():
            self.heal(battery)
        rig.stuck, rig.shunt, rig.vbat_v, rig.store_ok = {}, None, self.vbat_v, True
        rig.pins = OutputsReadBack(reachable=True, remote_on=True, sequence=rig.pins.sequence + 1)
        rig.settings = changed(rig.settings, "mode", Mode.ON)
        for _ in range(2):  # a changed battery may hide that the number in series looks wrong, too
            rig.advance(15.0)
            rig.step(Acknowledge())
        rig.advance(70.0)
        assert rig.decision.allow_to_charge or "over_current_charge" in rig.tripped(), rig.texts()
        rig.each(current_a=0.5 * self.of.capacity_ah)
        rig.advance(2 * 3600.0, step=20.0)
        assert rig.allowed == (True, True), rig.texts()


QUICK = settings(max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=120, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck))


def test_whatever_happens_the_rules_hold_and_good_readings_give_both_back() -> None:
    run_state_machine_as_test(Engine, settings=QUICK)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_whatever_happens_for_long() -> None:
    run_state_machine_as_test(Engine, settings=LONG)
