"""The adapter that is not there: paced as a wire, gone when unplugged, back under the same name."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import serial

from smallbms.emulators.pty import PtyServer

DEADLINE_S = 20.0


class Parrot:
    """Says three times what it hears."""

    def receive(self, data: bytes) -> bytes:
        return 3 * data


@contextlib.asynccontextmanager
async def served(server: PtyServer) -> AsyncIterator[None]:
    task = asyncio.create_task(server.run())
    while not server.path.exists():
        await asyncio.sleep(0.002)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def ask(path: Path, request: bytes, size: int) -> bytes:
    with serial.Serial(str(path), 9600, timeout=DEADLINE_S) as port:
        port.write(request)
        return port.read(size)


async def test_an_answer_takes_its_time_on_the_wire(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with served(PtyServer(Parrot(), tmp_path / "a", baud=9600, turnaround_s=0.05)):
        start_s = loop.time()
        assert await asyncio.to_thread(ask, tmp_path / "a", b"abcdefgh", 24) == 3 * b"abcdefgh"
        assert loop.time() - start_s >= 0.05 + 32 * 10 / 9600


async def test_unplugged_it_hangs_up_and_its_name_is_gone(tmp_path: Path) -> None:
    server = PtyServer(Parrot(), tmp_path / "a", baud=0)
    async with served(server):
        fd = os.open(server.path, os.O_RDWR | os.O_NOCTTY)
        server.unplug()
        server.unplug()
        assert not server.path.is_symlink()
        with pytest.raises(OSError, match="Input/output error"):
            os.write(fd, b"x")
        os.close(fd)
        server.plug()
        server.plug()
        assert await asyncio.to_thread(ask, server.path, b"x", 3) == b"xxx"
    assert not server.path.is_symlink()


async def test_a_left_over_name_is_replaced_but_never_a_file(tmp_path: Path) -> None:
    name = tmp_path / "a"
    name.symlink_to("/dev/pts/no-more")
    async with served(PtyServer(Parrot(), name, baud=0)):
        assert await asyncio.to_thread(ask, name, b"x", 3) == b"xxx"
    name.write_text("precious")
    with pytest.raises(FileExistsError):
        await PtyServer(Parrot(), name, baud=0).run()
    assert name.read_text() == "precious"


async def test_a_reply_to_an_adapter_unplugged_meanwhile_is_lost(tmp_path: Path) -> None:
    server = PtyServer(Parrot(), tmp_path / "a", baud=9600, turnaround_s=0.05)
    async with served(server):
        first = os.open(server.path, os.O_RDWR | os.O_NOCTTY)
        os.write(first, b"lost")
        await asyncio.sleep(0.01)
        server.unplug()
        os.close(first)
        server.plug()
        second = os.open(server.path, os.O_RDWR | os.O_NOCTTY)
        os.write(second, b"x")
        reply = b""
        while len(reply) < 3:
            reply += await asyncio.to_thread(os.read, second, 100)
        os.close(second)
    assert reply == b"xxx"


async def test_what_nobody_reads_is_lost_and_stops_nothing(tmp_path: Path) -> None:
    server = PtyServer(Parrot(), tmp_path / "a", baud=0)
    async with served(server):
        fd = os.open(server.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        for _ in range(40):
            os.write(fd, bytes(1000))
            await asyncio.sleep(0.001)
        os.close(fd)
        assert await asyncio.to_thread(ask, server.path, b"x", 3) == b"xxx"
