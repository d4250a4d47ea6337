"""The tree of errors: by who is at fault, and what to do about it."""

from __future__ import annotations


class BmsError(Exception):
    """Base of all; never raised itself."""


class LinkError(BmsError, ConnectionError):
    """The wire does not work: retry with back-off."""


class FrameError(BmsError, ValueError):
    """Bytes that are no valid frame: drop and count."""


class SettingsError(BmsError, ValueError):
    """A refused change; its text is for the writer: the name, the value, what is allowed."""


class ConfigError(BmsError, ValueError):
    """A wrong configuration: file, key, value, what is allowed; the program ends with status 2."""


class OutputError(BmsError, OSError):
    """The outputs process or a pin does not obey: a reason and an alarm, then reconnect."""


class StoreError(BmsError, OSError):
    """State cannot be kept: run on and raise an alarm."""


class InstallError(BmsError):
    """Installing, updating or removing cannot go on; its text says why, what to do, and what is unchanged."""
