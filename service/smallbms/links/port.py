"""An open tty that plays a script of requests, with as few wake-ups as can be.

An answer takes as long as it did before, so it is looked for once, at the time when it must be whole: a process that
waits for input is woken in the kernel by each handful of bytes. Only for what is not there then the port is listened
to: on a raw tty with VTIME 0 the loop hears of input when VMIN bytes wait (n_tty), so VMIN, an unsigned char, is set
to what is still missing.
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

from smallbms import tty
from smallbms.drivers.base import Request
from smallbms.errors import LinkError
from smallbms.links.pace import Pace

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


NO_ANSWER = Answer(b"", 0.0, 0)

Script = Generator[Exchange | Pause, Answer, NoReturn]


class Port:
    """Plays a script of requests and pauses; what comes unasked is thrown away.

    The script is resumed by whatever wakes the loop, the answer's last byte or a timer: no task has to be scheduled
    in between. An exception in a script is one in a callback of the loop.
    """

    def __init__(self, device: serial.Serial) -> None:
        self._device = device
        self._fd: int = device.fileno()
        self._step: Exchange | None = None  # that waits for its answer
        self._sent_s = 0.0
        self._answer = NO_ANSWER
        self._attributes = termios.tcgetattr(self._fd)
        self._loop = asyncio.get_running_loop()
        self._script: Script | None = None
        self._pace = Pace()
        self._looked = False  # for the present answer, in vain: its time is that of a slow one
        self._listening = False
        self._hasty = False
        self._timer: asyncio.TimerHandle | None = None
        self._lost: asyncio.Future[NoReturn] = self._loop.create_future()
        self._wake_after(1)  # with VMIN 0 an empty port would read like one that hung up

    async def play(self, script: Script) -> NoReturn:
        """Play until the port is gone; raises LinkError then."""
        self._script = script
        self._take(next(script))
        try:
            await self._lost
        finally:
            self._lost = self._loop.create_future()  # the old one keeps its error, whose traceback keeps this port
            self._lost.cancel()

    def hasten(self) -> None:
        """End a hasty pause now."""
        if self._hasty and self._timer is not None:
            self._timer.cancel()
            self._resume()

    def _resume(self) -> None:
        """Give the script its answer, and take its next step."""
        self._hasty, self._step = False, None
        if self._script is not None and not self._lost.done():
            self._take(self._script.send(self._answer))

    def _take(self, step: Exchange | Pause) -> None:
        if isinstance(step, Pause):
            self._hasty = step.hasty
            self._timer = self._loop.call_at(step.until_s, self._resume)
            return
        request = step.request
        self._step = step
        self._sent_s = self._loop.time()
        self._answer = Answer(b"", 0.0, request.missing(b""))
        try:
            self._send(request.data)
        except LinkError as error:
            self._lose(error)
            return
        self._looked = False
        look_after_s = self._pace.look_after_s(request.data)
        if look_after_s is None:
            self._listen()
        else:
            self._timer = self._loop.call_at(self._sent_s + look_after_s, self._look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._script is not None:
            self._script.close()
            self._script = None
        self._lost.cancel()
        self._listen_no_more()
        with contextlib.suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCIOFLUSH)  # else closing waits until all is sent
        with contextlib.suppress(OSError):
            self._device.close()

    def _send(self, data: bytes) -> None:
        try:
            termios.tcflush(self._fd, termios.TCIFLUSH)
            os.write(self._fd, data)
        except (OSError, termios.error) as error:
            raise LinkError(f"writing failed: {tty.reason(error)}") from error

    def _look(self) -> None:
        """The answer ought to be there."""
        self._read()
        if self._step is None or self._lost.done():
            return
        if self._answer.lacking:
            self._looked = True
            self._pace.missed(self._step.request.data)
            self._listen()
        else:
            self._resume()

    def _listen(self) -> None:
        """Be woken by the rest of the answer, or when there is no more time for it."""
        if self._step is not None:
            self._listening = True
            self._timer = self._loop.call_at(self._sent_s + self._step.time_out_s, self._time_is_up)
            self._loop.add_reader(self._fd, self._on_readable)
            self._wake_after(self._answer.lacking)  # or it is lost, and no longer listened to

    def _listen_no_more(self) -> None:
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self._fd)

    def _on_readable(self) -> None:
        self._read()
        if self._step is None or self._timer is None or self._lost.done():
            return
        if self._answer.lacking:
            self._wake_after(self._answer.lacking)
        else:
            self._timer.cancel()
            self._listen_no_more()
            if not self._looked:
                self._pace.heard(self._step.request.data, self._answer.at_s - self._sent_s)
            self._resume()

    def _time_is_up(self) -> None:
        self._listen_no_more()
        self._read()  # the few bytes that VMIN held back
        self._resume()

    def _read(self) -> None:
        """Add to the answer what is there, without the adapter's echo."""
        try:
            data = os.read(self._fd, READ_SIZE)
            if not data:
                raise OSError(errno.EIO, "hung up")
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(LinkError(f"reading failed: {tty.reason(error)}"))
            return
        if self._step is not None:
            request = self._step.request
            reply = (self._answer.data + data).removeprefix(request.data)
            self._answer = Answer(reply, self._loop.time(), request.missing(reply))

    def _wake_after(self, count: int) -> None:
        vmin = min(count, VMIN_MAX)
        if self._attributes[6][termios.VMIN] != vmin:
            self._attributes[6][termios.VMIN] = vmin
            try:
                termios.tcsetattr(self._fd, termios.TCSANOW, self._attributes)
            except termios.error as error:
                self._lose(LinkError(f"it hung up: {tty.reason(error)}"))

    def _lose(self, error: LinkError) -> None:
        self._listen_no_more()  # a hang-up stays readable for ever
        if not self._lost.done():
            self._lost.set_exception(error)


@contextlib.asynccontextmanager
async def opened(path: str, baud: int) -> AsyncIterator[Port]:
    """The port while it is open, ours alone; raises LinkError if it cannot be opened."""
    device = await tty.opened(path, baud)
    try:
        port = Port(device)
    except (OSError, termios.error) as error:
        device.close()
        raise tty.not_opened(error) from error
    try:
        yield port
    finally:
        port.close()
