"""One step of the BMS: the order of the parts, nothing else. Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from math import inf

from smallbms.changes import Acknowledge, Change, ClearHistory, SetMode, SetSoc, Synchronise
from smallbms.core import alarms, balancer, bank, chronicle, history, limits, permissions, prealarm, shunt, soc, summary
from smallbms.core.attention import near_limit, urgent_cells
from smallbms.core.bleeding import in_turns, too_high
from smallbms.core.breaches import START_LIMIT_S
from smallbms.core.plausibility import LOST_S, judge
from smallbms.core.releases import PRE_ALARM_LEAD_S
from smallbms.core.remembered import BatteryMemory
from smallbms.core.state import EngineState, Inputs
from smallbms.core.updates import UpdateMemory, follow
from smallbms.core.view import View
from smallbms.model import Bank, Decision, ErrorStamp, Event
from smallbms.words import AlarmCode, AlarmLevel, BankError, Direction, Mode

STEP_S = 0.5  # at least so often
_UNPROVEN = frozenset({"lost_battery", "bank_error"})
_KNOWN_ANEW = (BankError.UNKNOWN_BATTERY, BankError.DIFFERENT_TYPES)  # once acknowledged


@dataclass(slots=True, kw_only=True)
class Work:
    """One step on the bench: what each part leaves for the next."""

    state: EngineState
    inputs: Inputs
    now_s: float
    dt_s: float
    batteries: Mapping[int, BatteryMemory]
    vbat: bank.VbatMemory
    weighed: shunt.ShuntMemory
    pack: Bank
    counted: soc.SocMemory
    charge: soc.Charge
    soc_touched: bool
    update: UpdateMemory


def begin(now_s: float) -> EngineState:
    """The memory of a system that has never run."""
    return EngineState(start_s=now_s, last_s=now_s)


def step(state: EngineState, inputs: Inputs, now_s: float) -> tuple[EngineState, Decision]:
    """Decide. Never raises for what was measured: bad data is a decision."""
    work = _perceive(state, inputs, now_s)
    view = _view(work)
    warned = prealarm.watch(state.pre_alarm, view)
    view.pre_alarm_since_s = warned.since_s
    verdict = permissions.evaluate(view, state.latches)
    atc, atd = verdict.allows(Direction.CHARGE), verdict.allows(Direction.DISCHARGE)
    warned = prealarm.follow(warned, atd, now_s)
    books = _keep_books(work, view, verdict, warned, atc)
    after = EngineState(
        start_s=state.start_s,
        last_s=now_s,
        started=state.started or not view.starting,
        atc=atc,
        atd=atd,
        batteries=work.batteries,
        vbat=work.vbat,
        shunt=work.weighed,
        latches=verdict.latches,
        pre_alarm=warned,
        soc=work.counted,
        alarms=books.alarms,
        limits=books.limits,
        balancer=books.balancer,
        bleeding=too_high(state.bleeding, work.pack, inputs.spec, work.counted.smoothed_a, now_s),
        history=books.history,
        update=work.update,
        bank_error=work.pack.error,
        error=books.error,
        last_errors=books.last_errors,
        urgent=state.urgent + books.urgent,
    )
    return after, _decision(work, view, verdict, after, books)


# --- what is ------------------------------------------------------------------------------------------------------


def _perceive(state: EngineState, inputs: Inputs, now_s: float) -> Work:
    measured = inputs.measurement
    acknowledged = _asked(inputs.changes, Acknowledge)
    error = state.bank_error if acknowledged else BankError.NONE
    known = {} if error in _KNOWN_ANEW else state.batteries
    batteries = dict(known)
    for member in inputs.spec.members:
        memory = known.get(member.number)
        raw = measured.readings.get(member.number) or (memory.raw if memory else None)
        if raw is not None:  # a reading that a link took back still gets older
            batteries[member.number] = judge(memory, member, raw, now_s)
    known_vbat = bank.VbatMemory() if error is BankError.WRONG_SERIES else state.vbat
    vbat = bank.watch_vbat(known_vbat, inputs.spec, batteries, measured.vbat_v, now_s)
    by_itself = bank.assemble(inputs.spec, batteries, vbat=vbat, now_s=now_s)
    weighed, pack = shunt.weigh(state.shunt, measured.shunt, by_itself, now_s)
    counted, touched = soc.count(state.soc, pack, now_s, by_shunt=pack is not by_itself), False
    for change in inputs.changes:
        if isinstance(change, SetSoc):
            counted, touched = soc.set_to(counted, change.soc_pct), True
    told_pct = shunt.soc_pct(weighed, measured.shunt, now_s)
    if told_pct is not None and not counted.full:
        counted = soc.set_to(counted, told_pct)
    counted, charge = soc.synchronise(counted, pack, inputs.settings, now_s)
    if _asked(inputs.changes, Synchronise):
        counted, charge = soc.synchronised(counted), replace(charge, filled=True, synchronised=True)
    return Work(
        state=state,
        inputs=inputs,
        now_s=now_s,
        dt_s=max(0.0, now_s - state.last_s),
        batteries=batteries,
        vbat=vbat,
        weighed=weighed,
        pack=pack,
        counted=counted,
        charge=charge,
        soc_touched=touched,
        update=follow(state.update, inputs.outputs, acknowledged),
    )


def _view(work: Work) -> View:
    state, inputs, pack = work.state, work.inputs, work.pack
    return View(
        now_s=work.now_s,
        dt_s=work.dt_s,
        start_s=state.start_s,
        starting=not state.started and not _all_read(pack, work.now_s - state.start_s),
        unproven=not state.started or not _UNPROVEN.isdisjoint(_tripped(state.latches)),
        bank=pack,
        settings=inputs.settings,
        outputs=inputs.outputs,
        limits=pack.thresholds,
        model=pack.model,
        sensorless=() if pack.plain else _sensorless(work.batteries),
        soc_pct=work.counted.soc_pct,
        atd=state.atd,
        pre_alarm_since_s=state.pre_alarm.since_s,
        acknowledged=_asked(inputs.changes, Acknowledge),
        mode_on_written=any(isinstance(c, SetMode) and c.mode is Mode.ON for c in inputs.changes),
        soc_set=work.soc_touched,
        synchronised=work.charge.synchronised,
        update_failed=work.update.failed,
        store_ok=inputs.store_ok,
    )


def _sensorless(batteries: Mapping[int, BatteryMemory]) -> tuple[tuple[int, float], ...]:
    return tuple(
        (number, memory.raw.taken_at_s)
        for number, memory in batteries.items()
        if memory.doubts.sensorless and memory.battery.online
    )


def _all_read(pack: Bank, waited_s: float) -> bool:
    """Every battery read and the bank valid; or whoever is not read by now is lost, by name."""
    if waited_s >= START_LIMIT_S:
        return True
    return pack.online == len(pack.batteries) and pack.error is BankError.NONE


def _tripped(latches: permissions.Latches) -> Set[str]:
    return {name for name, known in latches.items() if any(latch.tripped for latch in known.values())}


def _asked(changes: tuple[Change, ...], kind: type[Change]) -> bool:
    return bool(changes) and any(isinstance(change, kind) for change in changes)


# --- what is kept -------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Books:
    history: history.HistoryMemory
    limits: limits.LimitsMemory
    balancer: balancer.BalancerMemory
    alarms: alarms.Alarms
    tripped: Set[str]
    error: BankError
    last_errors: tuple[ErrorStamp, ...]
    events: tuple[Event, ...]
    urgent: int


def _keep_books(
    work: Work, view: View, verdict: permissions.Verdict, warned: prealarm.PreAlarmMemory, atc: bool
) -> Books:
    state, inputs = work.state, work.inputs
    tripped = _tripped(verdict.latches)
    recorded = _recorded(work, "low_cell" in tripped)
    steered = _steered(work, atc, recorded.since_full_s)
    balanced = balancer.watch(
        state.balancer,
        work.pack,
        ended=work.charge.ended,
        full=work.charge.full or work.charge.synchronised,
        stuck=steered.imbalanced and not state.limits.imbalanced,
    )
    facts = alarms.Facts(
        view=view,
        latches=verdict.latches,
        tripped=tripped,
        pre_alarm_cell=warned.cell,
        imbalance_v=balanced.spread_v if balanced.imbalanced else None,
        reported=alarms.reported(view),
    )
    levels, moved = alarms.evaluate(state.alarms, facts)
    error = summary.error_of(work.pack, tripped, work.update.failed, view.starting)
    last_errors = chronicle.stamped(state.last_errors, state.error, error, inputs.wall_s)
    failed_anew = work.update != state.update
    return Books(
        history=recorded,
        limits=steered,
        balancer=balanced,
        alarms=levels,
        tripped=tripped,
        error=error,
        last_errors=last_errors,
        events=chronicle.events(view, verdict, moved, inputs, state.error, error),
        urgent=chronicle.urgent(verdict, inputs, work.charge.synchronised)
        + (last_errors is not state.last_errors)
        + failed_anew,
    )


def _recorded(work: Work, emptied: bool) -> history.HistoryMemory:
    memory = work.state.history
    if _asked(work.inputs.changes, ClearHistory):
        memory = history.cleared(memory)
    if work.charge.filled:
        memory = history.filled(memory, work.inputs.wall_s, synchronised=work.charge.synchronised)
    doubtful = not work.pack.plain and any(
        battery.doubts.strange or battery.doubts.sum_off for battery in work.batteries.values()
    )
    return history.record(
        memory,
        Bank() if doubtful else work.pack,
        soc_pct=work.counted.soc_pct,
        consumed_ah=soc.consumed_ah(work.counted, work.pack.capacity_ah),
        emptied=emptied,
        dt_s=work.dt_s,
    )


def _steered(work: Work, atc: bool, since_full_s: float | None) -> limits.LimitsMemory:
    pack, model, series = work.pack, work.pack.model, work.pack.series
    if model is None or series is None:
        return work.state.limits
    return limits.steer(
        work.state.limits,
        limits.Situation(
            bank=pack,
            settings=work.inputs.settings,
            model=model,
            series=series,
            atc=atc,
            soc_pct=work.counted.soc_pct,
            full=work.charge.full,
            smoothed_a=work.counted.smoothed_a,
            since_full_s=since_full_s,
            dt_s=work.dt_s,
            now_s=work.now_s,
        ),
    )


# --- what is said -------------------------------------------------------------------------------------------------


def _decision(work: Work, view: View, verdict: permissions.Verdict, after: EngineState, books: Books) -> Decision:
    pack, model, settings = work.pack, work.pack.model, work.inputs.settings
    levels: dict[AlarmCode, AlarmLevel] = {code: memory.level for code, memory in books.alarms.items()}
    red_led, blue_led = summary.leds(levels, books.error, work.inputs.app_connected)
    status, status_text = balancer.status(books.balancer, pack, work.counted.soc_pct, books.history.since_full_s)
    return Decision(
        at_s=work.now_s,
        bank=pack,
        allow_to_charge=after.atc,
        allow_to_discharge=after.atd,
        pre_alarm=after.pre_alarm.since_s is not None,
        soc_pct=work.counted.soc_pct,
        soc_state=work.counted.state,
        consumed_ah=soc.consumed_ah(work.counted, pack.capacity_ah),
        time_to_go_s=soc.time_to_go_s(work.counted, settings.discharge_floor_pct, pack.capacity_ah),
        cvl_v=limits.charge_voltage_v(books.limits, pack),
        ccl_a=limits.charge_limit_a(pack, model) if after.atc and model else 0.0,
        dcl_a=limits.discharge_limit_a(pack, model) if after.atd and model else 0.0,
        charge_request="floor" in books.tripped or "low_cell" in books.tripped,
        balancer=status,
        balancer_text=status_text,
        reserve_days=summary.reserve_days(pack, work.inputs.spec, "low_cell" in books.tripped),
        device_state=summary.device_state(view, books.tripped, books.error),
        error=books.error,
        alarms=levels,
        reasons=tuple(verdict.reasons),
        notices=summary.notices(view, work.counted.ever_synchronised)
        + shunt.notices(work.weighed, work.inputs.measurement.shunt, work.now_s),
        events=books.events,
        urgent_cells=urgent_cells(verdict.latches),
        near_limit=near_limit(pack, view.limits),
        bleed=in_turns(after.bleeding, work.now_s),
        red_led=red_led,
        blue_led=blue_led,
        waiting=summary.is_waiting(books.tripped),
        cell_alarm="low_cell" in books.tripped or "high_cell" in books.tripped or after.pre_alarm.cell,
        wake_at_s=_wake_at_s(work, verdict, after),
    )


def _wake_at_s(work: Work, verdict: permissions.Verdict, after: EngineState) -> float:
    """The next moment at which a delay ends, so that it ends on time."""
    now_s = work.now_s
    since_s, heard_at_s = after.pre_alarm.since_s, work.pack.heard_at_s
    deadlines = (
        now_s + STEP_S,
        verdict.wake_at_s,
        work.charge.due_at_s,
        since_s + PRE_ALARM_LEAD_S if since_s is not None else inf,
        heard_at_s + LOST_S if heard_at_s is not None else inf,
    )
    return min([at_s for at_s in deadlines if at_s > now_s])
