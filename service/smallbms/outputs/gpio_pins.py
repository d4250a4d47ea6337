"""Outputs, relays among them, and remote inputs on lines that may fail and come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import methodcaller

from smallbms.outputs import gpio
from smallbms.outputs.lean import TYPE_CHECKING
from smallbms.outputs.pinout import DEBOUNCE_S, LineConfig, OutputConfig, RemoteConfig
from smallbms.outputs.protocol import Led, Level
from smallbms.outputs.remote import RemoteLevels

RETRY_S = 2.0
BLINK_S = 0.5  # on, then off for as long
DEBOUNCE_US = round(DEBOUNCE_S * 1e6)

if TYPE_CHECKING:
    from typing import TypeVar

    Result = TypeVar("Result")


def request(config: LineConfig, flags: gpio.Flag, debounce_us: int = 0) -> gpio.Line:
    """Take a line of the GPIO character device; raise OSError."""
    flags |= gpio.BIASES[config.bias] | (gpio.Flag.ACTIVE_LOW if config.active_low else gpio.Flag(0))
    with gpio.open_chip(config.chip) as chip:
        return chip.request(config.line, flags, debounce_us=debounce_us)


def request_output(config: LineConfig) -> gpio.Line:
    """Take a line as an output, off from the first moment; raise OSError."""
    return request(config, gpio.Flag.OUTPUT | gpio.DRIVES[config.drive])


class Held:
    """One line that may fail: opened when first used, given back at an error, tried again after RETRY_S.

    A level that could not be put is tried once more on the line taken anew. Off that follows a failed on waits for
    nothing, once: at every turn, a line on a bus that hangs would hold up all others.
    """

    def __init__(self, take: Callable[[], gpio.Line]) -> None:
        self._take = take
        self._retry_at_s = float("-inf")
        self._on_failed = False
        self.line: gpio.Line | None = None
        self.error = ""

    def use(self, action: Callable[[gpio.Line], Result], now_s: float) -> Result | None:
        """Return what the action returns, None if the line cannot be had or failed."""
        try:
            if self.line is None:
                if now_s < self._retry_at_s:
                    return None
                self.line = self._take()
            result = action(self.line)
        except OSError as error:
            self.close()
            self.error, self._retry_at_s = str(error), now_s + RETRY_S
            return None
        self.error = ""
        return result

    def set(self, on: bool, now_s: float) -> None:
        """Put a level on an output."""
        put = methodcaller("set", on)
        was_held = self.line is not None
        if self._on_failed and not on:
            self._retry_at_s = now_s
        tries = was_held or now_s >= self._retry_at_s
        self.use(put, now_s)
        if was_held and self.line is None:
            self._retry_at_s = now_s
            self.use(put, now_s)
        if tries:
            self._on_failed = on and self.line is None

    def peek(self) -> bool | None:
        """Return the level of an output; None if it cannot be read, which is no reason to let the line go."""
        if self.line is None:
            return None
        try:
            return self.line.get()
        except OSError as error:
            self.error = str(error)
            return None

    def close(self) -> None:
        """Give the line back."""
        if self.line is not None:
            self.line.close()
            self.line = None


class LineOutputs:
    """Lines or relays, each held by itself; every level is written again each time."""

    def __init__(self, configs: Mapping[str, OutputConfig], take: Callable[[LineConfig], gpio.Line]) -> None:
        self._held = {
            name: Held(partial(take, config.line)) for name, config in configs.items() if config.line is not None
        }

    def write(self, levels: Mapping[str, Level], now_s: float) -> None:
        for name, held in self._held.items():
            held.set(_lit(levels[name], now_s), now_s)

    def read(self, now_s: float) -> dict[str, Level | None]:
        return {name: held.peek() for name, held in self._held.items()}

    def errors(self) -> dict[str, str]:
        return {name: held.error for name, held in self._held.items() if held.error}

    def close(self) -> None:
        for held in self._held.values():
            held.close()


class GpioRemote:
    """The terminals on two lines: L at minus reads low, H at plus reads high."""

    def __init__(self, config: RemoteConfig) -> None:
        edges = gpio.Flag.INPUT | gpio.Flag.EDGE_RISING | gpio.Flag.EDGE_FALLING
        self._held = {
            name: Held(partial(request, line, edges, DEBOUNCE_US))
            for name, line in (("l", config.l), ("h", config.h))
            if line is not None
        }

    def read(self, now_s: float) -> RemoteLevels:
        high = {name: held.use(_level_now, now_s) for name, held in self._held.items()}
        l_high = high.get("l")
        return RemoteLevels(l_at_minus=None if l_high is None else not l_high, h_at_plus=high.get("h"))

    def errors(self) -> dict[str, str]:
        return {f"remote.{name}": held.error for name, held in self._held.items() if held.error}

    def lines(self) -> list[gpio.Line]:
        return [held.line for held in self._held.values() if held.line is not None]

    def close(self) -> None:
        for held in self._held.values():
            held.close()


def _lit(level: Level, now_s: float) -> bool:
    if isinstance(level, bool):
        return level
    return level is Led.ON or (level is Led.BLINK and int(now_s / BLINK_S) % 2 == 0)


def _level_now(line: gpio.Line) -> bool:
    line.drop_events()
    return line.get()
