"""What is said over the socket of the outputs process: one JSON object a line, each answered by one.

The first line of a client that wants to command is `hello`; `state` may be asked by anyone at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum

from smallbms.errors import OutputError
from smallbms.outputs.lean import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

PROTOCOL = 1
LINE_LIMIT = 8192  # bytes
NAME_LIMIT = 64  # characters of a version


class Led(StrEnum):
    """What a LED shows."""

    OFF = "off"
    ON = "on"
    BLINK = "blink"


Level = bool | Led  # what one output is told


class Command(NamedTuple):
    """All outputs at once; the empty one lets everything float."""

    atc: bool = False
    atd: bool = False
    pre_alarm: bool = False
    red_led: Led = Led.OFF
    blue_led: Led = Led.OFF


SAFE = Command(red_led=Led.ON)

# The pin that carries each field of a command.
PINS = {
    "atc": "charge_disconnect",
    "atd": "load_disconnect",
    "pre_alarm": "pre_alarm",
    "red_led": "red_led",
    "blue_led": "blue_led",
}


class Role(StrEnum):
    """What a client may do: command (only one), say that an update begins (only one), or look on."""

    CONTROL = "control"
    INSTALLER = "installer"
    OBSERVE = "observe"


class Code(StrEnum):
    """Why a line was refused; these words are frozen."""

    BAD_LINE = "bad_line"
    BAD_PINS = "bad_pins"
    CONTROL_TAKEN = "control_taken"
    FROM_FUTURE = "from_future"
    HELLO_FIRST = "hello_first"
    HELLO_TWICE = "hello_twice"
    INSTALLER_TAKEN = "installer_taken"
    NOT_ALLOWED = "not_allowed"
    NOT_ARMED = "not_armed"
    NOT_READY = "not_ready"
    OLD_SEQUENCE = "old_sequence"
    PROTOCOL_MISMATCH = "protocol_mismatch"
    REPLACED = "replaced"
    TOO_OLD = "too_old"
    UNKNOWN_OP = "unknown_op"


class Refused(OutputError):
    """A line that is not obeyed: its code, and a sentence for people."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Hello(NamedTuple):
    """The first line; `pins` is the configuration of pinout.py and needed by role control."""

    protocol: int
    role: Role
    pins: Mapping[str, object] | None = None


class Arm(NamedTuple):
    """Asks that heartbeats be obeyed again; itself refused when older than a heartbeat may be."""

    sent_at_s: float


class Heartbeat(NamedTuple):
    """The command of one engine step, `step_at_s` of CLOCK_MONOTONIC.

    `cell_alarm`: a cell is in alarm. `starting`: ATD is No only because the program has just started: not every battery
    is read yet, or this process was reached a moment ago.
    """

    sequence: int
    step_at_s: float
    outputs: Command
    cell_alarm: bool = False
    starting: bool = False


class GetState(NamedTuple):
    """Asks for nothing but the state."""


class UpdateBegin(NamedTuple):
    """An update to `version` begins, or is tried again."""

    version: str


class UpdateFailed(NamedTuple):
    """The update to `version` was cut short by a reboot, of which this process knows nothing."""

    version: str


class UpdateHealthy(NamedTuple):
    """`version` runs: it tested itself, sends heartbeats and has read every battery."""

    version: str


class UpdateAcknowledge(NamedTuple):
    """A person has seen that the update failed."""


Order = Arm | Heartbeat | UpdateBegin | UpdateFailed | UpdateHealthy | UpdateAcknowledge
Request = Hello | GetState | Order

ORDERS: dict[Role, tuple[type, ...]] = {
    Role.CONTROL: (Arm, Heartbeat, UpdateHealthy, UpdateAcknowledge),
    Role.INSTALLER: (UpdateBegin, UpdateFailed),
    Role.OBSERVE: (),
}


def parse(line: bytes) -> Request:
    """Return the request in one line; raise Refused."""
    try:
        message = _DECODER.decode(line.decode())
    except (ValueError, RecursionError) as error:
        raise Refused(Code.BAD_LINE, f"not JSON: {error}") from None
    if not isinstance(message, dict):
        raise Refused(Code.BAD_LINE, "not a JSON object")
    op = message.pop("op", None)
    if not isinstance(op, str) or op not in OPS:
        raise Refused(Code.UNKNOWN_OP, f"op {_short(op)} is unknown; there are {', '.join(OPS)}")
    if op == "hello" and message.get("protocol") != PROTOCOL:
        spoken = _short(message.get("protocol"))
        raise Refused(Code.PROTOCOL_MISMATCH, f"this process speaks protocol {PROTOCOL}, the client {spoken}")
    make, checks = OPS[op]
    request: Request = _record(op, message, make, checks)
    return request


def command(message: object) -> Command:
    """Return the outputs named in a JSON object; raise Refused."""
    if not isinstance(message, dict):
        raise Refused(Code.BAD_LINE, "outputs: not a JSON object")
    found: Command = _record("outputs", message, Command, _COMMAND_CHECKS, required=Command._fields)
    return found


def _record(
    where: str,
    message: dict[str, object],
    make: Callable[..., Any],
    checks: dict[str, Callable[[object], object]],
    required: tuple[str, ...] | None = None,
) -> Any:
    defaults = getattr(make, "_field_defaults", {})
    needed = required if required is not None else tuple(name for name in checks if name not in defaults)
    missing = [name for name in needed if name not in message]
    unknown = [name for name in message if name not in checks]
    if missing or unknown:
        words = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has unknown {_short(unknown)}"] * bool(unknown)
        raise Refused(Code.BAD_LINE, f"{where} {' and '.join(words)}")
    values = {}
    for name, value in message.items():
        try:
            values[name] = checks[name](value)
        except (ValueError, TypeError) as error:
            raise Refused(Code.BAD_LINE, f"{where}: {name} {error}, not {_short(value)}") from None
    return make(**values)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number here")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _short(value: object) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:  # it could just be read
        return "something nested deep"
    return text if len(text) <= NAME_LIMIT else text[:NAME_LIMIT] + "…"


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise TypeError("must be a whole number of at most 63 bits")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise TypeError("must be seconds")
    return float(value)


def _version(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= NAME_LIMIT:
        raise TypeError(f"must be a text of 1…{NAME_LIMIT} characters")
    return value


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("must be a JSON object")
    return value


def _led(value: object) -> Led:
    if value not in tuple(Led):
        raise TypeError(f"must be one of {', '.join(Led)}")
    return Led(str(value))


def _role(value: object) -> Role:
    if value not in tuple(Role):
        raise TypeError(f"must be one of {', '.join(Role)}")
    return Role(str(value))


_COMMAND_CHECKS: dict[str, Callable[[object], object]] = {
    "atc": _flag,
    "atd": _flag,
    "pre_alarm": _flag,
    "red_led": _led,
    "blue_led": _led,
}

OPS: dict[str, tuple[Callable[..., Request], dict[str, Callable[[object], object]]]] = {
    "hello": (Hello, {"protocol": _whole, "role": _role, "pins": _object}),
    "arm": (Arm, {"sent_at_s": _seconds}),
    "heartbeat": (
        Heartbeat,
        {"sequence": _whole, "step_at_s": _seconds, "outputs": command, "cell_alarm": _flag, "starting": _flag},
    ),
    "state": (GetState, {}),
    "update_begin": (UpdateBegin, {"version": _version}),
    "update_failed": (UpdateFailed, {"version": _version}),
    "update_healthy": (UpdateHealthy, {"version": _version}),
    "update_acknowledge": (UpdateAcknowledge, {}),
}
