"""Finds the batteries on a serial line: asks by every protocol, at every rate, until one is answered.

Only reads. A line has one protocol, so the first answer decides; after it the other addresses are asked. The time is
limited: two addresses of each protocol come first, the others as far as there is time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Collection, Generator, Iterator
from typing import TypeVar

from smallbms import drivers
from smallbms.drivers.base import Driver, Want
from smallbms.errors import FrameError
from smallbms.frozen import frozen
from smallbms.links.found import Found
from smallbms.links.port import Answer, Exchange, Pause, Port, Script, opened
from smallbms.links.timing import ATTEMPTS, time_out_s
from smallbms.model import BatteryReading

SEARCH_S = 6.0  # for the first answer
LINE_S = 9.0  # for all of a line; whoever answers is worth more
BLOCKS = (slice(0, 2), slice(2, 4), slice(4, 8), slice(8, 16))  # of addresses, one after the other
MOST_ADDRESSES = 16

Result = TypeVar("Result")
Steps = Generator[Exchange | Pause, Answer, Result]  # a conversation with a line


@frozen
class Line:
    """What is on a line; `unasked`: addresses for which there was no time."""

    found: tuple[Found, ...] = ()
    unasked: tuple[int, ...] = ()


async def probe_line(path: str, kinds: Collection[type[Driver]]) -> Line:
    """The batteries on a serial line that speak one of these protocols, in LINE_S or so.

    Raises LinkError if it cannot be opened or goes away.
    """
    began_s = _now_s()
    for block in BLOCKS:
        for baud, asked in _rates(kinds):
            if _now_s() - began_s > SEARCH_S:
                return Line()
            async with opened(path, baud) as port:
                line = await _played(port, _conversation(path, baud, asked, block, began_s))
            if line.found:
                return line
    return Line()


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _rates(kinds: Collection[type[Driver]]) -> Iterator[tuple[int, list[type[Driver]]]]:
    """The protocols at each rate: first that which boards have from the start, then those that they may be set to."""
    own = [(kind.INFO.baud, kind) for kind in kinds]
    others = [(baud, kind) for kind in kinds for baud in kind.INFO.other_bauds]
    for part in (own, others):
        for baud in sorted({baud for baud, _ in part}):
            yield baud, [kind for rate, kind in part if rate == baud]


def _conversation(path: str, baud: int, kinds: Collection[type[Driver]], block: slice, began_s: float) -> Steps[Line]:
    """Look for the first that answers; then for the others of its protocol."""
    for kind, unit in _places(kinds, block):
        if _now_s() - began_s > SEARCH_S:
            break
        first = drivers.make(kind.INFO.name, port=path, unit=unit)
        if (yield from _answers(first, baud)):
            return (yield from _line(first, path, baud, began_s))
    return Line()


def _line(first: Driver, path: str, baud: int, began_s: float) -> Steps[Line]:
    """The one that has answered, and its neighbours."""
    found: list[Found] = []
    unasked: list[int] = []
    answered = True  # the last one asked
    for unit in _addresses(type(first)):
        driver = first if unit == first.unit else drivers.make(first.INFO.name, port=path, unit=unit)
        if driver is not first and not answered and _now_s() - began_s > LINE_S:
            unasked.append(unit)
            continue
        answered = driver is first or (yield from _answers(driver, baud))
        if answered and (reading := (yield from _read(driver, baud))):
            found.append(Found(table=_table(driver, path, baud), reading=reading))
    return Line(found=tuple(found), unasked=tuple(unasked))


def _places(kinds: Collection[type[Driver]], block: slice) -> Iterator[tuple[type[Driver], int]]:
    for kind in kinds:
        for unit in _addresses(kind)[block]:
            yield kind, unit


def _addresses(kind: type[Driver]) -> range:
    return kind.INFO.addresses[:MOST_ADDRESSES] if kind.INFO.addressed else range(1, 2)


def _answers(driver: Driver, baud: int) -> Steps[bool]:
    """Whether its first question is answered; a board that slept does not answer the first time."""
    request = driver.requests(Want.ALL)[0]
    first = driver.unit == _addresses(type(driver))[0]
    for _ in range(ATTEMPTS if first else 1):
        answer = yield Exchange(request, time_out_s(request, driver.INFO, baud))
        yield from _rest(driver)
        with contextlib.suppress(FrameError):
            request.decode(answer.data, answer.at_s)
            return True
    return False


def _read(driver: Driver, baud: int) -> Steps[BatteryReading | None]:
    """All that it says; None if it does not say enough."""
    for request in driver.requests(Want.ALL | Want.IDENTITY):
        answer = yield Exchange(request, time_out_s(request, driver.INFO, baud))
        yield from _rest(driver)
        with contextlib.suppress(FrameError):
            request.decode(answer.data, answer.at_s)
    return driver.reading()


def _rest(driver: Driver) -> Steps[None]:
    if driver.INFO.pause_s:
        yield Pause(_now_s() + driver.INFO.pause_s)


def _table(driver: Driver, path: str, baud: int) -> dict[str, str | int]:
    info = driver.INFO
    table: dict[str, str | int] = {"driver": info.name, "port": path}
    if info.addressed:
        table["address"] = driver.unit
    if baud != info.baud:
        table["baud"] = baud
    return table


async def _played(port: Port, conversation: Steps[Result]) -> Result:
    """Play a conversation to its end; raises LinkError if the port goes away."""
    ended: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def script() -> Script:
        ended.set_result((yield from conversation))
        while True:
            yield Pause(math.inf)

    playing = asyncio.ensure_future(port.play(script()))
    try:
        await asyncio.wait((playing, ended), return_when=asyncio.FIRST_COMPLETED)
        return ended.result() if ended.done() else await playing
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
