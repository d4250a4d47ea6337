"""A SmartShunt or BMV at a serial port, which speaks by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import termios
from collections.abc import Callable
from typing import NoReturn

import serial

from smallbms import tty
from smallbms.backoff import BACK_OFF_S, BackOff
from smallbms.drivers.vedirect import BAUD, Blocks, fields, shunt_reading
from smallbms.errors import FrameError, LinkError
from smallbms.model import ShuntReading
from smallbms.trouble import TroubleLog

LOOK_S = 0.2  # a second's block is 150 bytes: a look now and then costs less than to be woken by each handful
SILENT_S = 10.0
READ_SIZE = 4096

_log = logging.getLogger(__name__)


class VeDirect:
    """Hands on each reading; a port that fails, or brings nothing good for 10 s, is opened anew."""

    def __init__(self, path: str, take: Callable[[ShuntReading], None]) -> None:
        self._path = path
        self._take = take
        self._trouble = TroubleLog(_log)
        self._back_off = BackOff(*BACK_OFF_S)

    async def run(self) -> NoReturn:
        """Listen until cancelled; then the port is closed."""
        while True:
            try:
                device = await tty.opened(self._path, BAUD)
                try:
                    await self._listen(device)
                finally:
                    with contextlib.suppress(OSError):  # an adapter that is gone
                        device.close()
            except LinkError as error:
                self._trouble.failure(self._path, str(error))
            await self._back_off.wait()

    async def _listen(self, device: serial.Serial) -> NoReturn:
        """Look for what came, in vain too, until the port is gone."""
        clock = asyncio.get_running_loop().time
        fd: int = device.fileno()
        _tell_empty_from_gone(fd)
        blocks, heard_at_s, refused = Blocks(), clock(), ""
        while True:
            now_s = clock()
            for block in blocks.feed(_read(fd)):
                try:
                    reading = shunt_reading(fields(block), now_s)
                except FrameError as error:
                    refused = f", the last block was refused: {error}"
                    continue
                if reading is not None:
                    heard_at_s, refused = now_s, ""
                    self._works(reading)
            if now_s - heard_at_s >= SILENT_S:
                raise LinkError(f"no reading for {SILENT_S:.0f} s{refused}")
            await asyncio.sleep(LOOK_S)

    def _works(self, reading: ShuntReading) -> None:
        self._back_off.worked()
        self._trouble.recovery(self._path)
        self._take(reading)


def _tell_empty_from_gone(fd: int) -> None:
    """With VMIN 0 an empty port would read like one that hung up."""
    try:
        attributes = termios.tcgetattr(fd)
        attributes[6][termios.VMIN] = 1
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
    except termios.error as error:
        raise tty.not_opened(error) from error


def _read(fd: int) -> bytes:
    try:
        data = os.read(fd, READ_SIZE)
    except BlockingIOError:
        return b""
    except OSError as error:
        raise LinkError(f"reading failed: {tty.reason(error)}") from error
    if not data:
        raise LinkError("it hung up")
    return data
