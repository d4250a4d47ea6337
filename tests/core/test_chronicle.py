"""What is written down of a step, and what must reach the flash at once."""

from __future__ import annotations

import pytest

from smallbms.changes import Synchronise
from smallbms.words import EventKind, Fault, ReasonCode, UpdatePhase

from .bench_battery import Rig
from .cases import Act, cell, pins, sensor, shows


def gone(rig: Rig) -> None:
    """Lost, and so an error, too."""
    rig.battery.answers = False


@pytest.mark.parametrize(("act", "seconds", "is_urgent"), [
    (shows(charge_switch_on=True), 60.0, False),
    (sensor(4.0), 8.0, True),
    (shows(cells_v=[3.80, 3.3, 3.3, 3.3]), 3.0, False),  # found anew by the next process
    (cell(2.7), 31.0, True),
    (gone, 8.5, False),
    (gone, 9.5, True),
    (pins(update=UpdatePhase.FAILED), 1.0, True),
])  # fmt: skip
def test_what_a_power_cut_must_not_take_back_is_urgent(act: Act, seconds: float, is_urgent: bool) -> None:
    rig = Rig().start()
    before = rig.state.urgent
    act(rig)
    rig.advance(seconds)
    assert (rig.state.urgent > before) is is_urgent


def test_a_quiet_hour_is_nothing_to_write_down() -> None:
    rig = Rig(2).start()
    rig.advance(30.0)
    urgent, events = rig.state.urgent, list(rig.events)
    rig.advance(3600.0, step=5.0)
    assert (rig.state.urgent, rig.events) == (urgent, events)


def test_an_event_tells_all_that_was_measured_then() -> None:
    rig = Rig().start()
    rig.battery.cells_v, rig.battery.temperatures_c = [3.2, 3.3, 3.4, 3.3], [21.0, 24.0]
    rig.battery.current_a = 8.0
    rig.advance(0.5)
    (event,) = [e for e in rig.step(Synchronise()).events if e.kind is EventKind.SYNC]
    assert (event.code, event.text, event.wall_s) == ("synchronised", "SoC set to 100 %", rig.wall_s)
    assert dict(event.measured) == {
        "voltage_v": pytest.approx(13.2), "current_a": 8.0, "soc_pct": 100.0, "cell_min_v": 3.2, "cell_max_v": 3.4,
        "temperature_min_c": 21.0, "temperature_max_c": 24.0,
    }  # fmt: skip


def test_the_figures_of_a_reason_are_those_of_now() -> None:
    rig = Rig().start()
    rig.battery.cells_v[2] = 3.76
    rig.advance(1.0)
    since_s = rig.reason(ReasonCode.HIGH_CELL).since_s
    rig.battery.cells_v = [3.3, 3.82, 3.3, 3.3]
    rig.advance(2.0)
    reason = rig.reason(ReasonCode.HIGH_CELL)
    assert (reason.cell, reason.value, reason.since_s) == (2, 3.82, since_s)
    assert reason.text == "battery 1 cell 2 at 3.820 V, the limit is 3.75 V; back: every cell below 3.60 V for 10 s"


def test_the_third_trip_says_what_it_waits_for_besides() -> None:
    rig = Rig().start()
    for current_a in (250.0, 0.0, 250.0, 0.0, 250.0):
        rig.battery.current_a = current_a
        rig.advance(62.0)
    text = rig.reason(ReasonCode.OVER_CURRENT).text
    assert text == (
        "battery 1 charged with 250.0 A, its limit is 100 A; "
        "back: 60 s below the limit, and, being the third time, 15 min from the trip"
    )


def test_the_event_of_a_trip_has_the_place_and_the_figures_of_that_moment() -> None:
    rig = Rig().start()
    rig.battery.cells_v[1] = 2.79
    rig.advance(29.5)
    rig.battery.cells_v = [3.3, 3.3, 3.3, 2.7]
    rig.advance(1.5)
    (event,) = [event for event in rig.events if event.kind is EventKind.TRIP]
    assert (event.code, event.battery, event.cell, event.value, event.limit) == ("low_cell", 1, 4, 2.7, 2.8)
    rig.battery.set_cells(3.3)
    rig.advance(61.0)
    (event,) = [event for event in rig.events if event.kind is EventKind.RELEASE]
    assert (event.code, event.battery, event.cell) == ("low_cell", 1, 4)


def test_the_third_loss_says_that_its_battery_is_watched_for_longer() -> None:
    rig = Rig().start()
    texts = []
    for _ in range(3):
        rig.battery.answers = False
        rig.advance(10.0)
        texts.append(rig.reason(ReasonCode.LOST_BATTERY).text.partition("; back: ")[2])
        rig.battery.answers = True
        rig.advance(10.0)
    assert texts == ["5 s of good data", "5 s of good data", "60 s of good data"]


def test_all_that_a_battery_reports_is_said() -> None:
    rig = Rig().start()
    rig.battery.faults = {Fault.CELL_HIGH, Fault.CHARGE_COLD}
    rig.advance(1.0)
    assert rig.reason(ReasonCode.BATTERY_BLOCK).text == (
        "battery 1 itself does not allow charging: cell overvoltage, too cold to charge; back: 10 s after it does"
    )
