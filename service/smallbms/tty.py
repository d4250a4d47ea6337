"""Serial ports: opened for ourselves alone, and their troubles in words."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios

import serial

from smallbms.errors import LinkError

TtyError = OSError | termios.error


async def opened(path: str, baud: int) -> serial.Serial:
    """An open port, 8N1, which does not wait for input; raises LinkError if it cannot be opened."""
    opening = asyncio.create_task(asyncio.to_thread(_open, path, baud))  # a bad adapter blocks for seconds
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with contextlib.suppress(LinkError):
            (await opening).close()
        raise
    finally:
        del opening  # it keeps its error, whose traceback keeps this: none is to wait for the garbage collector


def not_opened(error: TtyError) -> LinkError:
    """Why it could not be opened."""
    in_use = error.args and error.args[0] in (errno.EWOULDBLOCK, errno.EBUSY)
    return LinkError(f"cannot be opened: {'another program uses it' if in_use else reason(error)}")


def reason(error: TtyError) -> str:
    """What the system says of an error, without its number."""
    number = error.args[0] if error.args else None
    return os.strerror(number) if isinstance(number, int) else str(error)


def _open(path: str, baud: int) -> serial.Serial:
    try:
        return serial.Serial(path, baud, exclusive=True)
    except (OSError, termios.error) as error:
        raise not_opened(error) from error
