"""An open tty for one exchange at a time, with as few wake-ups as the kernel allows.

On a raw tty with VTIME 0 the loop hears of input only when VMIN bytes wait (n_tty), so VMIN is set to what is
still missing. VMIN is an unsigned char.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import AsyncIterator
from typing import NamedTuple

import serial

from smallbms.drivers.base import Request
from smallbms.errors import LinkError
from smallbms.links.waiter import Waiter

VMIN_MAX = 255
READ_SIZE = 4096


class Answer(NamedTuple):
    """What came, when the last of it was read (loop time), and how many bytes it lacks."""

    data: bytes
    at_s: float
    lacking: int


class Port:
    """Sends a request and gathers the answer; what comes unasked is thrown away."""

    def __init__(self, device: serial.Serial) -> None:
        self._device = device
        self._fd: int = device.fileno()
        self._waiter = Waiter()
        self._request: Request | None = None
        self._answer = Answer(b"", 0.0, 0)
        self._lost: LinkError | None = None
        self._attributes = termios.tcgetattr(self._fd)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._on_readable)

    async def exchange(self, request: Request, time_out_s: float) -> Answer:
        """Send; return what came until the answer was whole or the time was over, without the adapter's echo.

        Raises LinkError if the port is gone.
        """
        self._request, self._answer = request, Answer(b"", 0.0, request.missing(b""))
        try:
            if not self._lost:
                self._send(request.data)
                await self._waiter.wait(self._loop.time() + time_out_s)
            if not self._lost and self._answer.lacking:
                self._on_readable()  # the few bytes that VMIN held back
        finally:
            self._request = None
        if self._lost:
            raise self._lost
        return self._answer

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        with contextlib.suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCIOFLUSH)  # else closing waits until all is sent
        with contextlib.suppress(OSError):
            self._device.close()

    def _send(self, data: bytes) -> None:
        try:
            termios.tcflush(self._fd, termios.TCIFLUSH)
            self._wake_after(self._answer.lacking)
            os.write(self._fd, data)
        except (OSError, termios.error) as error:
            raise LinkError(f"writing failed: {_reason(error)}") from error

    def _wake_after(self, count: int) -> None:
        vmin = min(count, VMIN_MAX)
        if self._attributes[6][termios.VMIN] != vmin:
            self._attributes[6][termios.VMIN] = vmin
            termios.tcsetattr(self._fd, termios.TCSANOW, self._attributes)

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
            if not data:
                raise OSError(errno.EIO, "hung up")
            if self._request:
                self._gather(self._request, data)
        except BlockingIOError:
            return
        except (OSError, termios.error) as error:
            self._lose(LinkError(f"reading failed: {_reason(error)}"))

    def _gather(self, request: Request, data: bytes) -> None:
        reply = (self._answer.data + data).removeprefix(request.data)
        lacking = request.missing(reply)
        self._answer = Answer(reply, self._loop.time(), lacking)
        if lacking:
            self._wake_after(lacking)
        else:
            self._waiter.wake()

    def _lose(self, error: LinkError) -> None:
        self._lost = error
        self._loop.remove_reader(self._fd)  # a hang-up stays readable for ever
        self._waiter.wake()


@contextlib.asynccontextmanager
async def opened(path: str, baud: int) -> AsyncIterator[Port]:
    """The port while it is open, ours alone; raises LinkError if it cannot be opened."""
    opening = asyncio.create_task(asyncio.to_thread(_open, path, baud))  # a bad adapter blocks for seconds
    try:
        device = await asyncio.shield(opening)
    except asyncio.CancelledError:
        with contextlib.suppress(LinkError):
            (await opening).close()
        raise
    try:
        port = Port(device)
    except (OSError, termios.error) as error:
        device.close()
        raise _not_opened(error) from error
    try:
        yield port
    finally:
        port.close()


def _open(path: str, baud: int) -> serial.Serial:
    try:
        return serial.Serial(path, baud, exclusive=True)
    except (OSError, termios.error) as error:
        raise _not_opened(error) from error


def _not_opened(error: OSError | termios.error) -> LinkError:
    in_use = error.args and error.args[0] in (errno.EWOULDBLOCK, errno.EBUSY)
    return LinkError(f"cannot be opened: {'another program uses it' if in_use else _reason(error)}")


def _reason(error: OSError | termios.error) -> str:
    number = error.args[0] if error.args else None
    return os.strerror(number) if isinstance(number, int) else str(error)
