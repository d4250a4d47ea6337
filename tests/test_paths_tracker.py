"""What is told at once, what may wait, and what is not told again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bench_battery import Rig
from publish.snapshots import shape_of, snapshot_of, values_of
from smallbms.paths import Tracker, groups_for
from smallbms.paths import form as forms
from smallbms.settings import changed
from smallbms.words import Fault

NUMBERS = st.floats() | st.integers(-(2**70), 2**70) | st.booleans() | st.none()


def _tracker(rig: Rig) -> Tracker:
    return Tracker(groups_for(shape_of(snapshot_of(rig))))


def test_everything_at_first_then_only_what_has_changed() -> None:
    rig = Rig(2).start()
    tracker = _tracker(rig)
    assert len(tracker.changed(snapshot_of(rig))) > 150
    assert tracker.changed(snapshot_of(rig)) == {}
    before = values_of(snapshot_of(rig))
    rig.batteries[2].cells_v[0] = 3.299
    rig.advance(0.5)
    after = values_of(snapshot_of(rig))
    changes = tracker.changed(snapshot_of(rig))
    assert changes == {path: value for path, value in after.items() if value != before[path]}
    assert changes["/Battery/2/Cell/1/Voltage"] == changes["/System/MinCellVoltage"] == 3.299
    assert "/Battery/1/Cell/1/Voltage" not in changes


def test_noise_below_what_is_shown_is_no_change() -> None:
    rig = Rig().start()
    tracker = _tracker(rig)
    tracker.changed(snapshot_of(rig))
    rig.battery.cells_v = [3.30004, 3.3, 3.3, 3.3]
    rig.battery.current_a = -0.0001
    rig.advance(0.5)
    assert "/Dc/0/Voltage" not in tracker.changed(snapshot_of(rig))


def test_measured_values_wait_and_decisions_do_not() -> None:
    rig = Rig().start()
    tracker = _tracker(rig)
    tracker.changed(snapshot_of(rig))
    tracker.urgent(snapshot_of(rig))
    rig.each(cell_v=3.31, current_a=5.0)
    rig.advance(0.5)
    assert tracker.urgent(snapshot_of(rig)) == {}
    rig.pins = rig.pins.__class__(reachable=True, remote_on=False)
    rig.advance(0.5)
    told = tracker.urgent(snapshot_of(rig))
    assert {path: told[path] for path in ("/Io/AllowToCharge", "/Io/AllowToDischarge", "/SystemSwitch", "/State")} == {
        "/Io/AllowToCharge": 0, "/Io/AllowToDischarge": 0, "/SystemSwitch": 0, "/State": 14
    }  # fmt: skip
    assert told["/Info/MaxChargeCurrent"] == told["/Info/MaxDischargeCurrent"] == 0.0
    assert "remote" in str(told["/Info/Reasons/Charge/Text"])
    assert not [path for path in told if path.startswith(("/Dc", "/Soc", "/System/M", "/Battery", "/History"))]
    assert tracker.changed(snapshot_of(rig))["/Dc/0/Current"] == 5.0


def test_the_moving_figure_of_a_lasting_reason_is_not_urgent() -> None:
    rig = Rig().start()
    tracker = _tracker(rig)
    rig.each(temperatures_c=[3.0, 3.0])
    rig.advance(10)
    tracker.changed(snapshot_of(rig))
    tracker.urgent(snapshot_of(rig))
    rig.each(temperatures_c=[2.8, 2.8])
    rig.advance(0.5)
    assert tracker.urgent(snapshot_of(rig)) == {}
    assert "2.8 °C" in str(tracker.changed(snapshot_of(rig))["/Info/Reasons/Charge/Text"])


def test_alarms_and_settings_are_told_at_once() -> None:
    rig = Rig().start()
    tracker = _tracker(rig)
    tracker.changed(snapshot_of(rig))
    tracker.urgent(snapshot_of(rig))
    rig.battery.faults = {Fault.INTERNAL}
    rig.advance(0.5)
    assert tracker.urgent(snapshot_of(rig))["/Alarms/InternalFailure"] == 2
    rig.settings = changed(rig.settings, "tail_current_pct", 5)
    rig.advance(0.5)
    assert tracker.urgent(snapshot_of(rig))["/Settings/Battery/TailCurrent"] == 5.0


@pytest.mark.parametrize("path", ["/Settings/Battery/TailCurrent", "/Settings/Battery/Synchronize", "/Mode"])
def test_what_somebody_else_changed_is_told_again_at_once(path: str) -> None:
    rig = Rig().start()
    tracker = _tracker(rig)
    tracker.changed(snapshot_of(rig))
    tracker.urgent(snapshot_of(rig))
    tracker.forget((path,))
    assert list(tracker.urgent(snapshot_of(rig))) == [path]
    assert tracker.changed(snapshot_of(rig)) == {}


@given(NUMBERS)
def test_a_decimal_is_finite_and_never_minus_nothing(value: float | None) -> None:
    taken = forms.CURRENT.take(value)
    if taken is None:
        assert value is None or not math.isfinite(value)
    else:
        assert isinstance(taken, float) and math.isfinite(taken) and not (taken == 0 and math.copysign(1, taken) < 0)
        assert not forms.CURRENT.text(taken).startswith("-0.0A")


@given(NUMBERS, st.sampled_from([forms.CAPACITY, forms.POWER, forms.SMALL_COUNT, forms.FLAG]))
def test_a_whole_number_fits_its_type_or_is_invalid(value: float | None, form: forms.Form) -> None:
    taken = form.take(value)
    lowest, highest = {"q": (0, 65535), "i": (-(2**31), 2**31 - 1), "y": (0, 255), "u": (0, 2**32 - 1)}[form.signature]
    if value is None or not math.isfinite(value) or not lowest <= round(value) <= highest:
        assert taken is None
    else:
        assert type(taken) is int and taken == round(value)


@given(st.text() | st.none())
def test_text_can_always_be_sent(value: str | None) -> None:
    taken = forms.TEXT.take(value)
    if value is None:
        assert taken is None
    else:
        assert isinstance(taken, str) and len(taken) == len(value)
        assert "\x00" not in taken.encode().decode()
