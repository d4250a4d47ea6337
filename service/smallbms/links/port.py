"""An open tty that plays a script of requests, with as few wake-ups as the kernel allows.

On a raw tty with VTIME 0 the loop hears of input only when VMIN bytes wait (n_tty), so VMIN is set to what is
still missing. VMIN is an unsigned char.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import AsyncIterator, Generator
from typing import NamedTuple, NoReturn

import serial

from smallbms.drivers.base import Request
from smallbms.errors import LinkError

VMIN_MAX = 255
READ_SIZE = 4096


class Exchange(NamedTuple):
    """A step of a script: send a request, and be resumed with its Answer."""

    request: Request
    time_out_s: float


class Pause(NamedTuple):
    """A step of a script: do nothing until then (loop time); `hasty` = `hasten` may end it."""

    until_s: float
    hasty: bool = False


class Answer(NamedTuple):
    """What came, when the last of it was read (loop time), and how many bytes it lacks."""

    data: bytes
    at_s: float
    lacking: int


Script = Generator[Exchange | Pause, Answer, NoReturn]


class Port:
    """Plays a script of requests and pauses; what comes unasked is thrown away.

    The script is resumed by whatever wakes the loop, the answer's last byte or a timer: no task has to be scheduled
    in between. An exception in a script is one in a callback of the loop.
    """

    def __init__(self, device: serial.Serial) -> None:
        self._device = device
        self._fd: int = device.fileno()
        self._request: Request | None = None
        self._answer = Answer(b"", 0.0, 0)
        self._attributes = termios.tcgetattr(self._fd)
        self._loop = asyncio.get_running_loop()
        self._script: Script | None = None
        self._hasty = False
        self._timer: asyncio.TimerHandle | None = None
        self._lost: asyncio.Future[NoReturn] = self._loop.create_future()
        self._loop.add_reader(self._fd, self._on_readable)

    async def play(self, script: Script) -> NoReturn:
        """Play until the port is gone; raises LinkError then."""
        self._script = script
        self._take(next(script))
        await self._lost

    def hasten(self) -> None:
        """End a hasty pause now."""
        if self._hasty:
            self._resume()

    def _resume(self) -> None:
        """Give the script its answer, and take its next step."""
        if self._timer is not None:
            self._timer.cancel()
        self._hasty, self._request = False, None
        if self._script is not None and not self._lost.done():
            self._take(self._script.send(self._answer))

    def _take(self, step: Exchange | Pause) -> None:
        if isinstance(step, Pause):
            self._hasty = step.hasty
            self._timer = self._loop.call_at(step.until_s, self._resume)
            return
        self._request = step.request
        self._answer = Answer(b"", 0.0, step.request.missing(b""))
        self._timer = self._loop.call_later(step.time_out_s, self._time_is_up)
        try:
            self._send(step.request.data)
        except LinkError as error:
            self._lose(error)

    def _time_is_up(self) -> None:
        self._on_readable()  # the few bytes that VMIN held back
        if self._request is not None:
            self._resume()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._script is not None:
            self._script.close()
            self._script = None
        self._lost.cancel()
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
            whole = self._request is not None and self._gather(self._request, data)
        except BlockingIOError:
            return
        except (OSError, termios.error) as error:
            self._lose(LinkError(f"reading failed: {_reason(error)}"))
            return
        if whole:
            self._resume()

    def _gather(self, request: Request, data: bytes) -> bool:
        """Add what came, without the adapter's echo; whether the answer is whole."""
        reply = (self._answer.data + data).removeprefix(request.data)
        lacking = request.missing(reply)
        self._answer = Answer(reply, self._loop.time(), lacking)
        if lacking:
            self._wake_after(lacking)
        return not lacking

    def _lose(self, error: LinkError) -> None:
        self._loop.remove_reader(self._fd)  # a hang-up stays readable for ever
        if not self._lost.done():
            self._lost.set_exception(error)


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
