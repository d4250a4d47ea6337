"""What was decided and why: permissions, limits, reasons, alarms. Told at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from smallbms.core.state import Snapshot
from smallbms.model import Reason
from smallbms.paths import form
from smallbms.paths.row import Group, Row
from smallbms.words import AlarmCode, BankError, Direction

_VALUE_DECIMALS = 3

# The NG's flags for a bank that is not valid (manual §7), by what is wrong.
_BANK_ERRORS = {
    "Communication": (frozenset({BankError.NO_BATTERIES, BankError.BMS_CABLE}), "A battery does not answer"),
    "Voltage": (frozenset({BankError.WRONG_SYSTEM_VOLTAGE}), "Wrong system voltage"),
    "NrOfBatteries": (frozenset({BankError.WRONG_NUMBER, BankError.WRONG_PARALLEL}), "Wrong number of batteries"),
    "InvalidConfiguration": (
        frozenset({BankError.UNKNOWN_BATTERY, BankError.DIFFERENT_TYPES, BankError.WRONG_SERIES}),
        "Unknown or different batteries, or wrong number in series",
    ),
}


def _reason_json(reason: Reason, zero_s: float) -> dict[str, object]:
    return {
        "code": reason.code.value,
        "battery": reason.battery,
        "cell": reason.cell,
        "value": None if reason.value is None else round(reason.value, _VALUE_DECIMALS),
        "limit": None if reason.limit is None else round(reason.limit, _VALUE_DECIMALS),
        "since": round(zero_s + reason.since_s),
        "text": reason.text,
    }


class _Why(NamedTuple):
    """The reasons, and the wall time at which their monotonic one was zero."""

    reasons: tuple[Reason, ...] = ()
    zero_s: float = 0.0

    def that_block(self, direction: Direction) -> list[Reason]:
        return [reason for reason in self.reasons if direction in reason.blocks]


_NO_REASON = _Why()


def _why(snapshot: Snapshot) -> _Why:
    decision = snapshot.decision
    return _Why(decision.reasons, snapshot.wall_s - decision.at_s) if decision.reasons else _NO_REASON


def _reasons_json(direction: Direction) -> Callable[[_Why], str]:
    def read(why: _Why) -> str:
        reasons = [_reason_json(reason, why.zero_s) for reason in why.that_block(direction)]
        return json.dumps(reasons, ensure_ascii=False)

    return read


def _reasons_text(direction: Direction) -> Callable[[_Why], str]:
    return lambda why: "\n".join(reason.text for reason in why.that_block(direction))


def _blocked_batteries(direction: Direction) -> Callable[[_Why], int]:
    return lambda why: len({reason.battery for reason in why.that_block(direction)} - {None})


def _low_voltage_v(snapshot: Snapshot) -> float | None:
    bank = snapshot.decision.bank
    return bank.model.end_of_discharge_v * bank.series if bank.model and bank.series else None


def _remote(snapshot: Snapshot) -> bool | None:
    return snapshot.outputs.remote_on if snapshot.outputs.reachable else None


def _alarm(code: AlarmCode) -> Row:
    return Row(f"/Alarms/{code}", form.CODE, lambda levels: levels.get(code, 0), "0 none, 1 warning, 2 alarm")


def _bank_error(name: str, errors: frozenset[BankError], note: str) -> Row:
    return Row(f"/Errors/SmartLithium/{name}", form.FLAG, lambda s: s.decision.error in errors, note)


_CHARGE, _DISCHARGE = Direction.CHARGE, Direction.DISCHARGE

_ROWS = (
    Row("/Io/AllowToCharge", form.FLAG, lambda s: s.decision.allow_to_charge, "ATC: 1 yes, 0 no"),
    Row("/Io/AllowToDischarge", form.FLAG, lambda s: s.decision.allow_to_discharge, "ATD: 1 yes, 0 no"),
    Row("/Io/PreAlarm", form.FLAG, lambda s: s.decision.pre_alarm, "Pre-alarm: the load disconnect is near"),
    Row("/SystemSwitch", form.FLAG, _remote, "Remote on/off input: 1 on, 0 off"),
    Row("/State", form.CODE, lambda s: s.decision.device_state,
        "4 initializing, 9 running, 10 error, 12 shutdown, 13 updating, 14 standby"),
    Row("/ErrorCode", form.CODE, lambda s: s.decision.error, "0 none; Victron's BMS error codes"),
    *(_bank_error(name, errors, note) for name, (errors, note) in _BANK_ERRORS.items()),
    Row("/Info/MaxChargeVoltage", form.VOLTAGE, lambda s: s.decision.cvl_v, "CVL for DVCC"),
    Row("/Info/MaxChargeCurrent", form.LIMIT_CURRENT, lambda s: s.decision.ccl_a, "CCL for DVCC; 0 without ATC"),
    Row("/Info/MaxDischargeCurrent", form.LIMIT_CURRENT, lambda s: s.decision.dcl_a, "DCL for DVCC; 0 without ATD"),
    Row("/Info/BatteryLowVoltage", form.VOLTAGE, _low_voltage_v, "End of discharge"),
    Row("/Info/ChargeRequest", form.FLAG, lambda s: s.decision.charge_request, "1 at the floor or a low cell"),
    Row("/Info/SocState", form.CODE, lambda s: s.decision.soc_state, "State of charge: 0 unknown, 1 uncertain, 2 good"),
    Row("/Info/Notices", form.TEXT, lambda s: "\n".join(s.decision.notices), "Advice that blocks nothing, one a line"),
    Row("/Balancer/Status", form.CODE, lambda s: s.decision.balancer,
        "0 unknown, 1 balanced, 2 balancing, 3 imbalanced"),
    Row("/Balancer/Text", form.TEXT, lambda s: s.decision.balancer_text, "Its cause and its cure"),
)  # fmt: skip

_WHY_ROWS = (
    Row("/Info/Reasons/Charge", form.TEXT, _reasons_json(_CHARGE),
        "JSON: why charging is not allowed; code, battery, cell, value, limit, since (Unix time), text"),
    Row("/Info/Reasons/Charge/Text", form.TEXT, _reasons_text(_CHARGE), "The sentences of it, one a line"),
    Row("/Info/Reasons/Discharge", form.TEXT, _reasons_json(_DISCHARGE), "JSON: why discharging is not allowed"),
    Row("/Info/Reasons/Discharge/Text", form.TEXT, _reasons_text(_DISCHARGE), "The sentences of it, one a line"),
    Row("/System/NrOfModulesBlockingCharge", form.COUNT, _blocked_batteries(_CHARGE), "Batteries that are a reason"),
    Row("/System/NrOfModulesBlockingDischarge", form.COUNT, _blocked_batteries(_DISCHARGE),
        "Batteries that are a reason"),
)  # fmt: skip


def verdict_of(snapshot: Snapshot) -> Any:
    """What was decided, without the figures that move with every reading."""
    d = snapshot.decision
    return (
        d.allow_to_charge, d.allow_to_discharge, d.pre_alarm, d.device_state, d.error, d.soc_state, d.charge_request,
        d.balancer, d.notices, snapshot.outputs.reachable, snapshot.outputs.remote_on, d.alarms,
        [(reason.code, reason.blocks, reason.battery) for reason in d.reasons],
    )  # fmt: skip


GROUPS = (
    Group(rows=_ROWS, source=lambda s: s, at_once=verdict_of),
    Group(rows=_WHY_ROWS, source=_why, at_once=verdict_of),
    Group(rows=tuple(_alarm(code) for code in AlarmCode), source=lambda s: s.decision.alarms, at_once=verdict_of),
)
