"""Outputs and remote inputs as words in files, for demos and tests."""

from __future__ import annotations

import os
from collections.abc import Mapping

from smallbms.outputs import gpio
from smallbms.outputs.files import load_object, replace_file
from smallbms.outputs.pinout import RemoteConfig
from smallbms.outputs.protocol import Led, Level
from smallbms.outputs.remote import RemoteLevels


class SimulatedOutputs:
    """Outputs as words in a file, replaced by rename at each change and read back from it."""

    def __init__(self, path: str, names: tuple[str, ...]) -> None:
        self._path = path
        self._names = names
        self._error = ""
        self._shown: dict[str, Level | None] = {}
        self._seen: tuple[int, int] | None = None  # the file that shows it

    def write(self, levels: Mapping[str, Level], now_s: float) -> None:
        wanted = {name: levels[name] for name in self._names}
        if self._shown == wanted:
            return
        try:
            replace_file(self._path, wanted)
            self._error, self._seen = "", None
        except OSError as error:
            self._error = str(error)

    def read(self, now_s: float) -> dict[str, Level | None]:
        try:
            status = os.stat(self._path)
            seen = status.st_ino, status.st_mtime_ns
            if seen == self._seen:
                return self._shown
            found, self._seen = load_object(self._path), seen
        except (OSError, ValueError) as error:
            self._error, self._seen, found = f"{self._path}: {error}", None, {}
        self._shown = {name: _level(found.get(name), name) for name in self._names}
        return self._shown

    def errors(self) -> dict[str, str]:
        return dict.fromkeys(self._names, self._error) if self._error else {}

    def close(self) -> None:
        """Nothing is held."""


class SimulatedRemote:
    """The terminals as words in a file."""

    def __init__(self, config: RemoteConfig) -> None:
        self._path = config.state_file
        self._error = ""

    def read(self, now_s: float) -> RemoteLevels:
        try:
            found = load_object(self._path)
        except (OSError, ValueError) as error:
            self._error = f"{self._path}: {error}"
            return RemoteLevels(l_at_minus=None, h_at_plus=None)
        self._error = ""
        terminals = (found.get("l"), found.get("h"))
        known = [word if word in ("open", "minus", "plus", "joined") else None for word in terminals]
        return RemoteLevels(
            l_at_minus=None if known[0] is None else known[0] == "minus",
            h_at_plus=None if known[1] is None else known[1] == "plus",
            joined="joined" in known,
        )

    def errors(self) -> dict[str, str]:
        return {"remote": self._error} if self._error else {}

    def lines(self) -> list[gpio.Line]:
        return []

    def close(self) -> None:
        """Nothing is held."""


def _level(found: object, name: str) -> Level | None:
    if name.endswith("_led"):
        return Led(found) if isinstance(found, str) and found in tuple(Led) else None
    return found if isinstance(found, bool) else None
