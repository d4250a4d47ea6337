"""A walk through the table of reasons: every one is reached and left, and no set of them locks the system for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smallbms.changes import Acknowledge, SetSoc
from smallbms.core.reasons import ROWS
from smallbms.words import Fault, ReasonCode

from .bench_battery import BenchBattery
from .cases import CASES, Act, Case, pins, shows
from .watched import WatchedRig

LONGEST_S = 100.0  # to reach a reason, and to leave all of them
# A pin can only be seen not to follow while something is commanded; who is not reachable says nothing else.
_LAST = {"lost_battery": 1, "bank_error": 1, "unreachable_charge": 2, "unreachable_load": 2}
_FIRST = {"pin_fault_charge": -1, "pin_fault_load": -1}
IN_ORDER = sorted(CASES, key=lambda case: (_FIRST | _LAST).get(case.row, 0))
BLOCKS = {row.name: row.blocks for row in ROWS}
FOR_A_PERSON = {case.row for case in CASES if case.asks}


class Walker:
    """A bank in which each reason of a walk has a battery of its own."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self.cases = sorted(cases, key=IN_ORDER.index)
        self.rig = WatchedRig(len(self.cases))
        self.rig.each(key="cell works 1")
        self.rig.start()

    def on(self, case: Case, act: Act) -> None:
        """Let an act see a bench of one battery alone."""
        all_of_them = self.rig.batteries
        self.rig.batteries = {1: all_of_them[self.cases.index(case) + 1]}
        act(self.rig)
        self.rig.batteries = all_of_them

    def reach(self) -> None:
        """Trip one after the other, each while all before it hold."""
        for case in self.cases:
            self.on(case, case.breach)
            until_s = self.rig.now_s + LONGEST_S
            while case.row not in self.rig.tripped():
                assert self.rig.now_s < until_s, case.row
                self.rig.advance(1.0)

    def leave(self, order: Sequence[Case]) -> None:
        """Mend all; the permissions come back, and a person is asked only where the table says so."""
        for case in order:
            self.on(case, case.heal)
            self.on(case, shows(current_a=0.0, temperatures_c=[25.0, 25.0]))  # nobody draws, and it is a mild day
            self.rig.advance(1.0)
        self.rig.advance(LONGEST_S, step=4.0)
        rest = self.rig.tripped()
        assert rest <= FOR_A_PERSON, self.rig.texts()
        if rest:
            self.rig.step(Acknowledge())
            self.rig.advance(1.0)
        assert self.rig.allowed == (True, True), self.rig.texts()
        assert (self.rig.outputs.atc, self.rig.outputs.atd) == (True, True)


def test_the_walk_knows_every_row() -> None:
    assert {case.row for case in CASES} == set(BLOCKS) - {"starting"}


@pytest.mark.parametrize("pair", list(combinations(CASES, 2)), ids=lambda pair: "-".join(case.row for case in pair))
def test_no_two_reasons_lock_the_system(pair: tuple[Case, Case]) -> None:
    walker = Walker(pair)
    walker.reach()
    walker.leave(walker.cases)


@pytest.mark.parametrize("backwards", [False, True])
def test_all_reasons_together_do_not_lock_the_system(backwards: bool) -> None:
    walker = Walker(CASES)
    walker.reach()
    walker.leave(walker.cases[::-1] if backwards else walker.cases)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.permutations(CASES), st.integers(3, 6))
def test_no_set_of_reasons_locks_the_system(mixed: list[Case], count: int) -> None:
    walker = Walker(mixed[:count])
    walker.reach()
    walker.leave(mixed[:count])


# --- the start, and the empty battery ---------------------------------------------------------------------------


@pytest.mark.parametrize("answers_after_s", [0.0, 5.0, 19.5, 20.0, 60.0])
def test_the_start_is_over_when_all_are_read_or_named_as_lost(answers_after_s: float) -> None:
    rig = WatchedRig(2)
    rig.batteries[2].answers = False
    rig.step()
    rig.advance(answers_after_s)
    starting = answers_after_s < 20.0
    assert rig.codes() == {ReasonCode.STARTING if starting else ReasonCode.LOST_BATTERY}
    assert rig.allowed == (False, False)
    rig.batteries[2].answers = True
    rig.advance(0.5 if starting else 5.5)
    assert rig.allowed == (True, True), rig.texts()


def emptied(battery: BenchBattery, cell_v: float) -> None:
    """As empty as a battery can be, and by its own word, too."""
    battery.set_cells(cell_v)
    battery.soc_pct, battery.discharge_switch_on = 0.0, False
    battery.faults = {Fault.CELL_LOW, Fault.PACK_LOW, Fault.DISCHARGE_COLD}
    battery.temperatures_c = [8.0]


@pytest.mark.parametrize("cell_v", [2.79, 2.0, 0.5])
def test_an_empty_battery_can_always_be_charged(cell_v: float) -> None:
    rig = WatchedRig(2)
    rig.start()
    rig.settings = rig.settings.model_copy(update={"low_soc_warning_pct": 99, "discharge_floor_pct": 90})
    rig.step(SetSoc(soc_pct=0.0))
    for trips in range(4):
        for battery in rig.batteries.values():
            emptied(battery, 2.6)
        rig.advance(3.0)
        rig.each(cell_v=cell_v, current_a=-50.0)  # somebody draws on empty cells
        rig.advance(45.0)
        may_be_charged(rig)
        rig.each(current_a=0.0)
        rig.restart(off_s=60.0 * trips)
        rig.advance(65.0)
        may_be_charged(rig)
        rig.each(cell_v=2.6)
        rig.advance(3.0)
        rig.each(cell_v=3.3, faults=set(), discharge_switch_on=True)
        rig.advance(65.0)
    assert rig.codes() == {ReasonCode.FLOOR, ReasonCode.LOW_CELL}
    rig.each(current_a=50.0)
    rig.advance(2.9 * 3600.0, step=20.0)
    assert rig.allowed == (True, True), rig.texts()


def may_be_charged(rig: WatchedRig) -> None:
    decision, bank = rig.decision, rig.decision.bank
    assert rig.allowed == (True, False), rig.texts()
    assert {ReasonCode.LOW_CELL, ReasonCode.FLOOR, ReasonCode.BATTERY_BLOCK} <= rig.codes()
    assert rig.outputs.atc
    assert decision.ccl_a > 0.0
    assert decision.charge_request
    assert bank.voltage_v is not None and decision.cvl_v > bank.voltage_v


def test_what_the_pins_say_does_not_matter_to_an_empty_battery() -> None:
    """A load disconnect that is stuck takes nothing from charging."""
    rig = WatchedRig()
    rig.start()
    emptied(rig.battery, 2.6)
    rig.stuck = {"atd": True, "pre_alarm": None}
    rig.advance(60.0)
    pins(lamp_fault=True)(rig)
    rig.advance(5.0)
    assert {ReasonCode.LOW_CELL, ReasonCode.OUTPUT_FAULT_LOAD} <= rig.codes()
    assert rig.allowed == (True, False), rig.texts()
