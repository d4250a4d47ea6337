"""A Snapshot as JSON for people's programs: the topic `…/state`, and what `smallbms schema` describes.

Version 1. A key never changes its meaning or unit; new keys may come. null: not read, or not known.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from smallbms.core.state import Snapshot
from smallbms.frozen import frozen
from smallbms.model import Battery, Extreme, LinkHealth, Reason
from smallbms.settings import Settings
from smallbms.words import AlarmLevel, Direction

VERSION: Literal[1] = 1
_DECIMALS = 3

Number = float | None
Level = Literal["ok", "warning", "alarm"]


@frozen
class ReasonReport:
    """Why charging, discharging or both are not allowed."""

    code: str
    blocks: Literal["charge", "discharge", "both"]
    text: str
    since: datetime
    battery: int | None
    cell: int | None
    value: Number
    limit: Number


@frozen
class ExtremeReport:
    """The highest or lowest of all, and where: battery from 1, cell from 1 or null where that is not known."""

    value: float
    battery: int
    cell: int | None


@frozen
class BatteryReport:
    """One battery; measured values are null while it is not online."""

    number: int
    online: bool
    model: str | None
    serial: str | None
    firmware: str | None
    voltage_v: Number
    current_a: Number
    cell_voltages_v: tuple[Number, ...]
    cell_temperatures_c: tuple[Number, ...]
    balancing_cells: tuple[int, ...] | None


@frozen
class BankReport:
    """All batteries together."""

    voltage_v: Number
    current_a: Annotated[Number, Field(description="positive charges")]
    power_w: Number
    capacity_ah: Number
    series: int | None
    parallel: int | None
    cell_min_v: ExtremeReport | None
    cell_max_v: ExtremeReport | None
    temperature_min_c: ExtremeReport | None
    temperature_max_c: ExtremeReport | None


@frozen
class OutputsReport:
    """The pins as read back; null where they cannot be read."""

    reachable: bool
    charge_disconnect: bool | None
    load_disconnect: bool | None
    pre_alarm: bool | None
    remote_on: bool | None


@frozen
class LimitsReport:
    """What inverters and chargers are asked to keep to."""

    charge_voltage_v: float
    charge_current_a: float
    discharge_current_a: float


@frozen
class HistoryReport:
    """Since the history was last cleared."""

    deepest_discharge_ah: Number
    total_ah_drawn_ah: float
    charged_wh: float
    discharged_wh: float
    synchronisations: int
    cycles: int
    full_discharges: int
    last_full_charge: datetime | None
    min_voltage_v: Number
    max_voltage_v: Number
    min_cell_v: Number
    max_cell_v: Number
    min_temperature_c: Number
    max_temperature_c: Number


@frozen
class Report:
    """All there is to know at one moment."""

    version: Annotated[Literal[1], Field(description="of this format")]
    at: Annotated[datetime, Field(description="UTC")]
    serial: str
    name: str
    firmware: str
    state: str
    mode: Literal["on", "off", "standby"]
    allow_to_charge: bool
    allow_to_discharge: bool
    pre_alarm: bool
    soc_pct: Number
    soc_state: Literal["unknown", "uncertain", "good"]
    consumed_ah: Number
    time_to_go_s: int | None
    error: str
    balancer: str
    bank: BankReport
    limits: LimitsReport
    outputs: OutputsReport
    reasons: tuple[ReasonReport, ...]
    alarms: Annotated[dict[str, Level], Field(description="those that are not ok")]
    notices: tuple[str, ...]
    batteries: tuple[BatteryReport, ...]
    links: tuple[LinkHealth, ...]
    history: HistoryReport
    settings: Settings


def schema() -> dict[str, Any]:
    """The JSON schema of a Report."""
    from pydantic import TypeAdapter  # for whoever wants the schema, not for whoever runs

    found = TypeAdapter(Report).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def to_json(report: Report) -> bytes:
    """A Report as JSON; settings are in their own units, floats to three decimals."""
    return json.dumps(report, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(part: Any) -> object:
    """What json cannot write by itself; a pydantic adapter of a Report would take 2 MB for the same."""
    if isinstance(part, datetime):
        return part.isoformat()
    if isinstance(part, Settings):
        return part.model_dump(mode="json")
    return {field.name: getattr(part, field.name) for field in fields(part)}


def report_of(snapshot: Snapshot) -> Report:
    """What a Snapshot says."""
    decision, settings = snapshot.decision, snapshot.settings
    return Report(
        version=VERSION,
        at=_time(snapshot.wall_s),
        serial=snapshot.identity.serial,
        name=settings.custom_name or snapshot.identity.product_name,
        firmware=snapshot.identity.version,
        state=decision.device_state.name.lower(),
        mode=settings.mode.name.lower(),  # type: ignore[arg-type]  # the words of Mode are those
        allow_to_charge=decision.allow_to_charge,
        allow_to_discharge=decision.allow_to_discharge,
        pre_alarm=decision.pre_alarm,
        soc_pct=_rounded(decision.soc_pct),
        soc_state=decision.soc_state.name.lower(),  # type: ignore[arg-type]  # and of SocState
        consumed_ah=_rounded(decision.consumed_ah),
        time_to_go_s=decision.time_to_go_s,
        error=decision.error.name.lower(),
        balancer=decision.balancer.name.lower(),
        bank=_bank(snapshot),
        limits=LimitsReport(
            charge_voltage_v=round(decision.cvl_v, _DECIMALS),
            charge_current_a=round(decision.ccl_a, _DECIMALS),
            discharge_current_a=round(decision.dcl_a, _DECIMALS),
        ),
        outputs=_outputs(snapshot),
        reasons=tuple(_reason(reason, snapshot) for reason in decision.reasons),
        alarms={
            code.value: "alarm" if level is AlarmLevel.ALARM else "warning"
            for code, level in decision.alarms.items()
            if level is not AlarmLevel.OK
        },
        notices=decision.notices,
        batteries=tuple(_battery(battery) for battery in decision.bank.batteries),
        links=snapshot.links,
        history=_history(snapshot),
        settings=settings,
    )


def minute_of(snapshot: Snapshot) -> dict[str, object]:
    """The figures that are kept for a broker that is away, one set a minute; keys as in a Report."""
    decision, bank = snapshot.decision, snapshot.decision.bank
    return {
        "at": _time(snapshot.wall_s).isoformat(),
        "soc_pct": _rounded(decision.soc_pct),
        "voltage_v": _rounded(bank.voltage_v),
        "current_a": _rounded(bank.current_a),
        "cell_min_v": _rounded(bank.cell_min.value) if bank.cell_min else None,
        "cell_max_v": _rounded(bank.cell_max.value) if bank.cell_max else None,
        "temperature_min_c": _rounded(bank.temperature_min.value) if bank.temperature_min else None,
        "temperature_max_c": _rounded(bank.temperature_max.value) if bank.temperature_max else None,
        "allow_to_charge": decision.allow_to_charge,
        "allow_to_discharge": decision.allow_to_discharge,
    }


def _time(wall_s: float) -> datetime:
    return datetime.fromtimestamp(round(wall_s), UTC)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)


def _bank(snapshot: Snapshot) -> BankReport:
    bank = snapshot.decision.bank
    return BankReport(
        voltage_v=_rounded(bank.voltage_v),
        current_a=_rounded(bank.current_a),
        power_w=_rounded(bank.power_w),
        capacity_ah=_rounded(bank.capacity_ah),
        series=bank.series,
        parallel=bank.parallel,
        cell_min_v=_extreme(bank.cell_min),
        cell_max_v=_extreme(bank.cell_max),
        temperature_min_c=_extreme(bank.temperature_min),
        temperature_max_c=_extreme(bank.temperature_max),
    )


def _extreme(extreme: Extreme | None) -> ExtremeReport | None:
    if extreme is None:
        return None
    return ExtremeReport(value=round(extreme.value, _DECIMALS), battery=extreme.battery, cell=extreme.cell or None)


def _outputs(snapshot: Snapshot) -> OutputsReport:
    pins = snapshot.outputs
    return OutputsReport(
        reachable=pins.reachable,
        charge_disconnect=pins.atc,
        load_disconnect=pins.atd,
        pre_alarm=pins.pre_alarm,
        remote_on=pins.remote_on if pins.reachable else None,
    )


def _reason(reason: Reason, snapshot: Snapshot) -> ReasonReport:
    blocks: Literal["charge", "discharge", "both"] = "both"
    if reason.blocks is not Direction.BOTH:
        blocks = "charge" if reason.blocks is Direction.CHARGE else "discharge"
    return ReasonReport(
        code=reason.code.value,
        blocks=blocks,
        text=reason.text,
        since=_time(snapshot.wall_s - (snapshot.decision.at_s - reason.since_s)),
        battery=reason.battery,
        cell=reason.cell,
        value=_rounded(reason.value),
        limit=_rounded(reason.limit),
    )


def _battery(battery: Battery) -> BatteryReport:
    reading = battery.reading
    live = reading if battery.online else None
    identity = reading.identity if reading else None
    return BatteryReport(
        number=battery.number,
        online=battery.online,
        model=battery.model.name if battery.model else None,
        serial=identity.serial if identity else None,
        firmware=identity.firmware if identity else None,
        voltage_v=_rounded(live.voltage_v) if live else None,
        current_a=_rounded(live.current_a) if live else None,
        cell_voltages_v=tuple(map(_rounded, live.cell_voltages_v)) if live else (),
        cell_temperatures_c=tuple(map(_rounded, live.cell_temperatures_c)) if live else (),
        balancing_cells=live.balancing_cells if live else None,
    )


def _history(snapshot: Snapshot) -> HistoryReport:
    page = snapshot.history
    full_s = page.last_full_charge_wall_s
    return HistoryReport(
        deepest_discharge_ah=_rounded(page.deepest_discharge_ah),
        total_ah_drawn_ah=round(page.total_ah_drawn, _DECIMALS),
        charged_wh=round(page.charged_wh, _DECIMALS),
        discharged_wh=round(page.discharged_wh, _DECIMALS),
        synchronisations=page.synchronisations,
        cycles=page.cycles,
        full_discharges=page.full_discharges,
        last_full_charge=None if full_s is None else _time(full_s),
        min_voltage_v=_rounded(page.min_voltage_v),
        max_voltage_v=_rounded(page.max_voltage_v),
        min_cell_v=_rounded(page.min_cell_v),
        max_cell_v=_rounded(page.max_cell_v),
        min_temperature_c=_rounded(page.min_temperature_c),
        max_temperature_c=_rounded(page.max_temperature_c),
    )
