"""The pins behind the outputs, by kind, and the remote inputs: written, read back, opened again after a failure.

What only some configurations need is loaded where one does: it is memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from smallbms.outputs import gpio
from smallbms.outputs.gpio_pins import GpioRemote, Held, LineOutputs, request, request_output
from smallbms.outputs.lean import TYPE_CHECKING, NamedTuple
from smallbms.outputs.pinout import OUTPUT_KINDS, OutputConfig, Pinout, RemoteConfig
from smallbms.outputs.protocol import PINS, SAFE, Command, Level
from smallbms.outputs.remote import RemoteLevels
from smallbms.outputs.simulated import SimulatedOutputs, SimulatedRemote

if TYPE_CHECKING:
    from smallbms.outputs.backend import Backend, RemoteSource
    from smallbms.outputs.pulse import Pulse


class ReadBack(NamedTuple):
    """What the lines showed when they were last read; None = could not be read."""

    pins: Mapping[str, Level | None]
    feedback: Mapping[str, bool | None]
    errors: Mapping[str, str]


class Board:
    """All outputs, feedback contacts and remote inputs of one configuration; begins with everything off, red solid."""

    def __init__(self, pinout: Pinout, now_s: float) -> None:
        by_kind = {kind: {n: c for n, c in pinout.outputs.items() if c.kind == kind} for kind in OUTPUT_KINDS}
        self._backends = [_backend(kind, outputs, pinout.state_file) for kind, outputs in by_kind.items() if outputs]
        self._feedback: dict[str, Held] = {
            name: Held(partial(request, config.feedback, gpio.Flag.INPUT))
            for name, config in pinout.outputs.items()
            if config.feedback is not None
        }
        self._remote = None if pinout.remote is None else _remote(pinout.remote)
        self.pulse: Pulse | None = None
        if pinout.watchdog is not None:
            from smallbms.outputs.pulse import Pulse

            self.pulse = Pulse(Held(partial(request_output, pinout.watchdog)))
        self.write(SAFE, now_s)

    def write(self, command: Command, now_s: float) -> None:
        """Put a command on the pins."""
        levels: dict[str, Level] = {pin: getattr(command, name) for name, pin in PINS.items()}
        for backend in self._backends:
            backend.write(levels, now_s)

    def read(self, now_s: float) -> ReadBack:
        """Read every pin and every feedback contact."""
        pins = {name: level for backend in self._backends for name, level in backend.read(now_s).items()}
        feedback = {name: held.use(gpio.Line.get, now_s) for name, held in self._feedback.items()}
        errors = {name: text for backend in self._backends for name, text in backend.errors().items()}
        errors |= {f"{name}.feedback": held.error for name, held in self._feedback.items() if held.error}
        errors |= self._remote.errors() if self._remote else {}
        errors |= self.pulse.errors() if self.pulse else {}
        return ReadBack(pins=pins, feedback=feedback, errors=errors)

    def remote(self, now_s: float) -> RemoteLevels | None:
        """Read the remote inputs; None if there are none."""
        return self._remote.read(now_s) if self._remote else None

    def watched(self) -> list[gpio.Line]:
        """Return the lines that become readable when the remote inputs change."""
        return self._remote.lines() if self._remote else []

    def close(self, now_s: float) -> None:
        """Everything off, then give all lines back."""
        self.write(SAFE, now_s)
        for backend in self._backends:
            backend.close()
        for held in self._feedback.values():
            held.close()
        if self._remote:
            self._remote.close()
        if self.pulse:
            self.pulse.close(now_s)


def _backend(kind: str, outputs: Mapping[str, OutputConfig], state_file: str) -> Backend:
    if kind == "simulated":
        return SimulatedOutputs(state_file, tuple(outputs))
    if kind == "gpio":
        return LineOutputs(outputs, request_output)
    from smallbms.outputs.relay import Relay

    return LineOutputs(outputs, Relay)


def _remote(config: RemoteConfig) -> RemoteSource:
    if config.kind == "simulated":
        return SimulatedRemote(config)
    if config.kind == "gpio":
        return GpioRemote(config)
    from smallbms.outputs.analog import AnalogRemote

    return AnalogRemote(config)
