"""What a person changes: one type for each wish, one inbox for all doors (D-Bus, MQTT, web, command line).

`origin` says through which door it came; it goes into the event log.
"""

from __future__ import annotations

from smallbms.frozen import frozen
from smallbms.words import Mode


@frozen
class SetSetting:
    name: str
    value: float | int | str
    origin: str = ""


@frozen
class SetSoc:
    soc_pct: float
    origin: str = ""


@frozen
class SetMode:
    mode: Mode
    origin: str = ""


@frozen
class Synchronise:
    origin: str = ""


@frozen
class ClearHistory:
    origin: str = ""


@frozen
class ResetDefaults:
    origin: str = ""


@frozen
class Acknowledge:
    origin: str = ""


Change = SetSetting | SetSoc | SetMode | Synchronise | ClearHistory | ResetDefaults | Acknowledge
