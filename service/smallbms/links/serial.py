"""A serial line and the batteries on it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Generator, Mapping
from typing import TypeVar

from smallbms.backoff import BACK_OFF_S, BackOff
from smallbms.drivers.base import Driver, Request, Want
from smallbms.errors import FrameError, LinkError
from smallbms.links.port import NO_ANSWER, Answer, Exchange, Pause, Port, Script, opened
from smallbms.links.schedule import SILENT_AFTER, Schedule, Slot
from smallbms.links.tally import Tally
from smallbms.links.timing import ATTEMPTS, time_out_s
from smallbms.model import BatteryReading, LinkHealth
from smallbms.trouble import TroubleLog
from smallbms.words import LinkFault

LATE = 2  # time-outs: a board that answers the first of two attempts in that of the second takes less for the second

Result = TypeVar("Result")
Steps = Generator[Exchange | Pause, Answer, Result]  # a part of a script

_log = logging.getLogger(__name__)


def _ignore(_number: int, _text: str) -> None:
    """For who does not care for single errors."""


class SerialLine:
    """Polls the batteries of one port in turn and survives whatever happens to it.

    `on_reading(number, reading)` and `on_frame_error(number, text)` are called on the loop, at once.
    """

    def __init__(
        self,
        path: str,
        units: Mapping[int, Driver],
        *,
        baud: int,
        poll_s: float = 0.5,
        on_reading: Callable[[int, BatteryReading], None],
        on_frame_error: Callable[[int, str], None] = _ignore,
    ) -> None:
        self._path = path
        self._units = dict(units)
        self._baud = baud
        self._slot_s = poll_s / len(units)
        self._on_reading = on_reading
        self._on_frame_error = on_frame_error
        self._schedule = Schedule(self._units)
        self._exchanges: dict[tuple[int, Want], tuple[Exchange, ...]] = {}  # made once
        self._asked_again: Counter[int] = Counter()  # questions about its identity, by battery
        self._port: Port | None = None
        self._trouble = TroubleLog(_log)
        self._tally = Tally(path, _log)
        self._missed: Counter[tuple[int, str]] = Counter()  # in a row, by battery and what was asked
        self._took_s: dict[int, float] = {}
        self._quiet_until_s = 0.0  # as the board that was asked last wants it
        self._late_until_s: dict[int, float] = {}  # by battery: until then it may still answer what it was asked

    @property
    def numbers(self) -> frozenset[int]:
        return self._schedule.numbers

    @property
    def health(self) -> LinkHealth:
        whole_round = len(self._took_s) == len(self._units)
        return self._tally.health(self.numbers, sum(self._took_s.values()) if whole_round else None)

    def urge(self, number: int) -> None:
        self._schedule.urge(number)
        if self._port is not None:
            self._port.hasten()

    def set_near_limit(self, numbers: Collection[int]) -> None:
        self._schedule.set_near_limit(numbers)

    def balance(self, _cells: Mapping[int, frozenset[int]]) -> None:
        """Nothing to do: the boards on serial lines balance by themselves."""

    async def run(self) -> None:
        """Poll until cancelled; then the port is closed."""
        back_off = BackOff(*BACK_OFF_S)
        while True:
            frames_before = self._tally.frames_ok
            try:
                async with opened(self._path, self._baud) as self._port:
                    await self._port.play(self._poll())
            except LinkError as error:
                self._tally.fault(LinkFault.PORT, str(error))
                self._trouble.failure(self._path, str(error))
            finally:
                self._tally.open, self._port = False, None
            if self._tally.frames_ok > frames_before:
                back_off.worked()
            await back_off.wait()

    def _poll(self) -> Script:
        """Slot after slot; urged cell voltages come first."""
        clock = asyncio.get_running_loop().time
        schedule = self._schedule
        self._tally.open = True
        schedule.restart()
        next_slot_s = clock()
        while True:
            now_s = clock()
            if urgent := schedule.urgent():
                yield from self._read(urgent)
            elif now_s < next_slot_s:
                yield Pause(next_slot_s, hasty=True)
            else:
                next_slot_s = max(next_slot_s + self._slot_s, now_s)
                slot = schedule.turn(now_s)
                self._judge(slot.number, (yield from self._read(slot)))
                self._took_s[slot.number] = clock() - now_s

    def _judge(self, number: int, answered: bool) -> None:
        """Tell the schedule, and the log when a battery falls silent or comes back."""
        if answered:
            self._schedule.answered(number)
            if self._trouble:
                self._trouble.recovery(f"battery {number}")
            return
        self._schedule.failed(number)
        if number in self._schedule.silent:
            self._trouble.failure(f"battery {number}", f"silent on {self._path}")

    def _read(self, slot: Slot) -> Steps[bool]:
        """Ask for what the slot wants and hand the reading on; False if nothing good came."""
        number = slot.number
        good = False
        for exchange in self._exchanges_of(slot):
            fault = yield from self._ask(number, exchange)
            if fault is LinkFault.SILENCE:
                break  # the rest would cost a time-out each
            good = good or fault is None
        if good and self._missed:
            self._warn(number)
        if good and (reading := self._units[number].reading()):
            self._on_reading(number, reading)
        return good

    def _warn(self, number: int) -> None:
        """Of what a battery does not tell, though it tells the rest."""
        for (whose, what), times in self._missed.items():
            if whose == number and times >= SILENT_AFTER:
                self._trouble.failure(f"battery {number}, {what}", "no good answer, though others come")

    def _exchanges_of(self, slot: Slot) -> tuple[Exchange, ...]:
        exchanges = self._exchanges.get((slot.number, slot.want)) or self._made(slot.number, slot.want)
        if slot.again and (identity := self._made(slot.number, Want.IDENTITY)):
            self._asked_again[slot.number] += 1
            return (*exchanges, identity[self._asked_again[slot.number] % len(identity)])
        return exchanges

    def _made(self, number: int, want: Want) -> tuple[Exchange, ...]:
        driver = self._units[number]
        self._exchanges[number, want] = exchanges = tuple(
            Exchange(request, time_out_s(request, driver.INFO, self._baud)) for request in driver.requests(want)
        )
        return exchanges

    def _ask(self, number: int, exchange: Exchange) -> Steps[LinkFault | None]:
        """One question; what goes wrong is counted and told.

        Of a battery whose answers do not say what they are of, what may come late is waited for and thrown away: it
        would be taken for the answer to the next question.
        """
        request, info = exchange.request, self._units[number].INFO
        clock = asyncio.get_running_loop().time
        doubtful = (number, request.what) in self._missed  # that what comes is the answer of now
        quiet_until_s = max(self._quiet_until_s, self._late_until_s.pop(number, 0.0))
        answer = NO_ANSWER
        for _ in range(ATTEMPTS):
            if clock() < quiet_until_s:
                yield Pause(quiet_until_s)
            answer = yield exchange
            self._quiet_until_s = quiet_until_s = clock() + info.pause_s
            if answer.data:
                break
            doubtful = True
        fault = self._taken(number, request, answer)
        if (doubtful or fault) and not info.names_question:
            self._late_until_s[number] = clock() + LATE * exchange.time_out_s
        return fault

    def _taken(self, number: int, request: Request, answer: Answer) -> LinkFault | None:
        """Have the driver take an answer in."""
        if not answer.data:
            return self._fault(number, request, LinkFault.SILENCE, f"no answer to the request for {request.what}")
        if answer.lacking:
            text = f"half an answer to the request for {request.what}: {len(answer.data)} bytes"
            return self._fault(number, request, LinkFault.HALF_FRAME, text)
        try:
            request.decode(answer.data, answer.at_s)
        except FrameError as error:
            return self._fault(number, request, LinkFault.BAD_FRAME, f"{request.what}: {error}")
        self._tally.frames_ok += 1
        if self._trouble:
            self._trouble.recovery(self._path)
        if self._missed.pop((number, request.what), 0) >= SILENT_AFTER:
            self._trouble.recovery(f"battery {number}, {request.what}")
        return None

    def _fault(self, number: int, request: Request, fault: LinkFault, text: str) -> LinkFault:
        self._tally.fault(fault, f"battery {number}: {text}")
        self._missed[number, request.what] += 1
        self._on_frame_error(number, text)
        return fault
