"""What stands behind the outputs and the remote inputs of one kind; no method raises OSError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from smallbms.outputs.gpio import Line
from smallbms.outputs.protocol import Level
from smallbms.outputs.remote import RemoteLevels


class Backend(Protocol):
    """Outputs of one kind."""

    def write(self, levels: Mapping[str, Level], now_s: float) -> None: ...
    def read(self, now_s: float) -> dict[str, Level | None]: ...
    def errors(self) -> dict[str, str]: ...
    def close(self) -> None: ...


class RemoteSource(Protocol):
    """The remote inputs of one kind."""

    def read(self, now_s: float) -> RemoteLevels: ...
    def errors(self) -> dict[str, str]: ...
    def lines(self) -> list[Line]: ...
    def close(self) -> None: ...
