"""What becomes of a battery that is silent, that reports a protection, or that tells nonsense."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from bench.figure import PEER, Figure
from bench.rig import Rig, allowing
from smallbms.drivers.jbd import PACK, Pack
from velib_python import Connection

LIMIT_S = 10.0
WATCH_S = 15.0
SILENCES = 3
AT_ONCE = 4
JBD_PROTECTIONS = 13
LIMITS = ("/Info/MaxChargeCurrent", "/Info/MaxDischargeCurrent")
WARM = (2981).to_bytes(2)  # 25 °C
BELIEVABLE = {"/Dc/0/Voltage": 100.0, "/Soc": 100.0}  # at most
ABSURD = PACK.pack(
    *Pack(
        voltage_10mv=65535, current_10ma=0, remaining_10mah=14000, capacity_10mah=28000, cycles=12, production_date=0,
        balancing_low=0, balancing_high=0, protection=0, software=0x10, soc_pct=255, switches=3, cells=16, sensors=2,
    )
) + 2 * WARM  # fmt: skip


def measure(quick: bool) -> list[Figure]:
    return asyncio.run(_measure(silences=1 if quick else SILENCES, bits=2 if quick else JBD_PROTECTIONS))


async def _measure(*, silences: int, bits: int) -> list[Figure]:
    silent_s, absurd = await asyncio.gather(asyncio.gather(*(_silent_s() for _ in range(silences))), _absurd())
    told = 0
    for first in range(0, bits, AT_ONCE):
        told += sum(await asyncio.gather(*(_is_told(bit) for bit in range(first, min(first + AT_ONCE, bits)))))
    return [
        Figure(
            what=f"battery silent → ATC, ATD off, CCL = DCL = 0, {silences} tries: max", value=max(silent_s), unit="s",
            limit=LIMIT_S, elsewhere=f"61…1801 s, {PEER}",
        ),
        Figure(
            what=f"of {bits} JBD protection bits, how many reach an alarm", value=told, limit=bits, at_least=True,
            elsewhere=f"8 of 13, {PEER}",
        ),
        *absurd,
    ]  # fmt: skip


async def _silent_s() -> float:
    async with allowing() as (rig, bus):
        at_s = await rig.order(mishap="SILENT")
        return await _seen(rig, bus, lambda values: _is_off(rig, values)) - at_s


async def _is_told(bit: int) -> bool:
    async with allowing() as (rig, bus):
        await rig.order(protection=1 << bit)
        return not math.isinf(await _seen(rig, bus, _alarms))


async def _absurd() -> list[Figure]:
    """A sound checksum around 655.35 V and a SoC of 255 %."""
    published = 0
    off_at_s = alarm_at_s = math.inf
    async with allowing() as (rig, bus):
        at_s = await rig.order(pack=ABSURD.hex())
        while time.monotonic() < at_s + WATCH_S:
            values = await rig.values(bus)
            published += any((values[path] or 0.0) > highest for path, highest in BELIEVABLE.items())
            if _is_off(rig, values):
                off_at_s = min(off_at_s, time.monotonic())
            if _alarms(values):
                alarm_at_s = min(alarm_at_s, time.monotonic())
            if not math.isinf(off_at_s + alarm_at_s):
                break
            await asyncio.sleep(0.02)
    what = "absurd values, sound checksum"
    return [
        Figure(what=f"{what}: times published", value=published, limit=0, elsewhere=f"published, {PEER}"),
        Figure(
            what=f"{what}: → ATC, ATD off, CCL = DCL = 0", value=off_at_s - at_s, unit="s", limit=LIMIT_S,
            elsewhere=f"never, {PEER}",
        ),
        Figure(what=f"{what}: → alarm", value=alarm_at_s - at_s, unit="s", limit=LIMIT_S),
    ]  # fmt: skip


async def _seen(rig: Rig, bus: Connection, condition: Callable[[Mapping[str, Any]], bool]) -> float:
    """When the published values first were so; inf if not within WATCH_S."""
    end_s = time.monotonic() + WATCH_S
    while time.monotonic() < end_s:
        if condition(await rig.values(bus)):
            return time.monotonic()
        await asyncio.sleep(0.02)
    return math.inf


def _is_off(rig: Rig, values: Mapping[str, Any]) -> bool:
    return rig.pins() == (False, False) and all(values[path] == 0.0 for path in LIMITS)


def _alarms(values: Mapping[str, Any]) -> bool:
    return any(value for path, value in values.items() if path.startswith("/Alarms/"))
