"""A battery that a scan has found."""

from __future__ import annotations

from collections.abc import Mapping

from smallbms.frozen import frozen
from smallbms.model import BatteryReading


@frozen
class Found:
    """The keys of its table in the configuration, and what it said; `needs`: keys that only a person can state."""

    table: Mapping[str, str | int]
    reading: BatteryReading
    needs: tuple[str, ...] = ()
