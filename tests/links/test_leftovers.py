"""A port that comes and goes for weeks leaves nothing for the garbage collector: it would hold it for hours."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import termios
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smallbms.drivers.base import Want
from smallbms.drivers.jbd import Jbd
from smallbms.emulators.pty import PtyServer
from smallbms.errors import LinkError
from smallbms.links.port import Exchange, Port, Script, opened

from .rig import jbd_board, running, until


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Nobody:
    """An adapter with nothing behind it."""

    def receive(self, _data: bytes) -> bytes:
        return b""


def errors() -> int:
    return sum(isinstance(one, LinkError) for one in gc.get_objects())


async def open_in_vain(path: str) -> None:
    try:
        async with opened(path, 9600):
            raise AssertionError("there is no such port")
    except LinkError:
        pass


async def test_a_port_that_cannot_be_opened() -> None:
    before = errors()
    for _ in range(40):
        await open_in_vain("/nowhere/tty")
    assert errors() - before < 20  # each thread that tried keeps its last


def polling() -> Script:
    request, *_ = Jbd(key="jbd").requests(Want.PACK)
    while True:
        yield Exchange(request, 0.05)


async def lose(server: PtyServer) -> weakref.ref[Port]:
    """Open it and ask until it is unplugged."""
    await until(server.path.exists)
    asyncio.get_running_loop().call_later(0.05, server.unplug)
    try:
        async with opened(str(server.path), 9600) as port:
            await port.play(polling())
    except LinkError:
        pass
    server.plug()
    return weakref.ref(port)


async def test_a_port_that_is_lost(tmp_path: Path) -> None:
    server = PtyServer(jbd_board(), tmp_path / "port", baud=0)
    before = errors()
    async with running(server.run):
        ports = [await lose(server) for _ in range(3)]
    assert [port() for port in ports] == [None] * 3
    assert errors() == before


async def test_a_port_that_hangs_up_between_a_question_and_listening_for_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next file of its number would never be heard."""
    server = PtyServer(Nobody(), tmp_path / "port", baud=0)
    set_attributes, loop = termios.tcsetattr, asyncio.get_running_loop()
    lost: list[int] = []

    def hang_up(fd: int, when: int, attributes: Any) -> None:
        if attributes[6][termios.VMIN] > 1:
            lost.append(fd)
            raise termios.error(errno.EIO, "Input/output error")
        set_attributes(fd, when, attributes)

    async with running(server.run):
        await until(server.path.exists)
        monkeypatch.setattr(termios, "tcsetattr", hang_up)
        with pytest.raises(LinkError, match="it hung up"):
            async with opened(str(server.path), 9600) as port:
                await port.play(polling())
    (number,) = lost
    ours, theirs = socket.socketpair()
    heard: list[bytes] = []
    with ours, theirs:
        os.dup2(ours.fileno(), number)
        loop.add_reader(number, lambda: heard.append(os.read(number, 10)))
        try:
            theirs.send(b"hello")
            await until(lambda: heard == [b"hello"])
        finally:
            loop.remove_reader(number)
            os.close(number)
