"""`python -m smallbms.outputs`: hold the pins until told to stop; everything off before and after."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import sys
import time
from types import FrameType

from smallbms.errors import OutputError
from smallbms.outputs.console import say
from smallbms.outputs.guard import Limits
from smallbms.outputs.keeper import Keeper
from smallbms.outputs.notify import Notifier
from smallbms.outputs.options import Options, parse, usage
from smallbms.outputs.server import Server
from smallbms.outputs.unix import BACKLOG, UnixSocket, is_served

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> int:
    """Run; return the exit status: 0 told to stop, 1 the socket cannot be had, 2 a wrong command line."""
    try:
        options = parse(sys.argv[1:])
    except ValueError as error:
        sys.stderr.write(f"{usage()}{error}\n")
        return 2
    try:
        return _run(options)
    except OSError as error:
        say(f"smallbms-outputs: {error}")
        return 1


def _run(options: Options) -> int:
    path = options.socket
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
    _lock(f"{path}.lock")
    stop = _stop_pipe()
    limits = Limits(silence_s=options.silence_s, update_s=options.update_s)
    listener = _bind(path)
    try:
        keeper = Keeper(f"{path}.saved", limits, time.monotonic())
        try:
            listener.listen(BACKLOG)  # only now: whoever connects finds the pins safe
            say(f"smallbms-outputs at {path}, pid {os.getpid()}")
            notifier = Notifier(os.environ)
            Server(listener, stop, keeper, options.alone_s if options.own else None, notifier.alive).run()
            notifier.stopping()
        finally:
            keeper.close(time.monotonic())
    finally:
        listener.close()
        _remove(path)
    return 0


def _lock(path: str) -> None:
    """Take the lock that goes with the socket, until this process ends."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode(errors="replace").strip()
        raise OutputError(f"another one runs, pid {holder}; it holds {path}") from None
    try:
        os.truncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
    except OSError:  # a full disk: the number is only told to whoever is refused
        return


def _bind(path: str) -> UnixSocket:
    """Bind the socket; a file left by a dead process is replaced, a live one refused."""
    if os.path.exists(path):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OutputError(f"{path} is there and is no socket")
        if is_served(path):
            raise OutputError(f"{path} is served by a process that does not hold {path}.lock")
        os.unlink(path)
    listener = UnixSocket()
    old = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(old)
    return listener


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)


def _stop_pipe() -> int:
    """Return what becomes readable at a signal to stop; the handler itself does nothing."""
    ours, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _ignore)
    return ours


def _ignore(number: int, frame: FrameType | None) -> None:
    """Let the wake-up pipe tell."""


if __name__ == "__main__":
    sys.exit(main())
