"""A bus of the kernel's i2c-dev, spoken to by a thread of its own: its ioctl blocks, and a stuck bus for long.

A transfer is one I2C_RDWR of <linux/i2c-dev.h>, with nothing but fcntl and struct: SMBus block reads end at 32 bytes,
and with CRC the cells alone are 64.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import time
from array import array
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

from smallbms.drivers.i2c import Pause, Reply, Steps, Transfer
from smallbms.errors import LinkError
from smallbms.outputs.gpio import Flag, open_chip

I2C_TIMEOUT, I2C_RDWR = 0x0702, 0x0707
TIME_OUT_10MS = 5
READ = 0x0001  # of a message
MESSAGE = struct.Struct("@HHHP0P")  # address, flags, length, buffer
MESSAGES = struct.Struct("@PI0P")  # where they are, and how many
ATTEMPTS = 3
RETRY_AFTER_S = 0.003
RESET_S = 0.001

Result = TypeVar("Result")


class Place(NamedTuple):
    """Where a chip is: behind a channel of a TCA9548A, or right on the bus."""

    mux: int | None = None
    channel: int | None = None


class Transport(Protocol):
    """What carries a transfer; raises OSError."""

    def transfer(self, address: int, data: bytes, size: int) -> bytes: ...

    def close(self) -> None: ...


class I2cDevice:
    """An open /dev/i2c-…"""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self._fd, I2C_TIMEOUT, TIME_OUT_10MS)
        except OSError:
            os.close(self._fd)
            raise

    def transfer(self, address: int, data: bytes, size: int) -> bytes:
        """Write `data`, then read `size` bytes; raises OSError."""
        out, into = array("B", data), array("B", bytes(size))
        messages = [(0, out)] + ([(READ, into)] if size else [])
        packed = array("B", b"".join(MESSAGE.pack(address, flag, len(b), b.buffer_info()[0]) for flag, b in messages))
        fcntl.ioctl(self._fd, I2C_RDWR, MESSAGES.pack(packed.buffer_info()[0], len(messages)))
        return into.tobytes()

    def close(self) -> None:
        os.close(self._fd)


class I2cBus:
    """One bus; a conversation at a time is played on it by the worker.

    `muxes`: all multiplexers on it, which someone else may have left open. `worker`, `clock` and `sleep` are for
    whoever has a time of his own. All methods raise LinkError.
    """

    def __init__(
        self,
        connect: Callable[[], Transport],
        *,
        muxes: Iterable[int] = (),
        reset: Callable[[], None] | None = None,
        worker: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connect = connect
        self._muxes = frozenset(muxes)
        self._doubtful: set[int] = set()  # of them, those that may have a channel open
        self._reset = reset
        self._worker = worker or ThreadPoolExecutor(1, thread_name_prefix="i2c")
        self._clock = clock
        self._sleep = sleep
        self._transport: Transport | None = None

    async def open(self) -> None:
        await self._in_worker(self._open)

    async def play(self, place: Place, conversation: Steps[Result]) -> Result:
        """Play a conversation with a chip at a place, and leave the multiplexer closed; raises FrameError too."""
        return await self._in_worker(lambda: self._play(place, conversation))

    async def recover(self) -> None:
        """Close it, and pulse the reset line of the multiplexer where there is one: a channel may hold the bus."""
        await self._in_worker(self._recover)

    async def close(self) -> None:
        """Close it for good, whatever is being played; the worker ends."""
        with contextlib.suppress(LinkError):
            await self._in_worker(self._close)
        self._worker.shutdown(wait=False)

    async def _in_worker(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    # --- in the worker ------------------------------------------------------------------------------------------

    def _open(self) -> None:
        try:
            self._transport = self._connect()
        except OSError as error:
            raise LinkError(f"cannot be opened: {error.strerror}") from error
        self._doubtful = set(self._muxes)

    def _close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _recover(self) -> None:
        self._close()
        if self._reset is not None:
            try:
                self._reset()
            except OSError as error:
                raise LinkError(f"the reset line of the multiplexer: {error}") from error

    def _play(self, place: Place, conversation: Steps[Result]) -> Result:
        if place.mux is None or place.channel is None:
            return self._converse(conversation)
        for other in self._doubtful - {place.mux}:
            self._disconnect(other)
        self._doubtful.add(place.mux)
        self._transfer(Transfer(place.mux, bytes((1 << place.channel,))))
        try:
            return self._converse(conversation)
        finally:
            with contextlib.suppress(LinkError):
                self._disconnect(place.mux)

    def _disconnect(self, mux: int) -> None:
        """Close all channels of a multiplexer: chips of the same address behind another would answer together."""
        self._transfer(Transfer(mux, bytes((0,))))
        self._doubtful.discard(mux)

    def _converse(self, conversation: Steps[Result]) -> Result:
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Pause):
                    self._sleep(step.seconds)
                    reply = Reply(b"", self._clock())
                else:
                    data = self._transfer(step)
                    reply = Reply(data, self._clock())
                step = conversation.send(reply)
        except StopIteration as end:
            result: Result = end.value
            return result

    def _transfer(self, step: Transfer) -> bytes:
        """Carry one out; what is not acknowledged is tried again."""
        if self._transport is None:
            raise LinkError("the bus is closed")
        attempt = 1
        while True:
            try:
                return self._transport.transfer(*step)
            except OSError as error:
                if attempt == ATTEMPTS:
                    raise LinkError(f"0x{step.address:02X} does not answer: {error.strerror}") from error
            self._sleep(RETRY_AFTER_S * attempt)
            attempt += 1


def pulse(lines: Iterable[tuple[str, int | str]]) -> None:
    """Pull reset lines, each of a chip, low for a moment; a pull-up holds them high else. Raises OSError."""
    for name, line in lines:
        with open_chip(name) as chip:
            held = chip.request(line, Flag.OUTPUT | Flag.ACTIVE_LOW | Flag.OPEN_DRAIN)
        try:
            held.set(True)
            time.sleep(RESET_S)
            held.set(False)
        finally:
            held.close()
