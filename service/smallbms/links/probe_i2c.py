"""Finds BQ76952 chips on an I²C bus, alone or behind TCA9548A multiplexers; only their usual address is looked at.

A multiplexer is known by its control register, which reads as it was written; afterwards it is closed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from struct import unpack

from smallbms.drivers.bq76952_reading import CELLS
from smallbms.drivers.bq76952_registers import DEVICE_NUMBER, Register, Subcommand
from smallbms.drivers.bq76952_wire import Wire
from smallbms.drivers.i2c import Steps, Transfer
from smallbms.errors import FrameError, LinkError
from smallbms.links.found import Found
from smallbms.links.i2c_bus import I2cBus, Place
from smallbms.model import BatteryReading, Identity

CHIP = 0x08
MUXES = range(0x70, 0x78)
CHANNELS = range(8)
CELL_V = 1.0  # an input without a cell shows less
NEEDS = ("model", "sense_mohm")


async def probe_i2c(path: str, bus: I2cBus) -> tuple[Found, ...]:
    """The chips of a bus, which is closed afterwards; raises LinkError if it cannot be opened."""
    try:
        await bus.open()
        muxes = [mux for mux in MUXES if await _is_mux(bus, mux)]  # all of them are closed now
        if found := await _at(path, bus, Place()):
            return found  # it would be seen through every channel, too
        behind = [await _at(path, bus, Place(mux, channel)) for mux in muxes for channel in CHANNELS]
        return tuple(chip for chips in behind for chip in chips)
    finally:
        await bus.close()


async def _is_mux(bus: I2cBus, mux: int) -> bool:
    try:
        return await bus.play(Place(), _mux(mux))
    except LinkError:
        return False


def _mux(mux: int) -> Steps[bool]:
    """Whether the control register takes what is written."""
    yield Transfer(mux, b"", 1)  # whoever does not even answer this is not written to
    seen = []
    for control in (1, 0):
        seen.append((yield Transfer(mux, bytes((control,)), 1)).data)
    return seen == [b"\x01", b"\x00"]


async def _at(path: str, bus: I2cBus, place: Place) -> tuple[Found, ...]:
    """The chip at a place; some are set to CRC, and do not answer without."""
    for crc in (False, True):
        with contextlib.suppress(LinkError, FrameError):
            cells_v, now_s = await bus.play(place, _chip(Wire(CHIP, crc=crc)))
            table: dict[str, str | int] = {"driver": "bq76952", "port": path} | dict(_wiring(place, crc=crc))
            key = f"bq76952:{path}:{place.mux}:{place.channel}"
            reading = BatteryReading(
                taken_at_s=now_s,
                cells_taken_at_s=now_s,
                identity=Identity(key=key, model="BQ76952"),
                voltage_v=sum(cells_v),
                cell_voltages_v=cells_v,
            )
            return (Found(table=table, reading=reading, needs=NEEDS),)
    return ()


def _chip(wire: Wire) -> Steps[tuple[tuple[float, ...], float]]:
    """The cells that it sees, however it is set up; raises FrameError if it is another chip."""
    number = int.from_bytes((yield from wire.ask(Subcommand.DEVICE_NUMBER))[:2], "little")
    if number != DEVICE_NUMBER:
        raise FrameError(f"device number 0x{number:04X}")
    reply = yield from wire.read(Register.CELLS, CELLS.size)
    volts = [raw / 1000 for raw in unpack(CELLS.format, reply.data)]
    return tuple(volt for volt in volts if volt > CELL_V), reply.at_s


def _wiring(place: Place, *, crc: bool) -> Iterator[tuple[str, int]]:
    if place.mux is not None and place.channel is not None:
        yield "mux", place.mux
        yield "channel", place.channel
    if crc:
        yield "crc", True
