"""Somebody at a terminal who is asked, while everything else goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

from smallbms.errors import LinkError

ANSWERS = {"y": True, "yes": True, "n": False, "no": False}


class Person:
    """Answers questions on the terminal behind a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: asyncio.Queue[str] = asyncio.Queue()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what is typed."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._descriptor, self._typed)
        try:
            yield
        finally:
            loop.remove_reader(self._descriptor)

    async def says_yes(self, question: str, seconds: float | None = None) -> bool:
        """Ask until the answer is y or n; one that does not come in time is n. LinkError if nobody is there."""
        while not self._lines.empty():
            self._lines.get_nowait()  # typed before it was asked
        try:
            async with asyncio.timeout(seconds):
                while True:
                    print(f"{question} [y/n] ", end="", flush=True)
                    line = await self._lines.get()
                    if not line:
                        raise LinkError("nobody is there to answer")
                    if line.strip().lower() in ANSWERS:
                        return ANSWERS[line.strip().lower()]
        except TimeoutError:
            print(f"no answer in {seconds:g} s")
            return False

    def _typed(self) -> None:
        """A terminal gives a whole line, or nothing at its end."""
        try:
            self._lines.put_nowait(os.read(self._descriptor, 1024).decode(errors="replace"))
        except OSError:
            self._lines.put_nowait("")
