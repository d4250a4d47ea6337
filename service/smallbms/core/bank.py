"""Many batteries as one bank: its sums, its extremes, its topology and the errors of that (manual §2.1, §4.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import cast

from smallbms.batteries import MOST_BATTERIES, system_voltage
from smallbms.core.plausibility import STRANGE_READINGS
from smallbms.core.remembered import BatteryMemory
from smallbms.frozen import frozen
from smallbms.model import Bank, BankSpec, Battery, BatteryModel, Extreme, Member
from smallbms.words import BankError

VBAT_LOW_V, VBAT_HIGH_V = 8.0, 70.0  # manual §6, operating voltage
VBAT_WRONG_S = 10.0


@frozen
class VbatMemory:
    """What Vbat has shown: the number in series, found once, and since when it has been out of range or at odds.

    `agreed`: Vbat has fitted that number before, so that one odd value is no proof against it.
    """

    series: int | None = None
    agreed: bool = False
    outside_since_s: float | None = None
    odd_since_s: float | None = None


def watch_vbat(
    memory: VbatMemory, spec: BankSpec, memories: Mapping[int, BatteryMemory], vbat_v: float | None, now_s: float
) -> VbatMemory:
    """A Vbat that is not read, or cannot be compared, changes nothing of what was found."""
    series = memory.series or spec.series or (1 if len(spec.members) == 1 else None)
    if vbat_v is None:
        settled = memory.outside_since_s is None and memory.odd_since_s is None and memory.series == series
        return memory if settled else VbatMemory(series=series, agreed=memory.agreed)
    if not VBAT_LOW_V <= vbat_v <= VBAT_HIGH_V:
        since_s = now_s if memory.outside_since_s is None else memory.outside_since_s
        return VbatMemory(series=series, agreed=memory.agreed, outside_since_s=since_s)
    batteries = [memory.battery for memory in memories.values()]
    mean_v = _mean([b.reading.voltage_v for b in batteries if b.online and b.reading])
    if mean_v is None:
        return VbatMemory(series=series, agreed=memory.agreed)
    shown = max(1, round(vbat_v / mean_v))
    if series is None or shown == series:
        return VbatMemory(series=shown, agreed=True)
    odd_since_s = now_s if memory.odd_since_s is None else memory.odd_since_s
    return VbatMemory(series=series, agreed=memory.agreed, odd_since_s=odd_since_s if memory.agreed else -inf)


def assemble(
    spec: BankSpec,
    memories: Mapping[int, BatteryMemory],
    *,
    vbat: VbatMemory,
    now_s: float,
) -> Bank:
    """The bank as it can be known now; a lost battery is carried by the mean of the rest, and no stranger's current is
    the bank's.

    The batteries of one series string are neighbours in the configuration's order.
    """
    batteries = tuple([memories[m.number].battery if m.number in memories else _unread(m) for m in spec.members])
    online = [b for b in batteries if b.online]
    plain = len(online) == len(batteries) and all([b.plain for b in online])
    familiar = online if plain else [b for b in online if not memories[b.number].doubts.strange]
    model = next((b.model for b in batteries if b.model), None)
    mean_v = _mean([b.reading.voltage_v for b in online if b.reading])
    mean_a = _mean([b.reading.current_a for b in familiar if b.reading])
    heard_at_s = min([b.valid_at_s for b in batteries], default=-inf)
    series = vbat.series
    error, error_battery = _error(batteries, memories, vbat, now_s)
    parallel = len(batteries) // series if series else None
    capacity_ah = parallel * model.capacity_ah if parallel and model else None
    return Bank(
        batteries=batteries,
        error=error,
        error_battery=error_battery,
        model=model,
        series=series,
        parallel=parallel,
        voltage_v=mean_v * series if mean_v is not None and series else None,
        current_a=mean_a * parallel if mean_a is not None and parallel else None,
        capacity_ah=capacity_ah,
        online=len(online),
        plain=plain,
        heard_at_s=heard_at_s if heard_at_s > -inf else None,
        cell_min=_extreme(min, [b.cell_min_v for b in online], online, Battery.cell_at),
        cell_max=_extreme(max, [b.cell_max_v for b in online], online, Battery.cell_at),
        temperature_min=_extreme(min, [b.temperature_min_c for b in online], online, Battery.sensor_at),
        temperature_max=_extreme(max, [b.temperature_max_c for b in online], online, Battery.sensor_at),
    )


def strings(bank: Bank) -> list[tuple[Battery, ...]]:
    """The parallel strings, each with its batteries in series."""
    series = bank.series or 1
    return [bank.batteries[i : i + series] for i in range(0, len(bank.batteries), series)]


def _unread(member: Member) -> Battery:
    return Battery(number=member.number, model=member.model, reading=None, valid_at_s=-inf, online=False)


def _mean(values: list[float | None]) -> float | None:
    read = _read(values)
    return sum(read) / len(read) if read else None


def _read(values: list[float | None]) -> list[float]:
    return [v for v in values if v is not None] if None in values else cast(list[float], values)


def _extreme(
    pick: Callable[[Iterable[float]], float],
    values: list[float | None],
    batteries: list[Battery],
    place: Callable[[Battery, float], int],
) -> Extreme | None:
    """Of one value a battery; None if none of them was read."""
    read = _read(values)
    if not read:
        return None
    value = pick(read)
    battery = batteries[values.index(value)]
    return Extreme(value=value, battery=battery.number, cell=place(battery, value))


def _error(
    batteries: tuple[Battery, ...], memories: Mapping[int, BatteryMemory], vbat: VbatMemory, now_s: float
) -> tuple[BankError, int | None]:
    """The first thing that is wrong with the bank, and the battery that shows it; lost batteries are no topology."""
    if not batteries:
        return BankError.NO_BATTERIES, None
    if vbat.outside_since_s is not None and now_s - vbat.outside_since_s >= VBAT_WRONG_S:
        return BankError.WRONG_SYSTEM_VOLTAGE, None
    models: dict[str, BatteryModel] = {}
    first = batteries[0].model
    for battery in batteries:
        if battery.plain and battery.model is first and models:
            continue  # nothing new
        memory = memories.get(battery.number)
        if memory is None:
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
    if vbat.odd_since_s is not None and now_s - vbat.odd_since_s >= VBAT_WRONG_S:
        return BankError.WRONG_SERIES, None
    return _topology_error(len(batteries), model, vbat.series), None


def _is_unknown(memory: BatteryMemory) -> bool:
    """No model, or one of another cell count than the battery was first read with."""
    battery, cells = memory.battery, memory.cell_count
    return battery.online and (battery.model is None or (cells > 0 and cells != battery.model.cells))


def _topology_error(count: int, model: BatteryModel, series: int | None) -> BankError:
    if series is None or system_voltage(model.nominal_v * series) is None:
        return BankError.WRONG_SERIES
    if count % series:
        return BankError.WRONG_PARALLEL
    most = MOST_BATTERIES.get(system_voltage(model.nominal_v) or 0.0, 0)
    return BankError.WRONG_NUMBER if count > most else BankError.NONE
