"""The asyncio client of the outputs process, for the program that decides."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from smallbms.errors import OutputError
from smallbms.outputs.decoder import Decoder
from smallbms.outputs.peer import Connection, Patience
from smallbms.outputs.protocol import PINS, PROTOCOL, Code, Led, Refused, Role
from smallbms.outputs.state import ANSWER_LIMIT, State, answered

_HEARTBEAT = "heartbeat"
_CLOSED = "the outputs process closed the connection"
ANSWER_S = 1.0
BACKOFF_S = (0.1, 0.2, 0.5, 1.0)  # then the last one for ever
_LEVELS: Mapping[bool | str, str] = {level: json.dumps(level) for level in (False, True, *Led)}


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

    def line(self, sequence: int) -> str:
        """The command as it is said: more than twice a second, so without a detour by a dict."""
        levels = ", ".join([f'"{name}": {_LEVELS[getattr(self.outputs, name)]}' for name in PINS])
        return (
            f'{{"op": "{_HEARTBEAT}", "sequence": {sequence}, "step_at_s": {self.step_at_s!r}, '
            f'"outputs": {{{levels}}}, "cell_alarm": {_LEVELS[self.cell_alarm]}, "starting": {_LEVELS[self.starting]}}}'
        )


class _Wire(asyncio.Protocol):
    """Cuts what comes into lines. No stream and no task: a command costs one write, its answer one wake-up."""

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_line = on_line
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._on_line(line)
        if len(self._received) > ANSWER_LIMIT:
            self.fail(OutputError("the outputs process answers without end"))

    def write(self, line: str) -> None:
        if self._transport is not None:
            self._transport.write(line.encode() + b"\n")

    @property
    def connection(self) -> Connection:
        """The socket of an open connection."""
        assert self._transport is not None
        connection: Connection = self._transport.get_extra_info("socket")
        return connection

    def fail(self, error: OutputError) -> None:
        """Close at once; whoever waits for the end of the connection gets the error."""
        if not self.lost.done():
            self.lost.set_exception(error)
        if self._transport is not None:
            self._transport.abort()


class OutputsClient:
    """Keeps a connection with control, and sends the latest command.

    `state` is the last answer, None while not connected; `error` is why there is no connection or why the last command
    was refused, None when it was obeyed. `pins` is the object described in pinout.py. `on_state` is called on the loop
    whenever `state` is new, also when it is gone, and then whenever `error` says something else.
    """

    def __init__(self, path: str, pins: Mapping[str, object], *, on_state: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._pins = pins
        self._on_state = on_state
        self._errands: dict[str, Mapping[str, object]] = {}
        self._sequence = itertools.count(1)
        self._latest: _Beat | None = None
        self._wire: _Wire | None = None
        self._ready = False
        self._overdue: asyncio.TimerHandle | None = None  # runs while a command is not answered
        self._patience = Patience()
        self._asked: deque[tuple[str, asyncio.Future[State] | None]] = deque()
        self._decoder = Decoder()
        self.state: State | None = None
        self.error: OutputError | None = OutputError("not connected yet")
        self._told = str(self.error)  # while there is no state

    @property
    def pending(self) -> bool:
        """The newest command has not been answered yet."""
        return self._latest is not None or self._overdue is not None

    def send(self, outputs: OutputsLike, step_at_s: float, *, cell_alarm: bool = False, starting: bool = False) -> None:
        """Send a command; one that had to wait for an answer is replaced. `step_at_s` is CLOCK_MONOTONIC."""
        self._latest = _Beat(outputs, step_at_s, cell_alarm, starting)
        self._beat()

    def healthy_soon(self, version: str) -> None:
        """Say with the next command that this version is healthy."""
        self._errands["update_healthy"] = {"version": version}

    def acknowledge_soon(self) -> None:
        """Say with the next command that a person has seen the failed update."""
        self._errands["update_acknowledge"] = {}

    async def run(self) -> None:
        """Connect, send what `send` is given, and connect again, until cancelled."""
        waits = iter(BACKOFF_S)
        while True:
            try:
                wire = await self._connect()
                waits = iter(BACKOFF_S)
                await wire.lost
                self.error = OutputError(_CLOSED)
            except OSError as error:
                self.error = error if isinstance(error, OutputError) else OutputError(f"{self._path}: {error}")
            finally:
                self._disconnect()
            await asyncio.sleep(next(waits, BACKOFF_S[-1]))

    async def _connect(self) -> _Wire:
        wire = _Wire(self._answered)
        try:
            async with asyncio.timeout(ANSWER_S):
                await asyncio.get_running_loop().create_unix_connection(lambda: wire, self._path)
        except TimeoutError:
            raise OutputError(f"{self._path} does not accept") from None
        self._wire = wire
        await self._exchange(wire, "hello", protocol=PROTOCOL, role=Role.CONTROL, pins=self._pins)
        await self._exchange(wire, "arm", sent_at_s=time.monotonic())
        self.error, self._ready = None, True
        self._beat()
        return wire

    def _disconnect(self) -> None:
        wire, self._wire = self._wire, None
        self._ready = False
        self._beat_answered()
        lost = OutputError(_CLOSED)
        for _, asker in self._asked:
            if asker is not None and not asker.done():
                asker.set_exception(lost)
        self._asked.clear()
        if wire is not None:
            wire.fail(lost)
            wire.lost.exception()  # read, whoever else did not wait for it
        if self.state is not None or str(self.error) != self._told:
            self.state, self._told = None, str(self.error)
            self._on_state()

    def _beat(self) -> None:
        """Send the latest command unless the one before it is still to be answered."""
        wire, beat = self._wire, self._latest
        if wire is None or beat is None or not self._ready or self._overdue is not None:
            return
        self._latest = None
        due_s = time.monotonic() + ANSWER_S
        self._overdue = asyncio.get_running_loop().call_at(due_s, self._missed, wire, due_s)
        self._asked.append((_HEARTBEAT, None))
        wire.write(beat.line(next(self._sequence)))

    def _beat_answered(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _missed(self, wire: _Wire, due_s: float) -> OutputError:
        """No answer in time: a late one must not pass for that of the next line."""
        if wire.lost.done():
            return OutputError(_CLOSED)  # which is no sign of a process that hangs
        error = self._patience.missed(wire.connection, due_s)
        wire.fail(error)
        return error

    def _ask(self, op: str, asker: asyncio.Future[State] | None, **fields: object) -> None:
        if self._wire is None:
            raise OutputError("the outputs process is not connected")
        self._asked.append((op, asker))
        self._wire.write(json.dumps({"op": op, **fields}))

    async def _exchange(self, wire: _Wire, op: str, **fields: object) -> State:
        answer: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._ask(op, answer, **fields)
        due_s = time.monotonic() + ANSWER_S
        try:
            await asyncio.wait((answer, wire.lost), timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
        finally:
            answer.cancel()
        if wire.lost.done():
            wire.lost.result()  # raises why, if it was this end
        raise self._missed(wire, due_s)

    def _answered(self, line: bytes) -> None:
        """An answer, to the oldest question."""
        self._patience.answered()
        try:
            refusal, said = answered(line)
            if refusal is not None and refusal.code is Code.PROTOCOL_MISMATCH:
                raise refusal  # its state may have another shape
            self.state = self._decoder.decode(said)
            op, asker = self._asked.popleft()
        except (OutputError, IndexError) as error:
            if self._wire is not None:
                self._wire.fail(error if isinstance(error, OutputError) else OutputError("an answer that nobody asked"))
            return
        if op == _HEARTBEAT:
            self._beat_answered()
            self.error = refusal
        if asker is None:
            self._go_on(refusal)
        elif not asker.done():
            if refusal is None:
                asker.set_result(self.state)
            else:
                asker.set_exception(refusal)
        self._on_state()

    def _go_on(self, refusal: Refused | None) -> None:
        """After an answer that nobody awaits: say what is due next."""
        if refusal is not None and refusal.code is Code.NOT_ARMED:
            self._ask("arm", None, sent_at_s=time.monotonic())
        elif self._errands:
            op, fields = self._errands.popitem()
            self._ask(op, None, **fields)
        else:
            self._beat()
