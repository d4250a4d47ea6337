"""What outlives the process: nothing that was taken away comes back by a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.changes import Acknowledge, SetSoc, Synchronise
from smallbms.core import engine, saving
from smallbms.core.reasons import ROWS
from smallbms.core.state import EngineState
from smallbms.settings import Settings
from smallbms.words import AlarmCode, AlarmLevel, ReasonCode, SocState, UpdatePhase

from .bench_battery import Rig
from .cases import CASES, Case, pins


def lived() -> Rig:
    """A bank with something in every part of its memory."""
    rig = Rig(2).start()
    rig.step(Synchronise())
    rig.batteries[1].cells_v[0] = 2.7
    rig.batteries[2].current_a = -250.0
    pins(update=UpdatePhase.FAILED)(rig)
    rig.advance(40.0)
    rig.batteries[2].answers = False
    rig.advance(12.0)
    rig.batteries[2].answers = True
    rig.batteries[2].current_a = 0.0
    rig.advance(7.0)
    rig.each(cell_v=3.47, current_a=1.0)
    rig.batteries[1].cells_v[0] = 3.55
    rig.advance(250.0, step=2.0)
    return rig


# --- trips ---------------------------------------------------------------------------------------------------------

PERSISTED = [case for case in CASES if {row.name: row.persisted for row in ROWS}[case.row]]


def test_what_must_be_persisted_is() -> None:
    assert {case.row for case in PERSISTED} == {
        "low_cell", "floor", "over_current_charge", "over_current_discharge", "pin_fault_charge", "pin_fault_load",
        "charge_cold", "charge_hot", "discharge_cold", "discharge_hot",
    }  # fmt: skip


@pytest.mark.parametrize("case", PERSISTED, ids=lambda case: case.row)
def test_what_was_tripped_is_so_in_the_first_decision_after_a_restart(case: Case) -> None:
    rig = case.rig()
    urgent = rig.state.urgent
    case.breach(rig)
    rig.advance(case.delay_s + 0.5)
    assert rig.state.urgent > urgent  # to the flash at once
    row = next(row for row in ROWS if row.name == case.row)
    before = next(r for r in rig.decision.reasons if r.code is row.code)
    kept_text = before.text.replace(": busy", "")  # what the outputs process says is of now
    heal_but_not_released = case.band or case.heal
    heal_but_not_released(rig)
    if case.row == "floor":
        rig.settings = Settings(low_soc_warning_pct=60, discharge_floor_pct=50)
    assert rig.restart() == ()
    rig.step()
    after = next(r for r in rig.decision.reasons if r.code is row.code)
    assert (after.text, after.battery, after.cell, after.value, after.limit, after.blocks) == (
        kept_text, before.battery, before.cell, before.value, before.limit, before.blocks
    )  # fmt: skip
    for _ in range(8):
        rig.advance(0.5)
        assert not (rig.outputs.atc and rig.outputs.atd)
    assert [r for r in rig.decision.reasons if r.code is row.code]


def test_a_low_cell_that_was_released_is_not_tripped_after_a_restart() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 2.7
    rig.advance(31.0)
    rig.battery.cells_v[0] = 3.3
    rig.advance(61.0)
    rig.restart()
    rig.step()
    assert rig.allowed == (True, True)


def test_the_hold_of_an_over_current_goes_on_where_it_was() -> None:
    rig = Rig().start()
    for _ in range(3):
        rig.battery.current_a = 250.0
        rig.advance(1.0)
        rig.battery.current_a = 0.0
        rig.advance(61.0)
    assert not rig.decision.allow_to_charge
    rig.restart(off_s=3600.0)
    rig.step()
    rig.advance(830.0)
    assert not rig.decision.allow_to_charge
    rig.advance(10.0)
    assert rig.decision.allow_to_charge


def test_trips_count_towards_the_third_over_restarts() -> None:
    rig = Rig().start()
    for _ in range(3):
        rig.battery.cells_v[0] = 2.7
        rig.advance(31.0)
        rig.battery.cells_v[0] = 3.3
        rig.restart()
        rig.step()
        rig.advance(70.0)
    assert "1 % charged" in rig.reason(ReasonCode.LOW_CELL).text
    rig.restart()
    rig.step()
    rig.advance(120.0)
    assert not rig.decision.allow_to_discharge
    rig.step(Acknowledge())
    assert rig.decision.allow_to_discharge


def test_a_trip_of_a_battery_that_is_configured_no_more_releases() -> None:
    rig = Rig(2).start()
    rig.batteries[2].current_a = 250.0
    rig.advance(1.0)
    kept = saving.saved(rig.state, rig.wall_s)
    alone = Rig()
    alone.state, notices = saving.restored(kept, alone.now_s, alone.wall_s)
    assert notices == ()
    alone.step()
    assert not alone.decision.allow_to_charge
    alone.advance(61.0)
    assert alone.allowed == (True, True)


def test_a_sensor_that_tripped_and_opened_holds_the_trip_over_a_restart() -> None:
    rig = Rig(2).start()
    rig.batteries[2].temperatures_c = [25.0, 51.0]
    rig.advance(6.0)
    rig.batteries[2].temperatures_c = [25.0, None]
    rig.advance(1.0)
    rig.restart()
    rig.advance(30.0)
    assert "battery 2 sensor 2, not read now" in rig.reason(ReasonCode.CHARGE_HOT).text
    rig.step(Acknowledge())
    assert rig.allowed == (True, True)


def test_a_trip_that_an_earlier_version_kept_is_read() -> None:
    rig = Rig().start()
    rig.battery.cells_v[0] = 2.7
    rig.advance(31.0)
    kept = saving.saved(rig.state, rig.wall_s)
    for latch in kept["latches"]:
        del latch["unwell"]
    again = Rig()
    again.state, notices = saving.restored(kept, again.now_s, again.wall_s)
    again.step()
    assert notices == () and not again.decision.allow_to_discharge


def test_a_sensor_of_a_battery_that_is_configured_no_more_holds_nothing() -> None:
    rig = Rig(2).start()
    rig.batteries[2].temperatures_c = [25.0, 51.0]
    rig.advance(6.0)
    alone = Rig()
    alone.state, _ = saving.restored(saving.saved(rig.state, rig.wall_s), alone.now_s, alone.wall_s)
    alone.advance(1.0)
    assert alone.allowed == (True, True)


def test_a_failed_update_and_the_last_errors_are_kept() -> None:
    rig = Rig(2).start()
    pins(update=UpdatePhase.FAILED)(rig)
    rig.advance(1.0)
    errors = rig.state.last_errors
    assert errors
    rig.restart()
    rig.step()
    assert rig.state.last_errors[-len(errors) :] == errors
    assert rig.alarm(AlarmCode.FIRMWARE_UPDATE_FAILURE) is AlarmLevel.ALARM


def test_the_float_is_kept() -> None:
    rig = Rig().start()
    rig.each(cell_v=3.47, current_a=1.0)
    rig.advance(250.0, step=1.0)
    assert rig.decision.cvl_v == pytest.approx(13.5)
    rig.restart()
    rig.step()
    rig.advance(10.0)
    assert rig.decision.cvl_v == pytest.approx(13.5)


@pytest.mark.parametrize("wall_error_s", [-366 * 86_400.0, 366 * 86_400.0, -1.8e9, 1e15])
def test_an_absurd_wall_clock_changes_no_permission(wall_error_s: float) -> None:
    rig = lived()
    reasons = rig.codes()
    assert rig.restart(wall_error_s=wall_error_s) == ()
    rig.step()
    rig.advance(1.0)
    assert reasons <= rig.codes()


# --- what cannot be read -------------------------------------------------------------------------------------------

KEPT: dict[str, Any] = json.loads(json.dumps(saving.saved(lived().state, 1.8e9), allow_nan=False))
PARTS = {
    "latches": "trips", "soc": "state of charge", "history": "history", "balancer": "balancer",
    "floating": "charge phase", "update": "update", "last_errors": "last errors",
}  # fmt: skip


def decide(state: EngineState) -> None:
    """A few steps on a restored state; whatever it holds must be good enough to decide and to be kept again."""
    rig = Rig(2)
    rig.state, rig.now_s = state, state.last_s
    rig.step(SetSoc(soc_pct=80.0))
    rig.advance(70.0, step=5.0)
    json.dumps(saving.saved(rig.state, 1.8e9), allow_nan=False)


@pytest.mark.parametrize("broken", [None, 7, "x", [1], {"row": 1}, [{"row": "low_cell"}], [None], {"page": {}}, [[]]])
@pytest.mark.parametrize("key", PARTS)
def test_a_broken_part_starts_anew_with_a_notice_and_the_others_are_kept(key: str, broken: object) -> None:
    good, none = saving.restored(KEPT, 100.0, 1.8e9)
    assert none == ()
    state, notices = saving.restored({**KEPT, key: broken}, 100.0, 1.8e9)
    assert len(notices) == 1
    assert notices[0].startswith(f"stored {PARTS[key]} cannot be read")
    kept = [name for name in ("latches", "soc", "history", "balancer", "limits", "update", "last_errors")
            if getattr(state, name) == getattr(good, name)]  # fmt: skip
    assert len(kept) >= 6
    decide(state)


@pytest.mark.parametrize("cycles", [1.5, -1, "3", None, True, 1e999])
def test_a_count_that_is_none_starts_the_history_anew(cycles: object) -> None:
    page = {**KEPT["history"]["page"], "cycles": cycles}
    _, (notice,) = saving.restored({**KEPT, "history": {**KEPT["history"], "page": page}}, 100.0, 1.8e9)
    assert notice.startswith("stored history cannot be read")


def test_trips_survive_a_clock_that_cannot_be_read() -> None:
    broken = [saving.restored({**KEPT, "wall_s": wall_s}, 0.0, 1.8e9)[0].latches for wall_s in (None, "now")]
    assert broken == [saving.restored(KEPT, 0.0, 1.8e9)[0].latches] * 2 != [{}, {}]


def test_figures_that_an_earlier_version_did_not_keep_cost_no_state_of_charge() -> None:
    kept = json.loads(json.dumps(KEPT))
    del kept["soc"]["own"], kept["soc"]["counts"]
    state, notices = saving.restored(kept, 0.0, 0.0)
    assert (state.soc.soc_pct, notices) == (KEPT["soc"]["soc_pct"], ())


@pytest.mark.parametrize("soc_pct", [100.1, -0.1, "50", 1e999])
def test_an_soc_that_cannot_be_is_unknown(soc_pct: object) -> None:
    state, (notice,) = saving.restored({**KEPT, "soc": {**KEPT["soc"], "soc_pct": soc_pct}}, 100.0, 1.8e9)
    assert notice.startswith("stored state of charge cannot be read")
    assert state.soc.soc_pct is None


def test_an_empty_memory_is_a_first_start_with_a_notice_for_each_part() -> None:
    state, notices = saving.restored({}, 100.0, 1.8e9)
    assert state == engine.begin(100.0)
    assert len(notices) == len(PARTS)


def test_a_figure_that_a_later_version_adds_to_the_page_starts_at_its_default() -> None:
    page = {name: value for name, value in KEPT["history"]["page"].items() if name != "cycles"}
    state, notices = saving.restored({**KEPT, "history": {**KEPT["history"], "page": page}}, 100.0, 1.8e9)
    assert notices == ()
    assert state.history.total_ah_drawn == KEPT["history"]["page"]["total_ah_drawn"]


def test_a_row_that_is_no_more_is_left_out() -> None:
    item = {**KEPT["latches"][0], "row": "a row of another version"}
    state, notices = saving.restored({**KEPT, "latches": [item]}, 100.0, 1.8e9)
    assert (notices, dict(state.latches)) == ((), {})


def paths(value: Any) -> list[list[str | int]]:
    """The way to every value within."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [[]] + [[key, *rest] for key, part in inner for rest in paths(part)]


def mutilated(value: Any, path: list[str | int], replacement: Any) -> Any:
    if not path:
        return replacement
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = mutilated(copy[path[0]], path[1:], replacement)
    return copy


JUNK = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=3), st.just([]), st.just({}),
    st.sampled_from([1e999, -1e999, 10**400, -1, "nan", "low_cell", 655.35]),
)  # fmt: skip


@given(st.sampled_from(paths(KEPT)[1:]), JUNK)
def test_no_mutilated_memory_stops_the_engine(path: list[str | int], replacement: Any) -> None:
    state, _ = saving.restored(mutilated(KEPT, path, replacement), 100.0, 1.8e9)
    decide(state)


@pytest.mark.parametrize("life", [Rig, lambda: Rig().start(), lived])
def test_a_round_trip_changes_nothing(life: Callable[[], Rig]) -> None:
    rig = life()
    kept = json.loads(json.dumps(saving.saved(rig.state, rig.wall_s), allow_nan=False))
    state, notices = saving.restored(kept, rig.now_s, rig.wall_s)
    again = saving.saved(state, rig.wall_s)
    assert notices == ()
    for part in PARTS:
        assert json.loads(json.dumps(again[part])) == kept[part]


def test_the_readable_batteries_are_kept() -> None:
    assert saving.readable(KEPT) == {1, 2}
    for broken in ({}, {"readable": None}, {"readable": ["x", None, 1.5]}):
        assert saving.readable(broken) == frozenset()


@pytest.mark.parametrize("soc_pct", [0.0, 42.0, 100.0])
def test_an_soc_at_either_end_is_kept_and_uncertain(soc_pct: float) -> None:
    rig = Rig().start()
    rig.step(SetSoc(soc_pct=soc_pct))
    assert rig.restart() == ()
    assert (rig.state.soc.soc_pct, rig.state.soc.state) == (soc_pct, SocState.UNCERTAIN)


def test_an_soc_that_was_not_known_is_kept_as_that() -> None:
    rig = Rig(soc_pct=None).start()
    assert rig.restart() == ()
    assert (rig.state.soc.soc_pct, rig.state.soc.state) == (None, SocState.UNKNOWN)


def test_a_notice_says_what_is_wrong_with_what_was_stored() -> None:
    page = saving.saved(lived().state, 0.0)
    page["floating"], page["soc"]["soc_pct"], page["last_errors"] = 1, "much", [{"code": 1.5, "wall_s": 0.0}]
    assert saving.restored(page, 100.0, 0.0)[1] == (
        "stored state of charge cannot be read (ValueError: 'much' is no number of -inf or more): it starts anew",
        "stored charge phase cannot be read (ValueError: 1 is neither true nor false): it starts anew",
        "stored last errors cannot be read (ValueError: 1.5 is no count): it starts anew",
    )
