"""The chips on one I²C bus, alone or behind a multiplexer: read in rounds, and made to bleed cells in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from smallbms.backoff import BACK_OFF_S, BackOff
from smallbms.drivers.bq76952 import Bq76952
from smallbms.errors import FrameError, LinkError
from smallbms.links.i2c_bus import I2cBus, Place
from smallbms.links.tally import Tally
from smallbms.links.waiter import Waiter
from smallbms.model import BatteryReading, LinkHealth
from smallbms.trouble import TroubleLog
from smallbms.words import LinkFault

SETTLE_S = 0.10  # after bleeding, until all cells have been measured anew (a scan takes 60 ms)
SILENT_AFTER = 3  # rounds
RECOVER_AFTER = 3  # rounds in which nobody answered

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Unit:
    """A chip, where it is, and how many rounds in a row it has failed."""

    chip: Bq76952
    place: Place
    failures: int = 0


class I2cLine:
    """Reads every chip of a bus in each round; cells rest while they are read.

    `on_reading(number, reading)` is called on the loop, at once.
    """

    def __init__(
        self,
        name: str,
        bus: I2cBus,
        units: Mapping[int, Unit],
        *,
        poll_s: float,
        on_reading: Callable[[int, BatteryReading], None],
    ) -> None:
        self._name = name
        self._bus = bus
        self._units = dict(units)
        self._poll_s = poll_s
        self._on_reading = on_reading
        self._urged: list[int] = []
        self._waiter = Waiter()
        self._wanted: Mapping[int, frozenset[int]] = {}
        self._trouble = TroubleLog(_log)
        self._tally = Tally(name, _log)
        self._round_time_s: float | None = None

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset(self._units)

    @property
    def health(self) -> LinkHealth:
        return self._tally.health(self.numbers, self._round_time_s)

    def urge(self, number: int) -> None:
        if number not in self._urged:
            self._urged.append(number)
        self._waiter.wake()

    def set_near_limit(self, _numbers: Collection[int]) -> None:
        """Nothing to do: every round reads them all."""

    def balance(self, cells: Mapping[int, frozenset[int]]) -> None:
        self._wanted = cells

    async def run(self) -> None:
        """Read until cancelled; then nothing is bled any more and the bus is closed."""
        back_off = BackOff(*BACK_OFF_S)
        try:
            while True:
                frames_before = self._tally.frames_ok
                try:
                    await self._bus.open()
                    self._tally.open = True
                    await self._rounds()
                except LinkError as error:
                    self._tally.fault(LinkFault.PORT, str(error))
                    self._trouble.failure(self._name, str(error))
                self._tally.open = False
                if self._tally.frames_ok > frames_before:
                    back_off.worked()
                await back_off.wait()
        finally:
            self._tally.open = False
            await self._end()

    async def _rounds(self) -> None:
        """Round after round; LinkError once nobody has answered for some, with the bus brought back."""
        loop = asyncio.get_running_loop()
        dead = 0
        while True:
            began_s = loop.time()
            dead = 0 if await self._round(self._units) else dead + 1
            self._round_time_s = loop.time() - began_s
            if dead >= RECOVER_AFTER:
                await self._bus.recover()
                raise LinkError("nobody answers: the bus is opened anew")
            while loop.time() < began_s + self._poll_s or self._urged:
                if self._urged:
                    urged, self._urged = self._urged, []
                    await self._round(urged)
                else:
                    await self._waiter.wait(began_s + self._poll_s)

    async def _round(self, numbers: Collection[int]) -> bool:
        """Let cells rest, read, and go on bleeding where that is wanted; whether anybody answered."""
        resting = [number for number in numbers if self._units[number].chip.bleeding]
        faults = {number: await self._fault(number, self._rest(number)) for number in resting}
        if resting:
            await asyncio.sleep(SETTLE_S)
        for number in numbers:
            if faults.get(number) is None:  # what does not rest is not read
                faults[number] = await self._fault(number, self._poll(number))
            self._judge(number, faults[number])
            if faults[number] is None and (cells := self._wanted.get(number)):
                await self._fault(number, self._bleed(number, cells))
        return any(fault is not LinkFault.SILENCE for fault in faults.values())

    def _judge(self, number: int, fault: LinkFault | None) -> None:
        """Tell the log when a battery falls silent or comes back."""
        unit = self._units[number]
        unit.failures = 0 if fault is None else unit.failures + 1
        if fault is None:
            self._trouble.recovery(self._name)
            self._trouble.recovery(f"battery {number}")
        elif unit.failures >= SILENT_AFTER:
            self._trouble.failure(f"battery {number}", f"not read on {self._name}: {self._tally.last_error}")

    async def _poll(self, number: int) -> None:
        unit = self._units[number]
        reading = await self._bus.play(unit.place, unit.chip.poll())
        if reading is not None:
            self._tally.frames_ok += 1
            self._on_reading(number, reading)

    async def _rest(self, number: int) -> None:
        unit = self._units[number]
        await self._bus.play(unit.place, unit.chip.rest())

    async def _bleed(self, number: int, cells: Collection[int]) -> None:
        unit = self._units[number]
        await self._bus.play(unit.place, unit.chip.bleed(sorted(cells)))

    async def _fault(self, number: int, turn: Awaitable[None]) -> LinkFault | None:
        """What went wrong in a conversation; it is counted and told."""
        try:
            await turn
        except (LinkError, FrameError) as error:
            fault = LinkFault.SILENCE if isinstance(error, LinkError) else LinkFault.BAD_FRAME
            self._tally.fault(fault, f"battery {number}: {error}")
            return fault
        return None

    async def _end(self) -> None:
        """Leave nothing bleeding; a chip that cannot be told stops by itself after 20 s."""
        for number, unit in self._units.items():
            if unit.chip.bleeding:
                await self._fault(number, self._rest(number))
        await self._bus.close()
