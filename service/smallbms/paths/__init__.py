"""Every bus path once, over a Snapshot: D-Bus type, MQTT topic, text, JSON, bounds and documentation follow from it.

One file for each part of the device; `table` puts them together, `tracker` finds what changed.
"""

from __future__ import annotations

from smallbms.paths.documentation import documentation
from smallbms.paths.not_published import NOT_PUBLISHED
from smallbms.paths.row import Echo, Group, Row, cells_in_series
from smallbms.paths.table import Shape, groups_for
from smallbms.paths.tracker import Tracker, Values

__all__ = [
    "NOT_PUBLISHED",
    "Echo",
    "Group",
    "Row",
    "Shape",
    "Tracker",
    "Values",
    "cells_in_series",
    "documentation",
    "groups_for",
]
