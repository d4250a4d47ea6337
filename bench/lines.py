"""Many JK boards on shared RS485 lines: what they cost, and how old a reading becomes."""

from __future__ import annotations

import asyncio
import time

from bench.figure import Figure
from bench.line_process import BAUD, CELLS, TURNAROUND_S
from bench.processes import cpu_s, resident_mb
from bench.rig import Plant, allowing
from smallbms.drivers.base import Want
from smallbms.drivers.jk_pb import JkPb
from smallbms.links.timing import BITS_PER_BYTE

LINES, BOARDS = 10, 5
MEASURE_S, SETTLE_S = 30.0, 5.0
CPU_PCT = 15.0  # of one core
LATE = 1.5  # times what the line allows


def measure(quick: bool) -> list[Figure]:
    return asyncio.run(_measure(2, 2, 0.1) if quick else _measure(LINES, BOARDS, 1.0))


async def _measure(lines: int, boards: int, scale: float) -> list[Figure]:
    async with allowing(plant=_plant(lines, boards)) as (rig, _):
        await asyncio.sleep(SETTLE_S * scale)
        polls, begin_cpu_s, begin_s = (await rig.batteries.ask(now=1))["polls"], cpu_s(rig.main), time.monotonic()
        await asyncio.sleep(MEASURE_S * scale)
        took_s, used_s = time.monotonic() - begin_s, cpu_s(rig.main) - begin_cpu_s
        watched = await rig.batteries.ask(now=1)
        memory_mb = resident_mb(rig.main)
    head = f"{lines * boards} JK boards of {CELLS} cells on {lines} RS485 lines: "
    allowed_s = boards * _slot_s()
    return [
        Figure(what=f"{head}CPU of the main process", value=100 * used_s / took_s, unit="%", limit=CPU_PCT),
        Figure(what=f"{head}CPU per reading", value=1e3 * used_s / (watched["polls"] - polls), unit="ms"),
        Figure(what=f"{head}resident memory, main process", value=memory_mb, unit="MB"),
        Figure(
            what=f"{head}age of the oldest reading, the lines allow {allowed_s:.2f} s", value=watched["gap_s"],
            unit="s", limit=round(LATE * allowed_s, 2),
        ),
    ]  # fmt: skip


def _slot_s() -> float:
    """A request, its answer, and the pause after it."""
    (request,) = JkPb(key="").requests(Want.ALL)
    return (len(request.data) + request.reply_size) * BITS_PER_BYTE / BAUD + TURNAROUND_S + JkPb.INFO.pause_s


def _plant(lines: int, boards: int) -> Plant:
    tables = [
        f'[[battery]]\ndriver = "jk-pb"\nport = "{{folder}}/line{line}"\naddress = {address}\nmodel = "bench"\n'
        for line in range(1, lines + 1)
        for address in range(1, boards + 1)
    ]
    arguments = (str(lines), str(boards))
    return Plant(module="bench.line_process", arguments=arguments, tables="".join(tables), cells=CELLS, series=2)
