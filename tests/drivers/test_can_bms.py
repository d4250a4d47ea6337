"""The frames of a CAN battery: each field, each bit, each frame's age, and nothing that was not said."""

from __future__ import annotations

from struct import unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.drivers.can_bms import FRAMES, GRACE_S, CanBms
from smallbms.model import BatteryReading
from smallbms.words import Fault

VALUES, EXTREMES = "6C 14 04 00 DC 00", "F9 0C 05 0D 26 01 27 01"
HOT, COLD = {Fault.CHARGE_HOT, Fault.DISCHARGE_HOT}, {Fault.CHARGE_COLD, Fault.DISCHARGE_COLD}


def heard(*frames: tuple[int, str], at_s: float = 5.0) -> CanBms:
    """A battery of which these frames came, after the two that each reading needs."""
    battery = CanBms(key="can-bms:can0")
    for can_id, data in ((0x356, VALUES), (0x373, EXTREMES), *frames):
        assert battery.take(can_id, bytes.fromhex(data), at_s)
    return battery


def read(battery: CanBms) -> BatteryReading:
    reading = battery.reading()
    assert reading is not None
    return reading


def test_the_values_as_documented() -> None:
    reading = read(heard((0x351, "28 02 F4 01 20 03 E0 01")))
    assert (reading.voltage_v, reading.current_a) == (52.28, 0.4)
    assert reading.charge_voltage_limit_v == 55.2
    assert (reading.charge_limit_a, reading.discharge_limit_a) == (50.0, 80.0)
    assert (reading.cell_min_v, reading.cell_max_v) == (3.321, 3.333)
    assert reading.cell_voltages_v == ()
    assert reading.cell_temperatures_c == (21.0, 22.0)
    assert (reading.taken_at_s, reading.cells_taken_at_s) == (5.0, 5.0)
    assert reading.identity.key == "can-bms:can0"


@pytest.mark.parametrize(("can_id", "data", "field", "value"), [
    (0x351, "00 00 00 00 FF FF 00 00", "charge_voltage_limit_v", None),
    (0x351, "00 00 00 00 FF FF 00 00", "charge_limit_a", 0.0),
    (0x351, "00 00 00 00 FF FF 00 00", "discharge_limit_a", 0.0),
    (0x355, "5A 00 62 00", "soc_pct", 90.0),
    (0x355, "5A 00 62 00", "soh_pct", 98.0),
    (0x355, "5A 00 62 00 4B 23", "soc_pct", 90.35),
    (0x355, "5A 00 62 00 00 00", "soc_pct", 90.0),  # those bytes are no finer SoC
    (0x355, "65 00 00 00", "soc_pct", None),
    (0x355, "65 00 00 00", "soh_pct", None),
    (0x356, "6C 14 F6 FF", "current_a", -1.0),
    (0x356, "6C 14 F6 FF CE FF", "cell_temperatures_c", (21.0, 22.0)),  # those of the cells are finer
    (0x373, "F9 0C 05 0D 00 00 00 00", "cell_temperatures_c", (22.0,)),  # those are none
    (0x373, "F9 0C 05 0D", "cell_temperatures_c", (22.0,)),
    (0x373, "00 00 FF FF 26 01 27 01", "cell_min_v", None),
    (0x373, "00 00 FF FF 26 01 27 01", "cell_max_v", None),
    (0x373, "F9 0C 05 0D 0C 01 27 01", "cell_temperatures_c", (-5.0, 22.0)),
    (0x35C, "80 00", "charge_switch_on", True),
    (0x35C, "80 00", "discharge_switch_on", False),
    (0x35C, "40", "charge_switch_on", False),
    (0x35C, "C0", "discharge_switch_on", True),
    (0x35F, "00 00 01 17 32 00 00 00", "capacity_ah", 50.0),
    (0x35F, "00 00 01 17 00 00 00 00", "capacity_ah", None),
    (0x379, "90 01", "capacity_ah", 400.0),
])  # fmt: skip
def test_each_field(can_id: int, data: str, field: str, value: object) -> None:
    assert getattr(read(heard((can_id, data))), field) == value


def test_the_installed_capacity_is_the_better_one() -> None:
    frames = [(0x379, "90 01"), (0x35F, "00 00 01 17 32 00")]
    assert read(heard(*frames)).capacity_ah == read(heard(*reversed(frames))).capacity_ah == 400.0


def test_who_it_is() -> None:
    assert read(heard()).identity.serial is read(heard()).identity.model is read(heard()).identity.firmware is None
    maker = (0x35E, "50 59 4C 4F 4E 20 20 20")
    assert read(heard(maker)).identity.model == "PYLON"
    named = (maker, (0x371, "61 63 6B 00 0A FF"), (0x370, "55 53 35 30 30 30 20 50"))
    assert read(heard(*named)).identity.model == "US5000 Pack"
    who = read(heard((0x381, "35 36"), (0x380, "30 31 32 33"), (0x35F, "01 00 01 17 64 00"))).identity
    assert (who.serial, who.firmware) == ("012356", "1.17")


# --- protections ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "faults"), [
    ("02 00 00 00 01 50 4E", {Fault.CELL_HIGH}),
    ("04 00", {Fault.CELL_LOW}),
    ("08 00", HOT),
    ("10 00", COLD),
    ("80 00", {Fault.DISCHARGE_OVER_CURRENT}),
    ("00 01", {Fault.CHARGE_OVER_CURRENT}),
    ("00 08", {Fault.INTERNAL}),
    ("00 80", {Fault.INTERNAL}),
    ("01 00", {Fault.INTERNAL}),  # named nowhere
    ("06 01", {Fault.CELL_HIGH, Fault.CELL_LOW, Fault.CHARGE_OVER_CURRENT}),
])  # fmt: skip
def test_the_protections_of_pylontech(data: str, faults: set[Fault]) -> None:
    assert read(heard((0x359, data))).faults == faults


@pytest.mark.parametrize(("data", "faults"), [
    ("AA AA AA AA AA AA AA AA", set()),
    ("00 00 00 00", set()),
    ("FF FF FF FF", set()),  # neither yes nor no
    ("A9 AA AA AA", {Fault.INTERNAL}),
    ("A6 AA AA AA", {Fault.PACK_HIGH}),
    ("A5 AA AA AA", {Fault.PACK_HIGH}),  # the general one says nothing new
    ("9A AA AA AA", {Fault.PACK_LOW}),
    ("6A AA AA AA", HOT),
    ("AA A9 AA AA", COLD),
    ("AA A6 AA AA", {Fault.CHARGE_HOT}),
    ("AA 9A AA AA", {Fault.CHARGE_COLD}),
    ("AA 6A AA AA", {Fault.DISCHARGE_OVER_CURRENT}),
    ("AA AA A9 AA", {Fault.CHARGE_OVER_CURRENT}),
    ("AA AA A6 AA", {Fault.INTERNAL}),
    ("AA AA 9A AA", {Fault.SHORT_CIRCUIT}),
    ("AA AA 6A AA", {Fault.INTERNAL}),
    ("AA AA AA A9", {Fault.CELL_IMBALANCE}),
])  # fmt: skip
def test_the_alarms_of_victron(data: str, faults: set[Fault]) -> None:
    assert read(heard((0x35A, data))).faults == faults


@pytest.mark.parametrize(("can_id", "data", "warnings"), [
    (0x359, "00 00 02 00 01 50 4E", {Fault.CELL_HIGH}),
    (0x359, "00 00 80 01", {Fault.DISCHARGE_OVER_CURRENT, Fault.CHARGE_OVER_CURRENT}),
    (0x359, "00 00 01 00", set()),  # named nowhere
    (0x359, "00 00", set()),
    (0x35A, "AA AA AA AA 9A AA AA A9", {Fault.PACK_LOW, Fault.CELL_IMBALANCE}),
    (0x35A, "AA AA AA AA A9 AA AA A6", {Fault.INTERNAL}),  # off-line is no alarm
    (0x35A, "AA AA AA AA", set()),
])  # fmt: skip
def test_a_warning_is_no_protection(can_id: int, data: str, warnings: set[Fault]) -> None:
    reading = read(heard((can_id, data)))
    assert (reading.warnings, reading.faults) == (warnings, frozenset())


def test_both_dialects_count() -> None:
    assert read(heard((0x359, "02 00"), (0x35A, "9A AA AA AA"))).faults == {Fault.CELL_HIGH, Fault.PACK_LOW}


@pytest.mark.parametrize(("enables", "faults"), [
    ("40", {Fault.CHARGE_COLD}),  # too cold to charge, as it says itself
    ("C0", {Fault.CHARGE_COLD}),
    ("80", COLD),
    ("00", COLD),
])  # fmt: skip
def test_a_temperature_is_not_against_discharging_while_that_is_enabled(enables: str, faults: set[Fault]) -> None:
    assert read(heard((0x359, "10 00"), (0x35C, enables))).faults == faults


# --- age -----------------------------------------------------------------------------------------------------------


def test_no_reading_before_values_and_extremes() -> None:
    battery = CanBms(key="k")
    assert battery.reading() is None
    assert battery.take(0x356, bytes.fromhex(VALUES), 1.0)
    assert battery.take(0x35C, b"\xc0", 1.0)
    assert battery.reading() is None
    assert battery.take(0x373, bytes.fromhex(EXTREMES), 2.0)
    assert (read(battery).taken_at_s, read(battery).cells_taken_at_s) == (1.0, 2.0)


def test_other_frames_keep_no_battery_alive() -> None:
    battery = heard((0x351, "28 02 F4 01 20 03"), (0x359, "00 00"), (0x35A, "AA AA AA AA"), (0x35C, "C0"))
    for can_id, data in ((0x351, "28 02 F4 01 20 03"), (0x35C, "C0"), (0x355, "5A 00 62 00")):
        assert battery.take(can_id, bytes.fromhex(data), 60.0)
    assert (read(battery).taken_at_s, read(battery).cells_taken_at_s) == (5.0, 5.0)


@pytest.mark.parametrize(
    "silent", [(0x351, "28 02 F4 01 20 03"), (0x359, "00 00"), (0x35A, "AA AA AA AA"), (0x35C, "C0")]
)
def test_what_has_a_say_and_stays_away_makes_it_old(silent: tuple[int, str]) -> None:
    battery = heard(silent)
    for can_id, data in ((0x356, VALUES), (0x373, EXTREMES)):
        assert battery.take(can_id, bytes.fromhex(data), 60.0)
    assert (read(battery).taken_at_s, read(battery).cells_taken_at_s) == (5.0 + GRACE_S, 60.0)


# --- anything ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("can_id", FRAMES)
def test_half_a_frame_is_none(can_id: int) -> None:
    battery = heard()
    before = battery.reading()
    assert not battery.take(can_id, bytes(FRAMES[can_id].size - 1), 9.0)
    assert battery.reading() == before


FRAME = st.tuples(st.one_of(st.sampled_from(list(FRAMES)), st.integers(0, 0x7FF)), st.binary(max_size=8))


@given(frames=st.lists(FRAME, max_size=30))
def test_whatever_comes_nothing_is_invented(frames: list[tuple[int, bytes]]) -> None:
    battery = CanBms(key="k")
    newest: dict[int, tuple[float, bytes]] = {}
    for now_s, (can_id, data) in enumerate(frames):
        if battery.take(can_id, data, float(now_s)):
            newest[can_id] = float(now_s), data
    reading = battery.reading()
    if not {0x356, 0x373} <= newest.keys():
        assert reading is None
        return
    assert reading is not None
    at_s, data = newest[0x356]
    assert (reading.voltage_v, reading.current_a) == tuple(
        raw / scale for raw, scale in zip(unpack_from("<hh", data), (100, 10), strict=True)
    )
    assert reading.taken_at_s <= at_s
    assert reading.cells_taken_at_s == newest[0x373][0]
    assert reading.cell_voltages_v == ()
    for field, source in (("charge_limit_a", {0x351}), ("soc_pct", {0x355}), ("soh_pct", {0x355}),
                          ("charge_switch_on", {0x35C}), ("capacity_ah", {0x35F, 0x379})):  # fmt: skip
        assert getattr(reading, field) is None or source & newest.keys()
    assert not reading.faults or {0x359, 0x35A} & newest.keys()
