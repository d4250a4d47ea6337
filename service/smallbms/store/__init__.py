"""Keeping state over restarts and power cuts: JSON objects in two-slot files, events in a bounded log.

It knows no battery words. Standard library only: a GX has no sqlite3.
"""

from __future__ import annotations

from .eventlog import EventLog, LoggedEvent
from .files import Files, JsonObject
from .slots import LoadResult, SlotFile, bytes_per_day
from .store import Store

__all__ = ["EventLog", "Files", "JsonObject", "LoadResult", "LoggedEvent", "SlotFile", "Store", "bytes_per_day"]
