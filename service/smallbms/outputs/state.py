"""What the outputs process answers: its whole state, written by one end and read by the other."""

from __future__ import annotations

import json
from collections.abc import Mapping

from smallbms.errors import OutputError
from smallbms.outputs.lean import TYPE_CHECKING, NamedTuple
from smallbms.outputs.protocol import Code, Command, Led, Refused
from smallbms.outputs.remote import RemoteLevels
from smallbms.outputs.update import UpdatePhase

if TYPE_CHECKING:
    from typing import Any

ANSWER_LIMIT = 65536  # bytes; no answer is that long


class Remote(NamedTuple):
    """The remote inputs as read, and what follows from them."""

    levels: RemoteLevels | None  # None: no remote is configured
    on: bool


class UpdateState(NamedTuple):
    """How far an update is; `failed` stays until acknowledged or the next good update, also through a next try."""

    phase: UpdatePhase
    failed: bool
    version: str
    discharge_held_off: bool
    time_left_s: float | None


class LastRefusal(NamedTuple):
    """The last line not obeyed; `at_s` is an uptime."""

    code: str
    text: str
    at_s: float


class State(NamedTuple):
    """The outputs process at one moment.

    `commanded` is the last heartbeat obeyed, None before the first and after a time-out; `applied` is what the pins
    ought to show after silence, update and remote; `pins` and `feedback` were read from the lines, None = not read;
    `readings` counts these read-backs, but for those in which a contact may still move. A LED that blinks reads as what
    it shows at that moment, or as "blink".
    """

    protocol: int
    pid: int
    start_id: str
    uptime_s: float
    controlled: bool
    armed: bool
    sequence: int | None
    commanded: Command | None
    applied: Command
    readings: int
    pins: Mapping[str, bool | Led | None]
    feedback: Mapping[str, bool | None]
    errors: Mapping[str, str]
    remote: Remote
    update: UpdateState
    last_refusal: LastRefusal | None


def encode(record: Any) -> dict[str, Any]:
    """Return a state, or a part of one, as JSON objects."""
    fields = zip(record._fields, record, strict=True)
    return {name: encode(part) if isinstance(part, tuple) else part for name, part in fields}


def answered(line: bytes) -> tuple[Refused | None, Mapping[str, Any]]:
    """Return what an answer says, why not and the state before it is decoded; raise OutputError if it is none."""
    try:
        answer = json.loads(line)
        refusal = None if answer["ok"] else Refused(Code(answer["code"]), str(answer["text"]))
        return refusal, answer["state"]
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"the outputs process answered nonsense: {error!r}") from None


def decode(message: Mapping[str, Any]) -> State:
    """Return the state in an answer; raise OutputError if it is none."""
    try:
        levels = message["remote"]["levels"]
        parts = {
            "commanded": message["commanded"] and _command(message["commanded"]),
            "applied": _command(message["applied"]),
            "remote": Remote(levels=levels and RemoteLevels(**levels), on=message["remote"]["on"]),
            "update": UpdateState(**message["update"] | {"phase": UpdatePhase(message["update"]["phase"])}),
            "last_refusal": message["last_refusal"] and LastRefusal(**message["last_refusal"]),
        }
        return State(**{**message, **parts})
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(f"the outputs process answered with no state: {error!r}") from None


def _command(fields: Mapping[str, Any]) -> Command:
    return Command(**{**fields, "red_led": Led(fields["red_led"]), "blue_led": Led(fields["blue_led"])})
