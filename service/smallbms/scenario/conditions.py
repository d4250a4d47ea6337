"""The [[expect]] tables: read into expectations, every fault with its place."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from smallbms.scenario.clock import FORM, seconds
from smallbms.scenario.expect import CLAUSES, Condition, Expectation, Swing
from smallbms.scenario.figures import FIGURES, Kind, Sample
from smallbms.wording import figure, finite, refusal
from smallbms.words import AlarmCode, AlarmLevel, ReasonCode

WINDOW = ("at", "since", "until")
KEYS = (*WINDOW, *CLAUSES)
NONE = "none"
NUMBER_FORMS = '"<= 3.65", ">= 3.2", "9 to 11", a number, or "none" for a value that is not there'

_BOUND = re.compile(r"(<=|>=) *(-?\d+(?:\.\d+)?)")
_SPAN = re.compile(r"(-?\d+(?:\.\d+)?) to (-?\d+(?:\.\d+)?)")
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}

Test = Callable[[object], bool]


def read_expectation(number: int, table: object, duration_s: float, faults: list[str]) -> Expectation | None:
    """Return one [[expect]] table; None and its faults if it is wrong."""
    where = f"[[expect]] {number}"
    if not isinstance(table, dict):
        faults.append(f"{where} is not a table")
        return None
    found: list[str] = []
    clauses = [key for key in table if key in CLAUSES]
    found += [f"{key} is unknown; known are {', '.join(KEYS)}" for key in table if key not in KEYS]
    if len(clauses) != 1:
        found.append(f"needs exactly one of {', '.join(CLAUSES)}")
    since_s, until_s = _window(table, duration_s, found)
    wanted = table[clauses[0]] if clauses else {}
    if not isinstance(wanted, dict) or not wanted:
        found.append(refusal(clauses[0] if clauses else "clause", wanted, "a table as { atc = true }"))
        wanted = {}
    swinging = clauses == ["swing"]
    swings = [_swing(name, most, found) for name, most in wanted.items() if swinging]
    conditions = [_condition(name, value, found) for name, value in wanted.items() if not swinging]
    faults += [f"{where} {fault}" for fault in found]
    if found:
        return None
    return Expectation(
        number=number,
        clause=clauses[0],
        since_s=since_s,
        until_s=until_s,
        conditions=tuple(condition for condition in conditions if condition),
        swings=tuple(swing for swing in swings if swing),
    )


def _window(table: Mapping[str, Any], duration_s: float, faults: list[str]) -> tuple[float, float]:
    times = {}
    for key in WINDOW:
        if key in table:
            try:
                times[key] = seconds(table[key])
            except ValueError:
                faults.append(refusal(key, table[key], FORM))
    if "at" in table and len(times) > 1:
        faults.append("has both at and a window of since, until; allowed is one of the two")
    since_s = times.get("at", times.get("since", 0.0))
    until_s = times.get("at", times.get("until", duration_s))
    if not since_s <= until_s <= duration_s:
        faults.append("has a window that ends before it begins, or after the end of the run")
    return since_s, until_s


def _swing(name: str, most: object, faults: list[str]) -> Swing | None:
    known, limit = FIGURES.get(name), finite(most)
    if known is None or known.kind is not Kind.NUMBER:
        faults.append(refusal("swing", name, ", ".join(f.name for f in FIGURES.values() if f.kind is Kind.NUMBER)))
    elif limit is None or limit < 0:
        faults.append(refusal(name, most, "a number from 0 on"))
    else:
        return Swing(name=name, value=known.value, most=limit)
    return None


def _condition(name: str, value: object, faults: list[str]) -> Condition | None:
    if name in ("reasons", "no_reasons"):
        return _reasons(name, value, faults)
    if name == "alarms":
        return _alarms(value, faults)
    known = FIGURES.get(name)
    if known is None:
        faults.append(f"{name} is unknown; known are reasons, no_reasons, alarms, {', '.join(FIGURES)}")
        return None
    test = _TESTS[known.kind](value)
    if test is None or (known.words and value not in known.words):
        faults.append(refusal(name, value, ", ".join(known.words) or _FORMS[known.kind]))
        return None
    return Condition(
        text=f"{name} {value if isinstance(value, str) and value[0] in '<>' else f'= {_shown(value)}'}",
        holds=lambda sample: test(known.value(sample)),
        was=lambda sample: f"{name} was {_shown(known.value(sample))}",
    )


def _reasons(name: str, value: object, faults: list[str]) -> Condition | None:
    codes = tuple(map(str, ReasonCode))
    if not isinstance(value, list) or not value or any(code not in codes for code in value):
        faults.append(refusal(name, value, f"a list of {', '.join(codes)}"))
        return None
    wanted = frozenset(value)
    holds: Callable[[Sample], bool] = (
        (lambda sample: wanted <= sample.reasons) if name == "reasons" else (lambda sample: not wanted & sample.reasons)
    )
    return Condition(
        text=f"{'' if name == 'reasons' else 'no '}reason {', '.join(sorted(wanted))}",
        holds=holds,
        was=lambda sample: f"the reasons were {', '.join(sorted(sample.reasons)) or 'none'}",
    )


def _alarms(value: object, faults: list[str]) -> Condition | None:
    levels, codes = [int(level) for level in AlarmLevel], tuple(AlarmCode)
    if not isinstance(value, dict) or not value or any(c not in codes or v not in levels for c, v in value.items()):
        faults.append(refusal("alarms", value, f"a table of 0, 1 or 2 for {', '.join(codes)}"))
        return None
    wanted = {AlarmCode(code): AlarmLevel(level) for code, level in value.items()}

    def levels_of(sample: Sample) -> dict[str, int]:
        said = sample.decision.alarms if sample.decision else {}
        return {str(code): int(said[code]) if code in said else -1 for code in wanted}

    return Condition(
        text=", ".join(f"{code} = {level:d}" for code, level in wanted.items()),
        holds=lambda sample: levels_of(sample) == value,
        was=lambda sample: ", ".join(f"{code} was {level}" for code, level in levels_of(sample).items()),
    )


def _number_test(value: object) -> Test | None:
    if value == NONE:
        return lambda was: was is None
    exact = finite(value)
    if exact is not None:
        return lambda was: was == exact
    if not isinstance(value, str):
        return None
    if bound := _BOUND.fullmatch(value):
        compare, limit = _OPERATORS[bound[1]], float(bound[2])
        return lambda was: isinstance(was, int | float) and compare(was, limit)
    if span := _SPAN.fullmatch(value):
        low, high = float(span[1]), float(span[2])
        return lambda was: isinstance(was, int | float) and low <= was <= high
    return None


def _flag_test(value: object) -> Test | None:
    return (lambda was: was is value) if isinstance(value, bool) else None


def _word_test(value: object) -> Test:
    return lambda was: was == value


_TESTS: Mapping[Kind, Callable[[object], Test | None]] = {
    Kind.NUMBER: _number_test,
    Kind.FLAG: _flag_test,
    Kind.WORD: _word_test,
}
_FORMS = {Kind.NUMBER: NUMBER_FORMS, Kind.FLAG: "true or false"}


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return figure(value)
    return NONE if value is None else str(value)
