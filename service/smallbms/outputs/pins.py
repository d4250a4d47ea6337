"""The pins behind the outputs, by kind, and the remote inputs: written, read back, opened again after a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smallbms.outputs import gpio
from smallbms.outputs.gpio_pins import GpioOutputs, GpioRemote, Held
from smallbms.outputs.lean import TYPE_CHECKING, NamedTuple
from smallbms.outputs.pinout import Pinout, RemoteConfig
from smallbms.outputs.protocol import PINS, SAFE, Command, Level
from smallbms.outputs.remote import RemoteLevels
from smallbms.outputs.simulated import SimulatedOutputs, SimulatedRemote

if TYPE_CHECKING:
    from smallbms.outputs.backend import Backend, RemoteSource


class ReadBack(NamedTuple):
    """What the lines showed when they were last read; None = could not be read."""

    pins: Mapping[str, Level | None]
    feedback: Mapping[str, bool | None]
    errors: Mapping[str, str]


REMOTES: dict[str, Callable[[RemoteConfig], RemoteSource]] = {"gpio": GpioRemote, "simulated": SimulatedRemote}


class Board:
    """All outputs, feedback contacts and remote inputs of one configuration; begins with everything off, red solid."""

    def __init__(self, pinout: Pinout, now_s: float) -> None:
        by_kind = {kind: {n: c for n, c in pinout.outputs.items() if c.kind == kind} for kind in ("gpio", "simulated")}
        self._backends: list[Backend] = []
        if by_kind["gpio"]:
            self._backends.append(GpioOutputs(by_kind["gpio"]))
        if by_kind["simulated"]:
            self._backends.append(SimulatedOutputs(pinout.state_file, tuple(by_kind["simulated"])))
        self._feedback: dict[str, Held] = {
            name: Held(config.feedback, gpio.Flag.INPUT)
            for name, config in pinout.outputs.items()
            if config.feedback is not None
        }
        self._remote: RemoteSource | None = None
        if pinout.remote is not None:
            self._remote = REMOTES[pinout.remote.kind](pinout.remote)
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
