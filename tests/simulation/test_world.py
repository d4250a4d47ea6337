"""Chargers keep within CVL and CCL, loads within DCL, and both obey the two disconnects."""

from __future__ import annotations

from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallbms.simulation.bus import Charger
from smallbms.simulation.demo import demo_world
from smallbms.simulation.loads import Load, constant
from smallbms.simulation.world import Flow, Wiring, World

from .worlds import LIMITLESS, MODEL, shore_world

SHORE = Charger(power_w=2500.0, limit_a=200.0, setpoint_v=14.2)
SOLAR = Charger(power_w=3000.0, limit_a=200.0, setpoint_v=14.2, solar=True)


def run(
    world: World,
    steps: int = 1,
    dt_s: float = 10.0,
    *,
    atc: bool = True,
    atd: bool = True,
    cvl_v: float = 99.0,
    ccl_a: float = 9999.0,
    dcl_a: float = 9999.0,
) -> list[Flow]:
    limits = {"cvl_v": cvl_v, "ccl_a": ccl_a, "dcl_a": dcl_a}
    return [world.step(dt_s, atc=atc, atd=atd, **limits) for _ in range(steps)]


def test_a_charger_gives_its_power_then_holds_its_voltage() -> None:
    flows = run(shore_world(90.0, charger=SHORE), 360)
    assert flows[0].charge_a * flows[0].voltage_v == pytest.approx(2500.0, rel=0.01)
    assert flows[-1].voltage_v == pytest.approx(14.2, abs=0.001)
    assert flows[-1].charge_a < 10.0


@given(
    soc_pct=st.floats(5, 100),
    cvl_v=st.floats(13.0, 14.2),
    ccl_a=st.floats(1, 300),
    load_w=st.floats(0, 2000),
    dt_s=st.sampled_from([1.0, 10.0]),
    solar=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_chargers_keep_within_cvl_and_ccl(
    soc_pct: float, cvl_v: float, ccl_a: float, load_w: float, dt_s: float, solar: bool
) -> None:
    world = shore_world(soc_pct, charger=SOLAR if solar else SHORE, load_w=load_w)
    rested_v = world.bank.batteries[0].voltage_v
    for flow in run(world, 30, dt_s, cvl_v=cvl_v, ccl_a=ccl_a):
        assert flow.current_a <= ccl_a + 1e-6
        assert flow.charge_a == 0.0 or flow.voltage_v <= max(cvl_v, rested_v) + 1e-6
        assert flow.charge_a == pytest.approx(flow.current_a + flow.load_a)
        assert flow.charge_a >= 0.0


@pytest.mark.parametrize(("dt_s", "excess_v"), [(1.0, 0.002), (10.0, 0.05)])
def test_the_battery_itself_stays_at_the_cvl(dt_s: float, excess_v: float) -> None:
    """Not only as the bus reckons: the sum of its cells, at 1C into the steep end."""
    world = shore_world(97.0, charger=SHORE)
    highest_v = 0.0
    for _ in range(int(900 / dt_s)):
        run(world, 1, dt_s, cvl_v=14.0)
        highest_v = max(highest_v, world.bank.batteries[0].voltage_v)
    assert 13.99 < highest_v < 14.0 + excess_v


def test_a_bank_held_full_comes_to_rest() -> None:
    world = shore_world(98.0, 99.0, 99.5, charger=SHORE)
    run(world, 720)
    for flow in run(world, 30):
        assert flow.voltage_v == pytest.approx(14.2, abs=0.001)
        assert all(abs(battery.current_a) < 0.5 for battery in world.bank.batteries)


@pytest.mark.parametrize("obeys_gx", [True, False])
def test_only_a_charger_that_listens_keeps_the_limits(obeys_gx: bool) -> None:
    world = shore_world(96.0, charger=SHORE)
    if not obeys_gx:
        world.disobey("charger", 15.2)
    flows = run(world, 720, cvl_v=13.8, ccl_a=50.0)
    assert (max(flow.voltage_v for flow in flows) < 13.81) is obeys_gx
    assert (max(flow.current_a for flow in flows) <= 50.0) is obeys_gx
    assert (max(world.bank.batteries[0].true_cell_voltages_v) > 3.75) is not obeys_gx


@pytest.mark.parametrize(
    ("wiring", "charger", "charges"),
    [
        (Wiring.DISCONNECT, SHORE, False),
        (Wiring.DISCONNECT, SOLAR, False),
        (Wiring.DVCC, SHORE, False),
        (Wiring.DVCC, SOLAR, True),  # a CCL of 0 does not stop the sun: the CVL has to
    ],
)
def test_what_atc_off_stops(wiring: Wiring, charger: Charger, charges: bool) -> None:
    world = shore_world(50.0, charger=charger, wiring=wiring)
    flow = run(world, atc=False, ccl_a=0.0)[0]
    assert (flow.charge_a > 0) is charges


def test_a_disconnect_stops_a_charger_that_obeys_nobody() -> None:
    world = shore_world(50.0, charger=SHORE)
    world.disobey("charger", 15.2)
    assert run(world, atc=False)[0].charge_a == 0.0
    assert run(world, atc=True)[0].charge_a > 100.0


def test_with_a_lowered_cvl_the_sun_feeds_the_loads_and_the_battery_rests() -> None:
    """Lowered by 5 mV a cell every 3 s while it charges, raised by 2 mV while it does not."""
    world = shore_world(99.0, charger=SOLAR, load_w=500.0, wiring=Wiring.DVCC)
    flow = run(world, 30)[-1]
    cvl_v = flow.voltage_v - 0.04
    for _ in range(200):
        flow = run(world, 1, 3.0, atc=False, cvl_v=cvl_v, ccl_a=0.0)[0]
        cvl_v += -0.02 if flow.current_a > 1.0 else 0.008 if flow.current_a < -4.0 else 0.0
    assert flow.load_a == pytest.approx(500 / flow.voltage_v, rel=0.01)
    assert abs(flow.current_a) < 8.0


def test_the_gx_passes_new_limits_on_every_three_seconds() -> None:
    world = shore_world(50.0, charger=SHORE)
    run(world, 1, 1.0, ccl_a=100.0)
    flows = run(world, 4, 1.0, ccl_a=20.0)
    assert [flow.current_a for flow in flows] == pytest.approx([100.0, 100.0, 20.0, 20.0])


def test_atd_off_cuts_what_hangs_on_the_load_disconnect() -> None:
    world = shore_world(50.0, load_w=500.0)
    world.loads["network"] = Load(power_w=constant(20.0), wired_past=True)
    assert run(world)[0].current_a == pytest.approx(-520.0 / 13.1, rel=0.02)
    assert run(world, atd=False)[0].current_a == pytest.approx(-20.0 / 13.1, rel=0.02)


@pytest.mark.parametrize(
    ("inverter", "charger", "dcl_a", "load_a"),
    [
        (False, None, 50.0, 153.0),
        (True, None, 200.0, 153.0),
        (True, None, 50.0, 50.0),
        (True, None, 0.0, 0.0),
        (True, Charger(power_w=500.0, limit_a=30.0, setpoint_v=14.2), 50.0, 80.0),
        (True, Charger(power_w=500.0, limit_a=30.0, setpoint_v=13.0), 50.0, 50.0),
    ],
)
def test_an_inverter_keeps_within_the_dcl(inverter: bool, charger: Charger | None, dcl_a: float, load_a: float) -> None:
    world = shore_world(50.0, charger=charger, load_w=2000.0, inverter=inverter)
    flow = run(world, dcl_a=dcl_a)[0]
    assert flow.load_a == pytest.approx(load_a, rel=0.02)


def test_loads_draw_their_power_at_the_voltage_of_the_bus() -> None:
    flow = run(shore_world(50.0, load_w=2400.0))[0]
    assert flow.load_a * flow.voltage_v == pytest.approx(2400.0, rel=0.002)


@pytest.mark.parametrize(("soc_pct", "load_w"), [(-9.0, 100.0), (50.0, 1e6)])
def test_no_load_runs_below_half_the_voltage(soc_pct: float, load_w: float) -> None:
    assert run(shore_world(soc_pct, load_w=load_w))[0].load_a == 0.0


def test_with_the_batteries_switches_open_nothing_runs() -> None:
    world = shore_world(50.0, charger=SHORE, load_w=500.0)
    world.bank.batteries[0].charge_switch_open = world.bank.batteries[0].discharge_switch_open = True
    flow = run(world)[0]
    assert (flow.voltage_v, flow.current_a, flow.charge_a, flow.load_a) == (0.0, 0.0, 0.0, 0.0)


def test_two_chargers_throttle_from_the_lower_voltage_on() -> None:
    world = shore_world(99.3, charger=Charger(power_w=600.0, limit_a=99.0, setpoint_v=13.6))
    world.chargers["high"] = Charger(power_w=600.0, limit_a=99.0, setpoint_v=14.2)
    flow = run(world, 120)[-1]
    assert flow.voltage_v > 13.7
    assert 0.0 < flow.charge_a < 50.0


def test_the_sun_comes_first_within_the_ccl() -> None:
    world = shore_world(50.0, charger=SOLAR)
    world.chargers["shore"] = SHORE
    assert run(world, ccl_a=300.0)[0].charge_a == pytest.approx(300.0)
    world.set_charger("charger", 0.0)
    assert run(world, ccl_a=300.0)[0].charge_a == pytest.approx(2500 / 13.4, rel=0.02)


def test_events_take_and_give_back() -> None:
    world = shore_world(50.0, charger=SOLAR)
    assert run(world)[0].sun > 0.99
    world.set_sun(0.25)
    world.set_ambient(-15.0)
    dark = run(world)[0]
    assert (dark.sun, dark.ambient_c) == (0.25, -15.0)
    assert dark.charge_a == pytest.approx(750 / 13.2, rel=0.03)
    world.set_sun(None)
    world.set_ambient(None)
    world.set_load("heater", 1000.0)
    world.set_load("load", 100.0)
    flow = run(world)[0]
    assert (flow.sun > 0.99, flow.ambient_c) == (True, 25.0)
    assert flow.load_a == pytest.approx(1100 / flow.voltage_v, rel=0.01)
    with pytest.raises(KeyError):
        world.set_charger("wind", 100.0)


def test_readings_are_numbered_and_a_pulled_cable_is_missing() -> None:
    world = shore_world(50.0, 60.0, 70.0)
    world.bank.batteries[1].cable_pulled = True
    readings = world.readings(5.0)
    assert list(readings) == [1, 3]
    assert readings[3].taken_at_s == 5.0
    assert readings[3].soc_pct == 70.0


@pytest.mark.parametrize("acceleration", [1.0, 60.0, 200.0])
def test_its_time_runs_faster_by_the_acceleration(acceleration: float) -> None:
    plain, fast = demo_world([MODEL]), demo_world([MODEL], acceleration=acceleration)
    fast_flows = run(fast, 20, 600 / acceleration)
    plain_flows = run(plain, 1200)
    assert fast_flows[-1].time_s == pytest.approx(plain_flows[-1].time_s)
    assert fast_flows[-1].voltage_v == pytest.approx(plain_flows[-1].voltage_v)


def test_the_size_of_the_step_hardly_matters() -> None:
    fine, coarse = demo_world([MODEL] * 2), demo_world([MODEL] * 2)
    fine_flow = run(fine, 3000, 1.0, cvl_v=14.2)[-1]
    coarse_flow = run(coarse, 300, 10.0, cvl_v=14.2)[-1]
    assert coarse_flow.voltage_v == pytest.approx(fine_flow.voltage_v, abs=0.01)
    for one, other in zip(fine.bank.batteries, coarse.bank.batteries, strict=True):
        assert one.true_soc_pct == pytest.approx(other.true_soc_pct, abs=0.05)


EVENTS = st.lists(
    st.tuples(
        st.booleans(), st.booleans(), st.floats(10, 16), st.floats(0, 500), st.floats(0, 500), st.floats(0, 5000)
    ),
    min_size=5,
    max_size=30,
)


@given(EVENTS, st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_no_world_ends_in_a_value_that_is_no_number(
    events: list[tuple[bool, bool, float, float, float, float]], seed: int
) -> None:
    world = demo_world([MODEL] * 2, seed=seed)
    for atc, atd, cvl_v, ccl_a, dcl_a, load_w in events:
        world.set_load("heater", load_w)
        flow = world.step(60.0, atc=atc, atd=atd, cvl_v=cvl_v, ccl_a=ccl_a, dcl_a=dcl_a)
        assert all(isfinite(v) for v in (flow.voltage_v, flow.current_a, flow.charge_a, flow.load_a))


def test_the_same_seed_is_the_same_world() -> None:
    ends = []
    for seed in (1, 1, 2):
        world = demo_world([MODEL] * 2, seed=seed)
        for _ in range(360):
            flow = world.step(60.0, atc=True, atd=True, **LIMITLESS)
        ends.append((flow, world.readings(0.0)))
    assert ends[0] == ends[1]
    assert ends[0][0] != ends[2][0]
