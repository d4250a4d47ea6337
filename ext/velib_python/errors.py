"""What can go wrong on the bus, by who is at fault."""

from __future__ import annotations


class VelibError(Exception):
    """Base of all; never raised itself."""


class NameTakenError(VelibError):
    """The service name has an owner already."""


class DbusError(VelibError):
    """An error reply: one that a peer sent, or, raised by a method handler, one that we send."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class SettingRefusedError(VelibError, ValueError):
    """localsettings refused a setting; `code` is its answer."""

    def __init__(self, path: str, code: int, reason: str) -> None:
        super().__init__(f"{path}: {reason} ({code})")
        self.path = path
        self.code = code
