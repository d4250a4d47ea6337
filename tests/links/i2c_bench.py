"""Banks of cells behind BQ76952 chips and a multiplexer, the link that reads them, and a time that hurries."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace
from typing import Protocol

from drivers.chips import state
from hwbed.inside.i2c import Bus, Tca9548a
from smallbms.batteries import custom_model
from smallbms.drivers.bq76952 import Bq76952
from smallbms.drivers.bq76952_settings import Board, usual_inputs
from smallbms.emulators.bq76952 import Bq76952Chip
from smallbms.links.i2c import I2cLine, Unit
from smallbms.links.i2c_bus import I2cBus, Place, Transport
from smallbms.model import BatteryReading

from .hurried import InPlace

MUX, CHIP = 0x70, 0x08
MODEL = custom_model("own", cells=16, capacity_ah=100)
POLL_S = 0.4
SOUND_V, SOUND_A = 0.005, 0.1  # the truth moves between a transfer and its end; what is disturbed is further off


class Wires:
    """The master's end of a bus in memory."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def transfer(self, address: int, data: bytes, size: int) -> bytes:
        if self._bus.stuck:
            raise OSError(errno.ETIMEDOUT, "the line is held")
        answer = (self._bus.read(address, size) if size else b"") if self._bus.write(address, data) else None
        if answer is None:
            raise OSError(errno.EREMOTEIO, "not acknowledged")
        return answer

    def close(self) -> None:
        """There is no file."""


class Cells(Protocol):
    """Where a bank's cells are what they are."""

    def __call__(self) -> BatteryReading: ...


class Bench:
    """`count` chips on channels 0… of a multiplexer; every reading that comes is compared with the truth.

    `transport` is the link's way to the bus in memory, and may be replaced.
    """

    def __init__(
        self,
        count: int = 3,
        *,
        crc: Collection[int] = (),
        cells: Callable[[int], Cells] | None = None,
        bleed: Callable[[int, frozenset[int]], None] = lambda number, inputs: None,
        reset: Callable[[], None] | None = None,
        on_reading: Callable[[int, BatteryReading], None] = lambda number, reading: None,
    ) -> None:
        clock = asyncio.get_running_loop().time
        self.clock = clock
        self.states = {number: state() for number in range(1, count + 1)}
        self.chips = {
            number: Bq76952Chip(
                cells(number) if cells else lambda number=number: self.states[number],  # type: ignore[misc]
                clock,
                crc=number in crc,
                bleed=lambda inputs, number=number: bleed(number, inputs),  # type: ignore[misc]
            )
            for number in self.states
        }
        self.mux = Tca9548a({number - 1: Bus({CHIP: chip}) for number, chip in self.chips.items()})
        self.bus = Bus({MUX: self.mux})
        self.readings: list[tuple[int, BatteryReading]] = []
        self.wrong: list[tuple[int, BatteryReading]] = []
        self.connected = 0
        self._on_reading = on_reading
        self.transport: Callable[[], Transport] = lambda: Wires(self.bus)
        self.line = I2cLine(
            "i2c-1",
            I2cBus(self._connect, reset=reset, worker=InPlace(), clock=clock, sleep=lambda seconds: None),
            {number: self._unit(number, number in crc) for number in self.chips},
            poll_s=POLL_S,
            on_reading=self._hear,
        )

    def set(self, number: int, **values: object) -> None:
        self.states[number] = replace(self.states[number], **values)  # type: ignore[arg-type]

    def count(self, number: int) -> int:
        """How many readings of this battery have come."""
        return sum(heard == number for heard, _ in self.readings)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(60.0):
            while not condition():
                await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.line.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _unit(self, number: int, crc: bool) -> Unit:
        board = Board(sense_mohm=0.5, inputs=usual_inputs(MODEL.cells))
        chip = Bq76952(key=f"bq76952:i2c-1:{number}", model=MODEL, board=board, address=CHIP, crc=crc)
        return Unit(chip, Place(MUX, number - 1))

    def _connect(self) -> Transport:
        self.connected += 1
        return self.transport()

    def _hear(self, number: int, reading: BatteryReading) -> None:
        """Any value that is not what the cells have at this moment is wrong."""
        self.readings.append((number, reading))
        true = self.chips[number].truth()
        pairs = zip(reading.cell_voltages_v, true.cell_voltages_v, strict=True)
        off_v = max(abs((told_v or 0.0) - (real_v or 0.0)) for told_v, real_v in pairs)
        if off_v > SOUND_V or abs((reading.current_a or 0.0) - (true.current_a or 0.0)) > SOUND_A:
            self.wrong.append((number, reading))
        self._on_reading(number, reading)
