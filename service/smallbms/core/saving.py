"""The part of the memory that outlives the process, as a JSON object and back.

Monotonic instants mean nothing to the next process: they are kept as how long ago they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from math import inf
from typing import Any

from smallbms.core import history
from smallbms.core.balancer import BalancerMemory
from smallbms.core.counters import Count
from smallbms.core.engine import begin
from smallbms.core.latch import Finding, Latch
from smallbms.core.limits import LimitsMemory, Phase
from smallbms.core.reasons import ROWS, Row
from smallbms.core.soc import SocMemory, own, own_counts
from smallbms.core.state import EngineState
from smallbms.core.updates import UpdateMemory
from smallbms.model import ErrorStamp, History
from smallbms.wording import finite, shown
from smallbms.words import SocState, UpdatePhase

LONGEST_OFF_S = 365 * 86_400.0  # a longer off time is a wrong clock

_KEPT = {row.name: row for row in ROWS if row.persisted or row.repeat}

Json = dict[str, Any]


def saved(state: EngineState, wall_s: float, readable_before: frozenset[int] = frozenset()) -> Json:
    """What the store keeps of the engine's memory; `readable_before` are batteries that an update has to read yet."""
    now_s = state.last_s
    return {
        "wall_s": wall_s,
        "latches": [
            _latch_to_json(row.name, key, latch, now_s)
            for row in _KEPT.values()
            for key, latch in state.latches.get(row.name, {}).items()
            if latch.tripped or latch.trips
        ],
        "soc": {
            "soc_pct": state.soc.soc_pct,
            "ever_synchronised": state.soc.ever_synchronised,
            "own": dict(own(state.soc)),
            "counts": {
                key: [count.charge_ah, count.charge_time_s, now_s - count.at_s]
                for key, count in own_counts(state.soc).items()
            },
        },
        "history": {
            "page": asdict(history.page(state.history)),
            "below": state.history.below,
            "empty": state.history.empty,
        },
        "balancer": {
            "known": sorted(state.balancer.known),
            "imbalanced": state.balancer.imbalanced,
            "spread_v": state.balancer.spread_v,
        },
        "floating": state.limits.phase is Phase.FLOAT,
        "update": {"phase": state.update.phase.value, "failed": state.update.failed},
        "readable": sorted(readable_before.union(_online(state))),
        "last_errors": [asdict(stamp) for stamp in state.last_errors],
    }


def restored(data: Mapping[str, Any], now_s: float, wall_s: float) -> tuple[EngineState, tuple[str, ...]]:
    """The memory to begin with, and a notice for each part that could not be read and starts anew."""
    state, notices = begin(now_s), []
    for name, part in _PARTS.items():
        try:
            state = part(state, data, now_s, wall_s)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            notices.append(f"stored {name} cannot be read ({type(error).__name__}: {error}): it starts anew")
    return state, tuple(notices)


def _online(state: EngineState) -> Iterator[int]:
    return (memory.battery.number for memory in state.batteries.values() if memory.battery.online)


def readable(data: Mapping[str, Any]) -> frozenset[int]:
    """The batteries that could be read when this was saved; an update is healthy once they are read again."""
    numbers = data.get("readable")
    return frozenset(n for n in numbers if isinstance(n, int)) if isinstance(numbers, list) else frozenset()


def _latch_to_json(name: str, key: int, latch: Latch, now_s: float) -> Json:
    return {
        "row": name,
        "key": key,
        "tripped": latch.tripped,
        "tripped_for_s": now_s - latch.since_s,
        "trips_ago_s": [now_s - t for t in latch.trips],
        "held": latch.held,
        "charged_ah": latch.charged_ah,
        "mark": latch.mark,
        "unwell": sorted(latch.unwell),
        "finding": {k: v for k, v in asdict(latch.finding).items() if k not in ("stamp", "strong")},
    }


def _number(value: object, lowest: float = -inf) -> float:
    number = finite(value)
    if number is None or number < lowest:
        raise ValueError(f"{shown(value)} is no number of {lowest:g} or more")
    return number


def _number_or_none(value: object) -> float | None:
    return None if value is None else _number(value)


def _count(value: object) -> int:
    number = _number(value, 0.0)
    if not number.is_integer():
        raise ValueError(f"{shown(value)} is no count")
    return int(number)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{shown(value)} is neither true nor false")
    return value


def _latches(state: EngineState, data: Mapping[str, Any], now_s: float, wall_s: float) -> EngineState:
    off_s = _off_s(data, wall_s)
    latches: dict[str, dict[int, Latch]] = {}
    for item in data["latches"]:
        row = _KEPT.get(item["row"])
        if row is not None:
            key = _count(item["key"]) if row.per_battery else 0
            latches.setdefault(row.name, {})[key] = _latch(row, item, now_s, off_s)
    return replace(state, latches=latches)


def _latch(row: Row, item: Mapping[str, Any], now_s: float, off_s: float) -> Latch:
    found = item["finding"]
    return Latch(
        finding=Finding(
            battery=_count(found["battery"]),
            cell=None if found["cell"] is None else _count(found["cell"]),
            value=_number_or_none(found["value"]),
            limit=_number_or_none(found["limit"]),
        ),
        tripped=_flag(item["tripped"]) and row.persisted,
        since_s=now_s - _number(item["tripped_for_s"], 0.0),
        trips=tuple(now_s - off_s - _number(ago_s, 0.0) for ago_s in item["trips_ago_s"]),
        held=_flag(item["held"]),
        charged_ah=_number(item["charged_ah"], 0.0),
        mark=_number(item["mark"]),
        unwell=frozenset((_count(battery), _count(sensor)) for battery, sensor in item.get("unwell", ())),
    )


def _soc(state: EngineState, data: Mapping[str, Any], now_s: float, wall_s: float) -> EngineState:
    soc = data["soc"]
    pct = _number_or_none(soc["soc_pct"])
    if pct is not None and not 0.0 <= pct <= 100.0:
        raise ValueError(f"SoC {pct} is not within 0 to 100 %")
    return replace(
        state,
        soc=SocMemory(
            soc_pct=pct,
            state=SocState.UNKNOWN if pct is None else SocState.UNCERTAIN,
            ever_synchronised=_flag(soc["ever_synchronised"]),
            restored_own={str(k): _number(v) for k, v in soc.get("own", {}).items()},
            restored_counts=_counts(soc.get("counts", {}), now_s, wall_s - _number(data["wall_s"])),
        ),
    )


def _counts(kept: Mapping[str, Any], now_s: float, off_s: float) -> dict[str, Count]:
    """When the counters showed it; with a wrong clock, at no time at which their own clocks fit."""
    found = {}
    for key, (charge_ah, charge_time_s, ago_s) in kept.items():
        at_s = now_s - off_s - _number(ago_s)
        found[str(key)] = Count(_number(charge_ah), _number(charge_time_s), at_s)
    return found


def _history(state: EngineState, data: Mapping[str, Any], now_s: float, wall_s: float) -> EngineState:
    """The page, what a later version added at its default; days since full go on by the time that we were off, as far
    as the clock can be believed."""
    kept = data["history"]
    page = History(**{f.name: _mark(kept["page"].get(f.name, f.default), f.default) for f in fields(History)})
    if page.since_full_s is not None:
        page = replace(page, since_full_s=page.since_full_s + _off_s(data, wall_s))
    return replace(state, history=history.resumed(page, below=_flag(kept["below"]), empty=_flag(kept["empty"])))


def _off_s(data: Mapping[str, Any], wall_s: float) -> float:
    """How long nothing ran; 0 with a clock that cannot be believed, or not be read: no trip is lost for that."""
    kept_s = finite(data.get("wall_s"))
    off_s = 0.0 if kept_s is None else wall_s - kept_s
    return off_s if 0.0 <= off_s <= LONGEST_OFF_S else 0.0


def _mark(value: object, default: object) -> Any:
    """An extreme that may be unknown, a count, or a sum; its default tells which."""
    if default is None:
        return _number_or_none(value)
    return _count(value) if isinstance(default, int) else _number(value, 0.0)


def _balancer(state: EngineState, data: Mapping[str, Any], now_s: float, wall_s: float) -> EngineState:
    kept = data["balancer"]
    return replace(
        state,
        balancer=BalancerMemory(
            known=frozenset(map(str, kept["known"])),
            imbalanced=_flag(kept["imbalanced"]),
            spread_v=_number_or_none(kept["spread_v"]),
        ),
    )


def _charge_phase(state: EngineState, data: Mapping[str, Any], now_s: float, wall_s: float) -> EngineState:
    phase = Phase.FLOAT if _flag(data["floating"]) else Phase.ABSORB
    return replace(state, limits=LimitsMemory(phase=phase, float_since_s=now_s))


def _update(state: EngineState, data: Mapping[str, Any], now_s: float, wall_s: float) -> EngineState:
    kept = data["update"]
    return replace(
        state, update=UpdateMemory(phase=UpdatePhase(kept["phase"]), restored=True, failed=_flag(kept["failed"]))
    )


def _last_errors(state: EngineState, data: Mapping[str, Any], now_s: float, wall_s: float) -> EngineState:
    stamps = tuple(ErrorStamp(code=_count(e["code"]), wall_s=_number(e["wall_s"])) for e in data["last_errors"])
    return replace(state, last_errors=stamps)


_PARTS = {
    "trips": _latches,
    "state of charge": _soc,
    "history": _history,
    "balancer": _balancer,
    "charge phase": _charge_phase,
    "update": _update,
    "last errors": _last_errors,
}
