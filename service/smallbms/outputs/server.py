"""The loop: accept, read, obey, answer; nothing in it waits for anyone."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from smallbms.outputs.clients import Client, Gone
from smallbms.outputs.console import say
from smallbms.outputs.gpio import Line
from smallbms.outputs.gpio_pins import BLINK_S
from smallbms.outputs.keeper import Keeper
from smallbms.outputs.protocol import LINE_LIMIT, Code, Refused, parse
from smallbms.outputs.state import encode
from smallbms.outputs.unix import UnixSocket

TICK_S = BLINK_S  # pins and remote inputs are read, and LEDs blink, at the multiples of this
CLIENT_LIMIT = 16


class Server:
    """Serves one listening socket until something is written to `stop`.

    `alone_s`: end by itself after so long without a client in control; None = never. `on_turn` is called when the pins
    are driven and everyone is answered, TICK_S after the last time at the latest.
    """

    def __init__(
        self,
        listener: UnixSocket,
        stop: int,
        keeper: Keeper,
        alone_s: float | None,
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self._keeper = keeper
        self._on_turn = on_turn
        self._alone_s = alone_s
        self._listener = listener
        self._stop = stop
        self._epoll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._watched: list[Line] = []
        listener.setblocking(False)
        self._epoll.register(listener, select.EPOLLIN)
        self._epoll.register(stop, select.EPOLLIN)

    def run(self) -> None:
        """Serve; return with all connections closed, the pins as they are."""
        now_s = controlled_at_s = tick_at_s = time.monotonic()
        try:
            while self._alone_s is None or now_s - controlled_at_s < self._alone_s:
                wake_at_s = self._keeper.wake_at_s()
                due_at_s = tick_at_s if wake_at_s is None else min(tick_at_s, wake_at_s)
                look_at_s = min(due_at_s, self._keeper.pulse_at_s())
                ready = [fileno for fileno, _ in self._epoll.poll(max(0.0, look_at_s - time.monotonic()))]
                now_s = time.monotonic()
                if now_s >= due_at_s or any(line.fileno() in ready for line in self._watched):
                    self._keeper.tick(now_s)
                    self._watch()
                    tick_at_s = (now_s // TICK_S + 1) * TICK_S
                if self._stop in ready:
                    return
                self._serve(ready)
                self._keeper.pulse(now_s)
                self._on_turn()
                if self._keeper.controlled:
                    controlled_at_s = now_s
            say(f"nobody in control for {self._alone_s:g} s: end")
        finally:
            for client in self._clients.values():
                client.connection.close()
            self._epoll.close()

    def _serve(self, ready: list[int]) -> None:
        for fileno in ready:
            if fileno in self._clients:
                self._turn(self._clients[fileno])
        if self._listener.fileno() in ready:
            self._accept()

    def _accept(self) -> None:
        try:
            client = Client(self._listener.accepted())
        except OSError:
            return
        self._clients[client.number] = client
        self._epoll.register(client.number, select.EPOLLIN)
        if len(self._clients) > CLIENT_LIMIT:
            oldest = next(known for known in self._clients.values() if not self._keeper.in_control(known.number))
            self._drop(oldest)

    def _turn(self, client: Client) -> None:
        had_unsent = client.has_unsent
        try:
            client.flush()
            for line in client.receive():
                client.send(self._answer(client, line))
        except Gone:
            self._drop(client)
            return
        finally:
            self._watch()  # before a new connection may get the number of a line that was let go
        if client.has_unsent or had_unsent:
            self._epoll.modify(client.number, select.EPOLLIN | (select.EPOLLOUT if client.has_unsent else 0))

    def _answer(self, client: Client, line: bytes | None) -> dict[str, object]:
        now_s = time.monotonic()
        try:
            if line is None:
                raise Refused(Code.BAD_LINE, f"longer than {LINE_LIMIT} bytes")
            return {"ok": True, "state": encode(self._keeper.obey(client.number, parse(line), now_s))}
        except Refused as refused:
            refusal = refused
        except RecursionError:  # what could just be read cannot always be said again
            refusal = Refused(Code.BAD_LINE, "nested too deep")
        state = encode(self._keeper.state(now_s))
        return {"ok": False, "code": refusal.code, "text": refusal.text, "state": state}

    def _drop(self, client: Client) -> None:
        number = client.number
        client.connection.close()  # which ends its watch, too
        del self._clients[number]
        self._keeper.gone(number, time.monotonic())

    def _watch(self) -> None:
        lines = self._keeper.watched()
        if lines == self._watched:
            return
        for line in self._watched:
            try:
                self._epoll.unregister(line)
            except OSError:  # closed, as most that are not watched any more
                continue
        for line in lines:
            self._epoll.register(line, select.EPOLLIN)
        self._watched = lines
