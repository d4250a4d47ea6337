"""The rules on simulated pins, without a process, so that time is an argument."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from outputs_process import PINS_ON, PINS_SAFE

from smallbms.outputs.guard import Limits
from smallbms.outputs.keeper import Keeper
from smallbms.outputs.protocol import (
    Arm,
    Code,
    Command,
    GetState,
    Heartbeat,
    Hello,
    Led,
    Refused,
    Request,
    Role,
    UpdateBegin,
)
from smallbms.outputs.update import UpdatePhase

ON = Command(atc=True, atd=True, pre_alarm=True, blue_led=Led.BLINK)
CLIENT, OTHER, INSTALLER = 7, 8, 9


class Bench:
    """A keeper in control of one client, all on at 100 s."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "pins.json"
        self.saved = str(folder / "saved")
        pins = {"outputs": {"kind": "simulated", "state_file": str(self.file)}}
        self.keeper = Keeper(self.saved, Limits(), 100.0)
        for request in (Hello(1, Role.CONTROL, pins), Arm(100.0), Heartbeat(1, 100.0, ON)):
            self.keeper.obey(CLIENT, request, 100.0)

    def begin_update(self, now_s: float) -> None:
        for request in (Hello(1, Role.INSTALLER), UpdateBegin("2.0")):
            self.keeper.obey(INSTALLER, request, now_s)
        self.keeper.gone(INSTALLER, now_s)

    def shown(self) -> dict[str, object]:
        shown: dict[str, object] = json.loads(self.file.read_text())
        return shown


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("request_", [GetState(), Heartbeat(2, 102.0, ON), Hello(1, Role.CONTROL, {})])
def test_what_time_took_away_is_off_before_any_answer(bench: Bench, request_: Request) -> None:
    assert bench.shown() == PINS_ON
    try:
        bench.keeper.obey(OTHER if isinstance(request_, Hello) else CLIENT, request_, 102.0)
    except Refused as refusal:
        assert refusal.code in (Code.NOT_ARMED, Code.CONTROL_TAKEN)
    assert bench.shown() == PINS_SAFE


def test_the_last_refusal_is_kept_for_all_to_see(bench: Bench) -> None:
    with pytest.raises(Refused):
        bench.keeper.obey(OTHER, Arm(100.0), 100.5)
    last = bench.keeper.state(101.0).last_refusal
    assert last is not None
    assert (last.code, last.at_s) == (Code.HELLO_FIRST, 0.5)


def test_every_drive_is_a_new_reading(bench: Bench) -> None:
    before = readings_after_tick(bench, 101.0)
    assert readings_after_tick(bench, 101.1) == before + 1


def test_while_a_contact_may_move_all_is_one_reading(bench: Bench) -> None:
    before = readings_after_tick(bench, 101.0)
    for at_s, outputs in ((101.1, ON._replace(atc=False)), (101.2, ON)):
        bench.keeper.obey(CLIENT, Heartbeat(round(at_s * 10), at_s, outputs), at_s)
        assert bench.keeper.state(at_s).readings == before
    assert readings_after_tick(bench, 101.45) == before
    assert readings_after_tick(bench, 101.55) == before + 1  # what is stuck counts a second time here


def test_a_lamp_is_nothing_to_wait_for(bench: Bench) -> None:
    before = readings_after_tick(bench, 101.0)
    bench.keeper.obey(CLIENT, Heartbeat(2, 101.1, ON._replace(red_led=Led.BLINK, pre_alarm=False)), 101.1)
    assert bench.keeper.state(101.1).readings == before + 1


def test_after_other_pins_a_contact_may_move(bench: Bench) -> None:
    bench.keeper.gone(CLIENT, 101.0)
    before = readings_after_tick(bench, 102.0)
    pins = {"outputs": {"kind": "simulated", "state_file": str(bench.file.with_name("other.json"))}}
    bench.keeper.obey(OTHER, Hello(1, Role.CONTROL, pins), 102.1)
    assert readings_after_tick(bench, 102.3) == before
    assert readings_after_tick(bench, 102.5) == before + 1


def readings_after_tick(bench: Bench, now_s: float) -> int:
    bench.keeper.tick(now_s)
    return bench.keeper.state(now_s).readings


@pytest.mark.parametrize("field", ["pins", "update"])
def test_a_saved_file_with_a_wrong_part_keeps_the_outputs_off(bench: Bench, field: str) -> None:
    saved = json.loads(Path(bench.saved).read_text())
    Path(bench.saved).write_text(json.dumps({**saved, field: {"nonsense": 1}}))
    keeper = Keeper(bench.saved, Limits(), 200.0)
    keeper.tick(200.1)
    state = keeper.state(200.1)
    assert (state.armed, state.update.phase) == (False, UpdatePhase.NONE)
    assert not (state.applied.atc or state.applied.atd)


def test_other_pins_end_a_hold_with_the_old_ones_off(bench: Bench) -> None:
    calm = Heartbeat(2, 100.1, ON._replace(pre_alarm=False))
    bench.keeper.obey(CLIENT, calm, 100.1)
    bench.begin_update(100.1)
    bench.keeper.gone(CLIENT, 100.2)
    assert bench.shown() == {**PINS_SAFE, "load_disconnect": True}
    other = bench.file.with_name("other.json")
    pins = {"outputs": {"kind": "simulated", "state_file": str(other)}}
    state = bench.keeper.obey(OTHER, Hello(1, Role.CONTROL, pins), 100.3)
    assert bench.shown() == PINS_SAFE
    assert json.loads(other.read_text()) == PINS_SAFE
    assert (state.update.phase, state.update.discharge_held_off) == (UpdatePhase.RUNNING, True)


def test_the_same_pins_go_through_a_change_of_clients_without_a_gap(bench: Bench) -> None:
    bench.keeper.obey(CLIENT, Heartbeat(2, 100.1, ON._replace(pre_alarm=False)), 100.1)
    bench.begin_update(100.1)
    bench.keeper.gone(CLIENT, 100.2)
    pins = {"outputs": {"kind": "simulated", "state_file": str(bench.file)}}
    state = bench.keeper.obey(OTHER, Hello(1, Role.CONTROL, pins), 100.3)
    assert state.applied.atd
    assert bench.shown()["load_disconnect"] is True
