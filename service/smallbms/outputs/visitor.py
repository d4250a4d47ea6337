"""The client of the installer: it asks for the state, and says that an update begins or failed. It blocks."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

from smallbms.errors import OutputError
from smallbms.outputs.protocol import PROTOCOL, Role
from smallbms.outputs.state import ANSWER_LIMIT, State, answered, decode

ANSWER_S = 5.0  # a slow flash or a loaded machine; a begin is worth the wait


class Visitor(NamedTuple):
    """Visits the outputs process behind a socket, each time by a connection of its own; all raise OutputError."""

    path: str
    answer_s: float = ANSWER_S

    def state(self) -> State:
        """Return the state."""
        return decode(self._say({"op": "state"}))

    def protocol(self) -> int:
        """Return the protocol that the process speaks, which may be another one than that of this version."""
        spoken = self._say({"op": "state"}).get("protocol")
        if not isinstance(spoken, int):
            raise OutputError("the outputs process does not say which protocol it speaks")
        return spoken

    def begin(self, version: str) -> State:
        """Say that an update to `version` begins, or is tried again; return once the pins show it."""
        return self._order("update_begin", version)

    def failed(self, version: str) -> State:
        """Say that a reboot cut the update to `version` short; Refused (not_ready) while one is under way."""
        return self._order("update_failed", version)

    def _order(self, op: str, version: str) -> State:
        hello = {"op": "hello", "protocol": PROTOCOL, "role": Role.INSTALLER}
        return decode(self._say(hello, {"op": op, "version": version}))

    def _say(self, *messages: Mapping[str, object]) -> Mapping[str, Any]:
        """Return the state in the answer to the last message; a refusal of any is raised."""
        state: Mapping[str, Any] = {}
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self.answer_s)
                connection.connect(self.path)
                with connection.makefile("rb") as answers:
                    for message in messages:
                        connection.sendall(json.dumps(message).encode() + b"\n")
                        state = _state(answers.readline(ANSWER_LIMIT))
        except TimeoutError:
            raise OutputError(f"the outputs process at {self.path} does not answer") from None
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{self.path}: {error.strerror}") from None
        return state


def _state(line: bytes) -> Mapping[str, Any]:
    if not line:
        raise OutputError("the outputs process closed the connection")
    refusal, state = answered(line)
    if refusal is not None:
        raise refusal
    return state
