"""The asyncio client of the outputs process, for the program that decides."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from smallbms.errors import OutputError
from smallbms.outputs.protocol import PINS, PROTOCOL, Code, Refused, Role
from smallbms.outputs.state import State, decode

ANSWER_S = 1.0
BACKOFF_S = (0.1, 0.2, 0.5, 1.0)  # then the last one for ever


class OutputsLike(Protocol):
    """All outputs at once; a LED is "off", "on" or "blink"."""

    @property
    def atc(self) -> bool: ...
    @property
    def atd(self) -> bool: ...
    @property
    def pre_alarm(self) -> bool: ...
    @property
    def red_led(self) -> str: ...
    @property
    def blue_led(self) -> str: ...


class _Beat(NamedTuple):
    outputs: OutputsLike
    step_at_s: float
    cell_alarm: bool
    starting: bool


class OutputsClient:
    """Keeps a connection with control, and sends the latest command.

    `state` is the last answer, None while not connected; `error` is why there is no connection or why the last command
    was refused, None when it was obeyed. `pins` is the object described in pinout.py. `on_state` is called on the loop
    whenever `state` is new, also when it is gone.
    """

    def __init__(self, path: str, pins: Mapping[str, object], *, on_state: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._pins = pins
        self._on_state = on_state
        self._errands: dict[str, Mapping[str, object]] = {}
        self._sequence = itertools.count(1)
        self._latest: _Beat | None = None
        self._fresh = asyncio.Event()
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.state: State | None = None
        self.error: OutputError | None = OutputError("not connected yet")

    def send(self, outputs: OutputsLike, step_at_s: float, *, cell_alarm: bool = False, starting: bool = False) -> None:
        """Send a command soon; one that was not sent yet is replaced. `step_at_s` is CLOCK_MONOTONIC."""
        self._latest = _Beat(outputs, step_at_s, cell_alarm, starting)
        self._fresh.set()

    def healthy_soon(self, version: str) -> None:
        """Say with the next command that this version is healthy."""
        self._errands["update_healthy"] = {"version": version}

    def acknowledge_soon(self) -> None:
        """Say with the next command that a person has seen the failed update."""
        self._errands["update_acknowledge"] = {}

    async def update_begin(self, version: str, *, cell_alarm: bool = False) -> State:
        """Say that an update begins; return once the pins show it; raise OutputError."""
        return await self._exchange("update_begin", version=version, cell_alarm=cell_alarm)

    async def update_healthy(self, version: str) -> State:
        """Say that this version is healthy; raise OutputError."""
        return await self._exchange("update_healthy", version=version)

    async def update_acknowledge(self) -> State:
        """Say that a person has seen the failed update; raise OutputError."""
        return await self._exchange("update_acknowledge")

    async def run(self) -> None:
        """Connect, send what `send` is given, and connect again, until cancelled."""
        waits = iter(BACKOFF_S)
        while True:
            try:
                await self._connect()
                waits = iter(BACKOFF_S)
                await self._beat()
            except OSError as error:
                self.error = error if isinstance(error, OutputError) else OutputError(f"{self._path}: {error}")
            finally:
                self._disconnect()
            await asyncio.sleep(next(waits, BACKOFF_S[-1]))

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                self._streams = await asyncio.open_unix_connection(self._path)
        except TimeoutError:
            raise OutputError(f"{self._path} does not accept") from None
        await self._exchange("hello", protocol=PROTOCOL, role=Role.CONTROL, pins=self._pins)
        await self._exchange("arm", sent_at_s=time.monotonic())
        self.error = None

    def _disconnect(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()
        if self.state is not None:
            self.state = None
            self._on_state()

    async def _beat(self) -> None:
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            try:
                if self._latest is not None:
                    await self._send_beat(self._latest)
                while self._errands:
                    op, fields = self._errands.popitem()
                    await self._exchange(op, **fields)
                self.error = None
            except Refused as refusal:
                self.error = refusal
                if refusal.code is Code.NOT_ARMED:
                    await self._exchange("arm", sent_at_s=time.monotonic())

    async def _send_beat(self, beat: _Beat) -> None:
        await self._exchange(
            "heartbeat",
            sequence=next(self._sequence),
            step_at_s=beat.step_at_s,
            outputs={name: getattr(beat.outputs, name) for name in PINS},
            cell_alarm=beat.cell_alarm,
            starting=beat.starting,
        )

    async def _exchange(self, op: str, **fields: object) -> State:
        async with self._turn:
            if self._streams is None:
                raise OutputError("the outputs process is not connected")
            line = await _ask(self._streams, {"op": op, **fields})
            refusal, state = _answer(line)
            self.state = state
        self._on_state()
        if refusal is not None:
            raise refusal
        return state


async def _ask(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], message: Mapping[str, object]) -> bytes:
    reader, writer = streams
    line = b""
    try:
        writer.write(json.dumps(message).encode() + b"\n")
        async with asyncio.timeout(ANSWER_S):
            line = await reader.readline()
    except TimeoutError:
        raise OutputError(f"the outputs process does not answer {message['op']}") from None
    except ValueError as error:
        raise OutputError(f"the outputs process answers without end: {error}") from None
    finally:
        if not line:
            writer.transport.abort()  # a late answer must not pass for that of the next line
    if not line:
        raise OutputError("the outputs process closed the connection")
    return line


def _answer(line: bytes) -> tuple[Refused | None, State]:
    """Return what a line says; the refusal of another protocol is raised, as its state may have another shape."""
    try:
        answer = json.loads(line)
        refusal = None if answer["ok"] else Refused(Code(answer["code"]), str(answer["text"]))
        state = answer["state"]
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"the outputs process answered nonsense: {error!r}") from None
    if refusal is not None and refusal.code is Code.PROTOCOL_MISMATCH:
        raise refusal
    return refusal, decode(state)
