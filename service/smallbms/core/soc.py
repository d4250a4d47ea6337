"""State of charge: coulomb counting, synchronisation, bridging of gaps, time to go (manual §4.3, §5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from math import exp, inf

from smallbms.core import counters
from smallbms.core.counters import Count
from smallbms.core.plausibility import LOST_S
from smallbms.frozen import frozen
from smallbms.model import Bank, Battery
from smallbms.settings import Settings
from smallbms.words import SocState

CHARGE_EFFICIENCY = 0.995
GAP_S = 30.0  # longer: not integrated at the last current
HEARD_S = 2 * LOST_S  # before a count: a battery that was read since has a part in it
SMOOTHING_S = 25.0
STILL_FULL_PCT = 99.0  # a battery that is kept full is not filled anew
DISCHARGE_LIMIT_C = 0.005  # a sync needs I ≥ −0.5 % of capacity
TIME_TO_GO_MAX_S = 864_000
DISCHARGING_A = 0.05


@frozen
class SocMemory:
    """`seen`: the batteries of the last count. Until there is one: `restored_own`, what each battery had said of itself
    at the last count before the restart, by identity and kind of figure, and `restored_counts`, what its own counter
    had shown. Only the change of those figures is ever used.

    `charged_since_s`: since when the conditions of a synchronisation hold; `full`: they have held for the detection
    time; `kept_full`: never under STILL_FULL_PCT since the last synchronisation.
    """

    soc_pct: float | None = None
    state: SocState = SocState.UNKNOWN
    counted_at_s: float | None = None
    smoothed_a: float | None = None
    charged_since_s: float | None = None
    full: bool = False
    kept_full: bool = False
    ever_synchronised: bool = False
    restored_own: Mapping[str, float] = field(default_factory=dict)
    restored_counts: Mapping[str, Count] = field(default_factory=dict)
    seen: tuple[Battery, ...] = ()


def count(memory: SocMemory, bank: Bank, now_s: float, *, by_shunt: bool = False) -> SocMemory:
    """Integrate since the last count; a gap is bridged by the change of the batteries' own figures.

    Where the batteries count charge themselves that is taken instead, unless a shunt gives the bank's current.
    """
    current_a, capacity_ah = bank.current_a, bank.capacity_ah
    if current_a is None or not capacity_ah:
        return memory
    if memory.state is SocState.UNKNOWN and not memory.ever_synchronised:
        memory = _first(memory, bank)
    soc_pct, state, charged_since_s = memory.soc_pct, memory.state, memory.charged_since_s
    moved_ah = None if by_shunt else counters.moved_ah(memory.seen, bank)
    counted_at_s, smoothed_a = memory.counted_at_s, memory.smoothed_a
    if counted_at_s is None or smoothed_a is None or now_s - counted_at_s > GAP_S:  # a restart is a gap
        charged_since_s = None
        moved_ah = counters.moved_since_ah(own_counts(memory), bank)
        bridged_pct = _bridged(soc_pct, own(memory), bank.batteries)
        soc_pct = bridged_pct if moved_ah is None else _moved(soc_pct, moved_ah, capacity_ah)
        state = SocState.UNKNOWN if soc_pct is None else SocState.UNCERTAIN
        smoothed_a = current_a
    else:
        dt_s = max(0.0, now_s - counted_at_s)
        smoothed_a = current_a + (smoothed_a - current_a) * exp(-dt_s / SMOOTHING_S)
        soc_pct = _moved(soc_pct, current_a * dt_s / 3600.0 if moved_ah is None else moved_ah, capacity_ah)
    if state is SocState.GOOD and bank.online < len(bank.batteries):
        state = SocState.UNCERTAIN
    return SocMemory(
        soc_pct=soc_pct,
        state=state,
        counted_at_s=now_s,
        smoothed_a=smoothed_a,
        charged_since_s=charged_since_s,
        full=memory.full and charged_since_s is not None,
        kept_full=memory.kept_full and soc_pct is not None and soc_pct >= STILL_FULL_PCT,
        ever_synchronised=memory.ever_synchronised,
        seen=bank.batteries,
    )


def own(memory: SocMemory) -> Mapping[str, float]:
    """What each battery said of itself at the last count: Ah where it gives them, else its SoC; the two are never
    compared. One that had been lost for long says nothing: others were counted in its place."""
    if memory.counted_at_s is None:
        return memory.restored_own
    return {key: value for key, value, _ in _figures(_heard(memory))}


def own_counts(memory: SocMemory) -> Mapping[str, Count]:
    """What the counter of each battery showed at the last count."""
    return memory.restored_counts if memory.counted_at_s is None else counters.counts(_heard(memory))


def _heard(memory: SocMemory) -> list[Battery]:
    """The batteries that were read shortly before the last count, though some may have fallen silent just then."""
    oldest_s = (memory.counted_at_s or 0.0) - HEARD_S
    return [battery for battery in memory.seen if battery.valid_at_s >= oldest_s]


@frozen
class Charge:
    """Where a charge stands: `ended` = voltage reached and current in the tail, `full` = for the detection time.

    `filled`: full from this step on; `synchronised`: that is a synchronisation, for it was not full before.
    """

    ended: bool = False
    full: bool = False
    filled: bool = False
    synchronised: bool = False
    due_at_s: float = inf


_NOT_ENDED = Charge()


def synchronise(memory: SocMemory, bank: Bank, settings: Settings, now_s: float) -> tuple[SocMemory, Charge]:
    """Watch for a full charge; while it stays full the SoC stays at 100 %, without another synchronisation."""
    if not end_of_charge(bank, settings, memory.smoothed_a):
        if memory.charged_since_s is not None:
            memory = replace(memory, charged_since_s=None, full=False)
        return memory, _NOT_ENDED
    since_s = now_s if memory.charged_since_s is None else memory.charged_since_s
    due_at_s = since_s + settings.charged_detection_time_min * 60.0
    if memory.charged_since_s is None:
        memory = replace(memory, charged_since_s=since_s)
    if now_s < due_at_s:
        return memory, Charge(ended=True, due_at_s=due_at_s)
    charge = Charge(
        ended=True,
        full=True,
        filled=not memory.full,
        synchronised=not (memory.kept_full and memory.state is SocState.GOOD),
    )
    return replace(synchronised(memory), full=True), charge


def end_of_charge(bank: Bank, settings: Settings, smoothed_a: float | None) -> bool:
    """Charged voltage reached and −0.5 % C ≤ I < tail current, all batteries read."""
    if bank.voltage_v is None or bank.model is None or not bank.series or not bank.capacity_ah or smoothed_a is None:
        return False
    if bank.online < len(bank.batteries):
        return False
    charged_v = settings.charged_voltage_cell_v * bank.model.cells * bank.series
    tail_a = settings.tail_current_pct / 100.0 * bank.capacity_ah
    return bank.voltage_v >= charged_v and -DISCHARGE_LIMIT_C * bank.capacity_ah <= smoothed_a < tail_a


def synchronised(memory: SocMemory) -> SocMemory:
    return replace(memory, soc_pct=100.0, state=SocState.GOOD, ever_synchronised=True, kept_full=True)


def set_to(memory: SocMemory, soc_pct: float) -> SocMemory:
    return replace(memory, soc_pct=min(100.0, max(0.0, soc_pct)), state=SocState.GOOD)


def consumed_ah(memory: SocMemory, capacity_ah: float | None) -> float | None:
    """Ah taken since the last full charge, negative (manual §5.1)."""
    if memory.soc_pct is None or capacity_ah is None:
        return None
    return (memory.soc_pct - 100.0) / 100.0 * capacity_ah


def time_to_go_s(memory: SocMemory, floor_pct: float, capacity_ah: float | None) -> int | None:
    """Time until the discharge floor at the present current, whole minutes; None while not discharging."""
    amps = memory.smoothed_a
    if memory.soc_pct is None or capacity_ah is None or amps is None or amps > -DISCHARGING_A:
        return None
    seconds = max(0.0, memory.soc_pct - floor_pct) / 100.0 * capacity_ah / -amps * 3600.0
    return min(int(min(seconds, TIME_TO_GO_MAX_S) // 60 * 60), TIME_TO_GO_MAX_S)


def _figures(batteries: Iterable[Battery]) -> Iterator[tuple[str, float, float]]:
    """The opinion of each that has one: whose and of which kind, how much, and the SoC (%) of one of it."""
    for key, reading, model in [(b.reading.identity.key, b.reading, b.model) for b in batteries if b.reading]:
        if reading.remaining_ah is not None and model is not None:
            yield f"{key} Ah", reading.remaining_ah, 100.0 / model.capacity_ah
        elif reading.soc_pct is not None:
            yield f"{key} SoC", reading.soc_pct, 1.0


def _first(memory: SocMemory, bank: Bank) -> SocMemory:
    """First start: the lowest SoC that the batteries report; unknown while any reports none."""
    reported = [b.reading.soc_pct if b.online and b.reading else None for b in bank.batteries]
    known = [pct for pct in reported if pct is not None]
    if not known or len(known) < len(reported):
        return memory
    return replace(memory, soc_pct=min(known), state=SocState.UNCERTAIN)


def _moved(soc_pct: float | None, moved_ah: float, capacity_ah: float) -> float | None:
    if soc_pct is None:
        return None
    kept_ah = moved_ah * CHARGE_EFFICIENCY if moved_ah > 0.0 else moved_ah
    return min(100.0, max(0.0, soc_pct + 100.0 * kept_ah / capacity_ah))


def _bridged(soc_pct: float | None, before: Mapping[str, float], batteries: tuple[Battery, ...]) -> float | None:
    """Moved as the batteries say, in the mean of those that say it, before and now."""
    figures = _figures(battery for battery in batteries if battery.online)
    moved_pct = [(value - before[key]) * share for key, value, share in figures if key in before]
    if soc_pct is None or not moved_pct:
        return soc_pct
    return min(100.0, max(0.0, soc_pct + sum(moved_pct) / len(moved_pct)))
