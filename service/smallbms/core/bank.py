"""Many batteries as one bank: its sums, its extremes, its topology and the errors of that (manual §2.1, §4.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from operator import itemgetter

from smallbms.batteries import MOST_BATTERIES, system_voltage
from smallbms.core.plausibility import STRANGE_READINGS, BatteryMemory
from smallbms.model import Bank, BankSpec, Battery, BatteryModel, Extreme, Member, ShuntReading
from smallbms.words import BankError

VBAT_RANGE_V = (8.0, 70.0)  # manual §6, operating voltage
VBAT_OUTSIDE_S = 10.0
SHUNT_FRESH_S = 3.0
_VALUE = itemgetter(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class VbatMemory:
    """The last Vbat within its range, and since when it has been outside."""

    outside_since_s: float | None = None


def watch_vbat(memory: VbatMemory, vbat_v: float | None, now_s: float) -> VbatMemory:
    outside = vbat_v is not None and not VBAT_RANGE_V[0] <= vbat_v <= VBAT_RANGE_V[1]
    if not outside:
        return memory if memory.outside_since_s is None else VbatMemory()
    return memory if memory.outside_since_s is not None else VbatMemory(outside_since_s=now_s)


def assemble(
    spec: BankSpec,
    memories: Mapping[int, BatteryMemory],
    *,
    vbat_v: float | None,
    vbat: VbatMemory,
    shunt: ShuntReading | None,
    now_s: float,
) -> Bank:
    """The bank as it can be known now; a lost battery is carried by the mean of the rest.

    The batteries of one series string are neighbours in the configuration's order.
    """
    batteries = tuple([memories[m.number].battery if m.number in memories else _unread(m) for m in spec.members])
    online = [b for b in batteries if b.online]
    model = next((b.model for b in batteries if b.model), None)
    mean_v = _mean([b.reading.voltage_v for b in online if b.reading])
    mean_a = _mean([b.reading.current_a for b in online if b.reading])
    series = spec.series or (1 if len(batteries) == 1 else _series_by_voltage(vbat_v, mean_v))
    error, error_battery = _error(spec, batteries, memories, series, vbat_v, vbat, mean_v, now_s)
    parallel = len(batteries) // series if series else None
    if shunt is not None and shunt.current_a is not None and now_s - shunt.taken_at_s <= SHUNT_FRESH_S:
        current_a: float | None = shunt.current_a
    else:
        current_a = mean_a * parallel if mean_a is not None and parallel else None
    return Bank(
        batteries=batteries,
        error=error,
        error_battery=error_battery,
        model=model,
        series=series,
        parallel=parallel,
        voltage_v=mean_v * series if mean_v is not None and series else None,
        current_a=current_a,
        capacity_ah=parallel * model.capacity_ah if parallel and model else None,
        online=len(online),
        plain=len(online) == len(batteries) and all([b.plain for b in online]),
        cell_min=_extreme(min, [(b.cell_min_v, b) for b in online], Battery.cell_at),
        cell_max=_extreme(max, [(b.cell_max_v, b) for b in online], Battery.cell_at),
        temperature_min=_extreme(min, [(b.temperature_min_c, b) for b in online], Battery.sensor_at),
        temperature_max=_extreme(max, [(b.temperature_max_c, b) for b in online], Battery.sensor_at),
    )


def strings(bank: Bank) -> list[tuple[Battery, ...]]:
    """The parallel strings, each with its batteries in series."""
    series = bank.series or 1
    return [bank.batteries[i : i + series] for i in range(0, len(bank.batteries), series)]


def _unread(member: Member) -> Battery:
    return Battery(number=member.number, model=member.model, reading=None, valid_at_s=-inf, online=False)


def _mean(values: list[float | None]) -> float | None:
    read = [v for v in values if v is not None]
    return sum(read) / len(read) if read else None


def _extreme(
    pick: Callable[..., tuple[float, Battery]],
    found: list[tuple[float | None, Battery]],
    place: Callable[[Battery, float], int],
) -> Extreme | None:
    read = [(value, battery) for value, battery in found if value is not None]
    if not read:
        return None
    value, battery = pick(read, key=_VALUE)
    return Extreme(value=value, battery=battery.number, cell=place(battery, value))


def _series_by_voltage(vbat_v: float | None, mean_v: float | None) -> int | None:
    if vbat_v is None or not mean_v or not VBAT_RANGE_V[0] <= vbat_v <= VBAT_RANGE_V[1]:
        return None
    return max(1, round(vbat_v / mean_v))


def _error(
    spec: BankSpec,
    batteries: tuple[Battery, ...],
    memories: Mapping[int, BatteryMemory],
    series: int | None,
    vbat_v: float | None,
    vbat: VbatMemory,
    mean_v: float | None,
    now_s: float,
) -> tuple[BankError, int | None]:
    """The first thing that is wrong with the bank, and the battery that shows it; lost batteries are no topology."""
    if vbat.outside_since_s is not None and now_s - vbat.outside_since_s >= VBAT_OUTSIDE_S:
        return BankError.WRONG_SYSTEM_VOLTAGE, None
    models: dict[str, BatteryModel] = {}
    for battery in batteries:
        memory = memories.get(battery.number)
        if memory is None or battery.reading is None:
            continue
        if memory.doubts.strange >= STRANGE_READINGS or _is_unknown(memory):
            return BankError.UNKNOWN_BATTERY, battery.number
        if battery.model is not None:
            models[battery.model.name] = battery.model
            if len(models) > 1:
                return BankError.DIFFERENT_TYPES, battery.number
    model = next(iter(models.values()), None)
    if model is None:
        return BankError.NONE, None
    return _topology_error(len(batteries), model, series, spec.series, vbat_v, mean_v), None


def _is_unknown(memory: BatteryMemory) -> bool:
    """No model, or one of another cell count than the battery was first read with."""
    battery, cells = memory.battery, memory.cell_count
    return battery.online and (battery.model is None or (cells > 0 and cells != battery.model.cells))


def _topology_error(
    count: int,
    model: BatteryModel,
    series: int | None,
    stated: int | None,
    vbat_v: float | None,
    mean_v: float | None,
) -> BankError:
    if series is None:
        return BankError.WRONG_SERIES
    nominal_v = system_voltage(model.nominal_v)
    if nominal_v is None or system_voltage(model.nominal_v * series) is None:
        return BankError.WRONG_SERIES
    if stated is not None and vbat_v is not None and mean_v and max(1, round(vbat_v / mean_v)) != stated:
        return BankError.WRONG_SERIES
    if count % series:
        return BankError.WRONG_PARALLEL
    return BankError.WRONG_NUMBER if count > MOST_BATTERIES[nominal_v] else BankError.NONE
