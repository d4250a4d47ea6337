"""What a simulated world takes, in time of the processor: a step of it, and a year with the engine deciding."""

from __future__ import annotations

import statistics
from time import process_time

from bench.figure import Figure
from smallbms.batteries import model_named
from smallbms.core import engine
from smallbms.core.state import Inputs
from smallbms.model import BankSpec, Measurement, Member, Outputs, OutputsReadBack
from smallbms.settings import Settings
from smallbms.simulation.demo import demo_world

BATTERIES = 4
MODEL = "12.8/200"
STEP_S = 10.0
DAY_S = 86400.0
YEAR_S = 365 * DAY_S
DAYS, QUICK_DAYS = 5, 0.02


def measure(quick: bool) -> list[Figure]:
    days = [_day_s(seed, QUICK_DAYS if quick else 1.0) for seed in range(1 if quick else DAYS)]
    world_s, engine_s = (statistics.median(column) for column in zip(*days, strict=True))
    per_step_us = 1e6 * STEP_S / DAY_S
    return [
        Figure(what="physics: a step of 4 batteries in a house, read", value=world_s * per_step_us, unit="µs"),
        Figure(what="engine step in that house", value=engine_s * per_step_us, unit="µs"),
        Figure(
            what=f"a year of four {MODEL} in 10 s steps, physics and engine (scaled from {len(days)} days)",
            value=(world_s + engine_s) * YEAR_S / DAY_S / 60, unit="min", limit=5,
        ),
    ]  # fmt: skip


def _day_s(seed: int, days: float) -> tuple[float, float]:
    """Seconds of the physics and of the engine for one day, measured over so many days."""
    model = model_named(MODEL)
    assert model is not None
    world = demo_world([model] * BATTERIES, seed=seed)
    spec = BankSpec(members=tuple(Member(number=n, model=model) for n in range(1, BATTERIES + 1)), series=1)
    settings, state, previous = Settings(), engine.begin(0.0), dict(world.readings(0.0))
    said, cvl_v, ccl_a, dcl_a = Outputs(), 0.0, 0.0, 0.0
    world_s = engine_s = 0.0
    for step in range(1, int(days * DAY_S / STEP_S) + 1):
        now_s = step * STEP_S
        begin_s = process_time()
        world.step(STEP_S, atc=said.atc, atd=said.atd, cvl_v=cvl_v, ccl_a=ccl_a, dcl_a=dcl_a)
        readings = dict(world.readings(now_s))
        read_s = process_time()
        inputs = Inputs(
            measurement=Measurement(readings=readings, previous=previous),
            settings=settings,
            spec=spec,
            outputs=OutputsReadBack(
                reachable=True, remote_on=True, sequence=step, commanded=said,
                atc=said.atc, atd=said.atd, pre_alarm=said.pre_alarm,
            ),
            wall_s=1_800_000_000.0 + now_s,
            store_ok=True,
        )  # fmt: skip
        state, decision = engine.step(state, inputs, now_s)
        said = Outputs(atc=decision.allow_to_charge, atd=decision.allow_to_discharge, pre_alarm=decision.pre_alarm)
        cvl_v, ccl_a, dcl_a, previous = decision.cvl_v, decision.ccl_a, decision.dcl_a, readings
        engine_s += process_time() - read_s
        world_s += read_s - begin_s
    return world_s / days, engine_s / days
